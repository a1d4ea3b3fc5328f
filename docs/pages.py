"""Write the pictures of two pages, from the example logs: `python docs/pages.py`, or `make docs`.

It needs Chromium.
"""

import json
import os
import subprocess
import sysconfig
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

DOCS = Path(__file__).resolve().parent
COMMAND = Path(sysconfig.get_path("scripts")) / "tachlog"


def main() -> None:
    """Serve the example logs and take the pictures."""
    with tempfile.TemporaryDirectory() as home:
        environ = {**os.environ, "HOME": home, "TZ": "UTC"}
        logs, archive = f"{home}/.claude/projects", f"{home}/a.db"
        subprocess.run([COMMAND, "demo", logs], env=environ, check=True, capture_output=True)
        told = subprocess.run(
            [COMMAND, "analyze", logs, "--db", archive, "--json"],
            env=environ,
            check=True,
            capture_output=True,
        )
        sessions = [s for s in json.loads(told.stdout)["sessions"] if s["tree"]]
        session = max(sessions, key=lambda s: len(s["error_breakdown"]) * s["model_calls"])
        serving = subprocess.Popen(
            [COMMAND, "serve", "--db", archive, "--port", "0", "--no-token", "--json"],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert serving.stdout is not None
        try:
            url = json.loads(serving.stdout.readline())["url"]
            take(url, {"cost": "cost", "session": f"sessions/{session['session_id']}"})
        finally:
            serving.terminate()
            serving.wait()


def take(url: str, pages: dict[str, str]) -> None:
    """Take a picture of the top of each page."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        page = chromium.new_page(viewport={"width": 1200, "height": 900})
        for name, path in pages.items():
            page.goto(url + path)
            page.wait_for_selector("#link.live")
            page.screenshot(path=DOCS / f"{name}.png")
        chromium.close()


if __name__ == "__main__":
    main()
