"""What open dashboards cost a service at rest: so many listeners, the processor time of a minute.

Usage: python bench/dashboards.py ARCHIVE [--count 50] [--seconds 60]

Each listener is a page that was loaded and listens for changes, as a browser's tabs do together.
Prints JSON: the share of a core of the service with and without them.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import sysconfig
import time
from pathlib import Path
from urllib.parse import urlsplit

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def processor_s(pid: int) -> float:
    """Processor time of a process and of its children that still run, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    own = sum(map(int, fields[11:13])) / TICKS_A_SECOND
    return own + sum(processor_s(int(child)) for child in children)


def share(pid: int, seconds: float) -> float:
    """The share of a core that a service takes."""
    before, begun = processor_s(pid), time.perf_counter()
    time.sleep(seconds)
    return (processor_s(pid) - before) / (time.perf_counter() - begun)


def opened(port: int) -> http.client.HTTPConnection:
    """One dashboard: the page and what it is made of, then a stream of changes."""
    for path in ("/", "/static/live.js", "/static/tachlog.css"):
        asking = http.client.HTTPConnection("127.0.0.1", port)
        asking.request("GET", path)
        asking.getresponse().read()
        asking.close()
    listening = http.client.HTTPConnection("127.0.0.1", port)
    listening.request("GET", "/api/v1/live")
    listening.getresponse().readline()
    return listening


def main() -> None:
    """Serve, listen, measure, tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    asked = parser.parse_args()
    command = Path(sysconfig.get_path("scripts")) / "tachlog"
    words = [command, "serve", "--no-token", "--port", "0", "--db", asked.archive]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as service:
        try:
            assert service.stdout is not None
            line = service.stdout.readline().strip()
            port = urlsplit(json.loads(line)["url"] if line.startswith("{") else line).port
            assert port is not None
            time.sleep(10)
            alone = share(service.pid, asked.seconds)
            tabs = [opened(port) for _ in range(asked.count)]
            time.sleep(5)
            watched = share(service.pid, asked.seconds)
        finally:
            service.terminate()
    found = {"dashboards": len(tabs), "seconds": asked.seconds, "alone": alone, "watched": watched}
    print(json.dumps({name: round(value, 4) for name, value in found.items()}))


if __name__ == "__main__":
    main()
