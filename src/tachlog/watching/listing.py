"""Which files there are, and which of them are not as they were when they were last looked at."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from time import monotonic, time_ns
from typing import Final, NamedTuple

from tachlog.discovery import LOG_NAME, SKIPPED_DIRECTORIES, MissingPath, walk
from tachlog.model import Problem
from tachlog.watching.eyes import Eyes, Stamp, stamp_of
from tachlog.watching.places import MOUNTS, Places, on_network

SWEEP_SECONDS: Final = 60.0
"""How often everything is listed again, for what nobody told of."""

ROOTS_SECONDS: Final = 2.0
"""How often the places themselves are looked at, since they may come, go and be replaced."""

DATABASE_ENDS: Final = ("-wal", "-journal", "-shm")


class _Root(NamedTuple):
    """A place, and what is there now: a directory, a file, or nothing (`identity` None)."""

    path: str
    identity: tuple[int, int] | None
    is_directory: bool


class Listing:
    """The files of some places, watched by eyes of its own.

    `is_known` and `is_database` say of a path whether it was ever read, and as what.
    """

    def __init__(
        self,
        places: Places,
        is_known: Callable[[str], bool],
        is_database: Callable[[str], bool],
        *,
        poll: bool,
    ) -> None:
        self.eyes = Eyes()
        self.due: dict[str, int] = {}
        """Files to look at, and when they were seen to have changed (µs)."""
        self.notes: dict[str, str] = {}
        """What cannot be listed or watched, by path."""
        self._places = places
        self._is_known = is_known
        self._is_database = is_database
        self._poll = poll
        self._stamps: dict[str, tuple[Stamp | None, ...]] = {}
        self._roots: list[_Root] = []
        self._folders: dict[str, str] = {}
        """Directories by their real paths, as the walk came to them."""
        self._next_sweep = self._next_roots = 0.0

    def look(self) -> None:
        """See to the places, and list everything where it is time."""
        now = monotonic()
        if now >= self._next_roots:
            self._next_roots = now + ROOTS_SECONDS
            fresh = [*map(_root, self._paths(now >= self._next_sweep))]
            if fresh != self._roots:
                self._roots = fresh
                self._watch()
                self._next_sweep = now
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_SECONDS
            self._sweep()

    def next_look(self) -> float:
        """When it is time to look again, on the monotonic clock."""
        return min(self._next_sweep, self._next_roots)

    def forget(self) -> None:
        """Take every file as changed, soon."""
        self._stamps.clear()
        self._next_sweep = 0.0

    def written_ns(self, path: str) -> int:
        """When a file was written last."""
        stamps = [stamp for stamp in self._stamps.get(path, ()) if stamp]
        return max((stamp[1] for stamp in stamps), default=0)

    def _paths(self, anew: bool) -> Sequence[str]:
        if not anew and self._roots:
            return [root.path for root in self._roots]
        return [path for path in self._places() if "://" not in path]

    def _watch(self) -> None:
        mounts = MOUNTS.read_text() if MOUNTS.exists() else ""
        there = [root for root in self._roots if root.identity is not None]
        near = [r.path for r in there if r.is_directory and not on_network(r.path, mounts)]
        far = [r.path for r in there if r.path not in near]
        self.eyes.watch(near, far, poll=self._poll)
        self.notes.pop("", None)
        if self.eyes.fault:
            self.notes[""] = self.eyes.fault

    def _sweep(self) -> None:
        """Take up every file that is not as it was when it was last looked at."""
        listed: list[str] = []
        folders: set[str] = set()
        for found in self._walked([root.path for root in self._roots if root.identity]):
            listed.append(found)
            folders.add(os.path.dirname(found))
        self._folders = {os.path.realpath(folder): folder for folder in folders}
        for path in listed:
            self._notice(path)
        gone = self._stamps.keys() - set(listed)
        for path in gone:
            if not os.path.exists(path):
                del self._stamps[path]

    def _walked(self, paths: Sequence[str]) -> Iterator[str]:
        try:
            for found in walk(paths):
                if isinstance(found, Problem):
                    self.notes[found.path] = found.detail
                else:
                    self.notes.pop(found, None)
                    yield found
        except MissingPath:
            self._next_roots = 0.0

    def take(self, changed: Iterable[str]) -> None:
        """Take up what the eyes saw: logs, and what directories hold that appeared."""
        for path in changed:
            if any(part in SKIPPED_DIRECTORIES for part in path.split(os.sep)):
                continue
            if os.path.isdir(path):
                for found in self._walked([path]):
                    self._notice(self._usual(found))
                continue
            for end in DATABASE_ENDS:
                path = path.removesuffix(end)
            if LOG_NAME.fullmatch(os.path.basename(path)) or self._is_root(path):
                self._notice(self._usual(path))

    def _is_root(self, path: str) -> bool:
        return any(root.path == path for root in self._roots)

    def _usual(self, path: str) -> str:
        """The name by which a file is known: links may lead to it in several ways."""
        folder, name = os.path.split(path)
        real = os.path.realpath(folder)
        return os.path.join(self._folders.get(real, folder), name)

    def _notice(self, path: str) -> None:
        """A file is due if it is not as it was when it was last looked at."""
        stamps = (stamp_of(path), *(stamp_of(path + end) for end in self._ends(path)))
        if stamps == self._stamps.get(path, (None,)):
            return
        self._stamps[path] = stamps
        if stamps[0] is not None or self._is_known(path):
            self.due.setdefault(path, time_ns() // 1000)

    def _ends(self, path: str) -> tuple[str, ...]:
        return DATABASE_ENDS[:1] if self._is_database(path) else ()


def _root(path: str) -> _Root:
    try:
        told = os.stat(path)
    except (OSError, ValueError):
        return _Root(path, None, False)
    return _Root(path, (told.st_dev, told.st_ino), stat.S_ISDIR(told.st_mode))
