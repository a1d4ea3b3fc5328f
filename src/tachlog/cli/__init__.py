"""The command `tachlog`: one verb per run, an exit code that says how it went.

0: answered, gaps counted; 1: part of what was asked could not be done; 2: misuse; 3: what
`--fail-on` names was found; 130: stopped by Ctrl-C; 141: nobody reads the answer any more.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

__all__ = ["main"]

GARBAGE_FROM = 100_000
"""Objects after which the collector looks for cycles: an answer makes many objects and drops none
before it is told, so that looking after every 700 took a fifth of the time of long ones."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; faults are told on stderr, never raised."""
    from tachlog.cli.calling import Caller, this_caller
    from tachlog.cli.running import run

    gc.set_threshold(GARBAGE_FROM)
    caller: Caller = this_caller()
    try:
        code = run(list(sys.argv[1:] if argv is None else argv), caller)
        caller.out.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # What is still buffered has no reader: let the interpreter flush it into nothing at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return code
