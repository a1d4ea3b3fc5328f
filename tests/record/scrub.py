"""Takes out of recorded logs what is not ours to publish and what tells of the machine."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

LONGEST_CHARACTERS = 400
"""Our own prompts, answers and files are all shorter than this; an agent's instructions are not."""

_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"

Rule = Callable[[Any], Any]


class Scrub:
    """Replaces the place of the recording, the name of the host, and texts of the agent's makers.

    Texts that match one of `patterns` lose what matches, and long ones all, wherever they stand:
    a note of their length takes the place. A long text that is a JSON object is scrubbed inside.
    `rules` see each object last.
    """

    def __init__(
        self, root: Path, patterns: Iterable[str] = (), rules: Iterable[Rule] = ()
    ) -> None:
        slugs = (re.sub(r"[^A-Za-z0-9]", "-", str(root)), str(root).replace("/", "-"))
        self._texts = [(mine, "") for mine in (str(root), *slugs, str(root).lstrip("/"))]
        host = socket.gethostname()
        if len(host) > 3:
            self._texts.append((host, "till"))
        self._patterns = [re.compile(pattern, re.DOTALL) for pattern in patterns]
        self._rules = tuple(rules)

    def text(self, text: str) -> str:
        """A text without the place of the recording."""
        for mine, instead in self._texts:
            text = text.replace(mine, instead)
        return text

    def lines(self, data: bytes) -> bytes:
        """JSON lines, indented objects, or one document, scrubbed; what is binary is already."""
        if data.startswith((b"SQLite format 3", b"PK\x03\x04")):
            return data
        text = data.decode("utf-8")
        if text.startswith("{\n") and "\n}\n{\n" in text:
            each = [json.loads(one + "}") for one in text.split("\n}\n")[:-1]]
            return "".join(json.dumps(self.value(one), indent=2) + "\n" for one in each).encode()
        try:
            whole = json.loads(text)
        except ValueError:
            lines = [json.loads(line) for line in text.split("\n") if line.strip()]
            return "".join(_told(self.value(line)) + "\n" for line in lines).encode()
        told = _told(self.value(whole))
        return (told + "\n" if text.endswith("\n") else told).encode()

    def database(self, path: Path, tables: Sequence[str]) -> bytes:
        """A SQLite database, reduced to these tables, each text in them scrubbed."""
        with closing(sqlite3.connect(path, isolation_level=None)) as kept:
            kept.execute("PRAGMA journal_mode = DELETE")
            kept.execute("PRAGMA foreign_keys = OFF")
            found = [name for (name,) in kept.execute(_TABLES) if not name.startswith("sqlite_")]
            for table in set(found) - set(tables):
                kept.execute(f'DROP TABLE "{table}"')
            for table in tables:
                rows = kept.execute(f'SELECT rowid, * FROM "{table}"')
                columns = [column[0] for column in rows.description[1:]]
                for number, *cells in rows.fetchall():
                    told = [self._cell(cell) for cell in cells]
                    into = ", ".join(f'"{name}" = ?' for name in columns)
                    kept.execute(f'UPDATE "{table}" SET {into} WHERE rowid = ?', (*told, number))
            kept.execute("VACUUM")
        return path.read_bytes()

    def _cell(self, cell: Any) -> Any:
        if not isinstance(cell, str):
            return cell
        try:
            value = json.loads(cell)
        except ValueError:
            return self.value(cell)
        return _told(self.value(value)) if isinstance(value, dict | list) else cell

    def value(self, value: Any) -> Any:
        """A JSON value, scrubbed."""
        if isinstance(value, str):
            return self._ours(self.text(value))
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            scrubbed = {self.text(key): self.value(item) for key, item in value.items()}
            for rule in self._rules:
                scrubbed = rule(scrubbed)
            return scrubbed
        return value

    def _ours(self, text: str) -> str:
        for pattern in self._patterns:
            text = pattern.sub(lambda found: _note(found[0]), text)
        if len(text) <= LONGEST_CHARACTERS:
            return text
        try:
            inside = json.loads(text)
        except ValueError:
            return _note(text)
        return _told(self.value(inside)) if isinstance(inside, dict) else _note(text)


def noted(value: Any) -> Any:
    """The same structure, each text in it replaced by a note of its length; `type`s stay."""
    if isinstance(value, str):
        return value if value.startswith("[") and value.endswith(" characters]") else _note(value)
    if isinstance(value, list):
        return [noted(item) for item in value]
    if isinstance(value, dict):
        return {key: item if key == "type" else noted(item) for key, item in value.items()}
    return value


def _note(text: str) -> str:
    return f"[{len(text)} characters]"


def _told(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
