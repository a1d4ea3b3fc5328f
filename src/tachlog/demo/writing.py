"""Writes sessions to disk as they come, and adds up what they hold."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path

from tachlog.demo.agent_log import RowLog
from tachlog.demo.transcripts import Transcript
from tachlog.demo.truth import Fork, SessionTruth, Tally, Truth

MOST_THREADS = 2_000
ROWS_FILE_BYTES = 8_000_000

# Kinds of records that say nothing about a session's work.
MEANINGLESS = frozenset(
    {
        "attachment/deferred_tools_delta",
        "attachment/skill_listing",
        "file-history-snapshot",
        "last-prompt",
        "mode",
        "permission-mode",
        "progress/bash_progress",
        "progress/hook_progress",
        "summary",
        "tools-used",
    }
)


class Output:
    """A directory that example logs are written to; memory does not grow with their size.

    What is known about single threads is kept for at most `most_threads`; a new file of rows is
    begun when one has more than `rows_file_bytes`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        most_threads: int = MOST_THREADS,
        rows_file_bytes: int = ROWS_FILE_BYTES,
    ) -> None:
        self._most_threads = most_threads
        self._rows_file_bytes = rows_file_bytes
        self.bytes = 0
        self._directory = directory
        self._files = 0
        self._made: set[Path] = set()
        self._tally = Tally()
        self._kinds: Counter[str] = Counter()
        self._sessions: list[SessionTruth] = []
        self._forks: list[Fork] = []
        self._session_count = self._thread_count = 0
        self._copies = self._damaged = self._joined = self._blank = self._unterminated = 0
        self._rows_files: dict[str, tuple[int, int]] = {}

    def transcript(self, session: Transcript) -> None:
        """Write a Claude Code session."""
        session.close()
        for path, text in session.files().items():
            self._write(path, text, append=False)
        for _, thread in session.threads():
            self._kinds.update(thread.kinds)
            self._tally.add(thread.tally)
        self._copies += session.copies
        self._damaged += session.damaged
        self._joined += session.joined
        self._blank += session.blank
        self._unterminated += session.unterminated
        self._session_count += 1
        self._thread_count += 1 + len(session.subs)
        if self._thread_count <= self._most_threads:
            self._sessions += session.truths()
            self._forks += [session.fork] if session.fork else []

    def rows(self, log: RowLog) -> None:
        """Write a session of AgentLog rows."""
        log.tally.end_loop()
        number, size = self._rows_files.get(log.desk, (1, 0))
        if size > self._rows_file_bytes:
            number, size = number + 1, 0
        path = f"agent-logs/{log.desk}-{number:04d}.ndjson"
        self._write(path, "".join(log.rows), append=size > 0)
        self._rows_files[log.desk] = (number, size + log.size)
        self._kinds["agent-log"] += len(log.rows)
        self._tally.add(log.tally)
        self._session_count += 1
        self._thread_count += 1
        if self._thread_count <= self._most_threads:
            self._sessions.append(log.truth(path))

    def _write(self, path: str, text: str, *, append: bool) -> None:
        file = self._directory / path
        if not append:
            self._make(file.parent)
            self._files += 1
        content = text.encode()
        with file.open("ab" if append else "wb") as stream:
            stream.write(content)
        self.bytes += len(content)

    def _make(self, directory: Path) -> None:
        if directory not in self._made:
            directory.mkdir(parents=True, exist_ok=True)
            if directory.name != "subagents":
                self._made.add(directory)

    def truth(self, seed: int, until: datetime, secret: str) -> Truth:
        """What was written."""
        kept = self._thread_count <= self._most_threads
        return Truth(
            seed=seed,
            until=until,
            files=self._files,
            bytes=self.bytes,
            records=self._kinds.total(),
            copies=self._copies,
            kinds=dict(sorted(self._kinds.items())),
            meaningless=sum(self._kinds[kind] for kind in MEANINGLESS),
            damaged_lines=self._damaged,
            joined_lines=self._joined,
            blank_lines=self._blank,
            unterminated_files=self._unterminated,
            planted_secret=secret,
            session_count=self._session_count,
            thread_count=self._thread_count,
            totals=self._tally.figures(),
            sessions=tuple(self._sessions) if kept else None,
            forks=tuple(self._forks) if kept else None,
        )
