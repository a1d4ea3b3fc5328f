"""tachlog reads the logs of AI agents and tells what they did, what it cost and where it failed."""

__version__ = "0.1.0"
