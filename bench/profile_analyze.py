"""Where the time of a run goes: one process under cProfile, the functions that take most of it.

`python bench/profile_analyze.py OUT ARGUMENTS…`, for example `… /tmp/run.prof analyze --no-store
LOGS`; `make profile` chooses them. OUT can be opened with any viewer of Python profiles (`python -m
pstats`, snakeviz, flameprof for a flame graph). Prints the functions by their own time, then those
by the time of all that they call.
"""

from __future__ import annotations

import cProfile
import pstats
import sys

from tachlog.cli import main

SHOWN = 30


def profiled(place: str, arguments: list[str]) -> None:
    """Run, keep the profile, and print what takes most."""
    profile = cProfile.Profile()
    answered, sys.stdout = sys.stdout, sys.stderr
    try:
        profile.runcall(main, arguments)
    except SystemExit:
        pass
    finally:
        sys.stdout = answered
    profile.dump_stats(place)
    told = pstats.Stats(profile, stream=sys.stdout).strip_dirs()
    for order in ("tottime", "cumtime"):
        told.sort_stats(order).print_stats(SHOWN)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    profiled(sys.argv[1], sys.argv[2:])
