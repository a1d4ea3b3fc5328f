"""What keeps a file or table from being read, in words that say what to do."""

from __future__ import annotations


class FrameError(Exception):
    """A file or table could not be read to its end: `what` is wrong, and what `todo` about it."""

    def __init__(self, path: str, what: str, todo: str) -> None:
        super().__init__(path, what, todo)
        self.path = path
        self.what = what
        self.todo = todo

    def __str__(self) -> str:
        return f"{self.path} {self.detail}"

    @property
    def detail(self) -> str:
        """The message without the path, for where that is told already."""
        return f"{self.what}: {self.todo}"
