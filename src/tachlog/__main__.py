"""Run the command as `python -m tachlog`."""

import sys

from tachlog.cli import main

if __name__ == "__main__":
    sys.exit(main())
