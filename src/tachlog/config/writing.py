"""Change values in the configuration file and leave every other line of it as it is."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tachlog.config.keys import as_toml
from tachlog.config.reading import ConfigError

_HEADING = re.compile(r"\s*\[")


def set_values(path: Path, section: str, values: Mapping[str, object]) -> None:
    """Write keys of one section, `[budget]`; None takes a key away.

    The file is made where there is none, and replaced in one step. Raises ConfigError, and changes
    nothing, when it is written in a way that cannot be changed line by line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"cannot be read: {error}") from error
    changed = changed_text(text, section, values)
    if _parsed(changed) != _wanted(_parsed(text) or {}, section, values):
        lines = ", ".join(f"{name} = {as_toml(value)}" for name, value in values.items())
        raise ConfigError(
            str(path), f"[{section}] is not written line by line; set it by hand: {lines}"
        )
    _replace(path, changed)


def changed_text(text: str, section: str, values: Mapping[str, object]) -> str:
    """The text of a TOML file with these values in a section."""
    lines = text.splitlines()
    heading = re.compile(rf"\s*\[\s*{re.escape(section)}\s*\]\s*(#.*)?")
    begin = next((n for n, line in enumerate(lines) if heading.fullmatch(line)), None)
    if begin is None:
        lines += [""] * bool(lines and lines[-1].strip()) + [f"[{section}]"]
        begin = len(lines) - 1
    end = next((n for n in range(begin + 1, len(lines)) if _HEADING.match(lines[n])), len(lines))
    while not lines[end - 1].strip():
        end -= 1
    body = [line for line in lines[begin + 1 : end] if _name(line) not in values]
    body += [f"{name} = {as_toml(value)}" for name, value in values.items() if value is not None]
    return "\n".join([*lines[: begin + 1], *body, *lines[end:]]) + "\n"


def _name(line: str) -> str | None:
    found = re.match(r"\s*([A-Za-z0-9_]+)\s*=", line)
    return found[1] if found else None


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _wanted(tree: Mapping[str, Any], section: str, values: Mapping[str, object]) -> dict[str, Any]:
    """What the file is to say."""
    head, _, rest = section.partition(".")
    inner = tree.get(head, {})
    if rest:
        return {**tree, head: _wanted(inner, rest, values)}
    kept = {name: value for name, value in inner.items() if name not in values}
    given = {name: value for name, value in values.items() if value is not None}
    return {**tree, head: {**kept, **given}}


def _replace(path: Path, text: str) -> None:
    """Put a text in the place of a file, all of it or nothing; a link stays a link.

    It may hold secrets: a new file is its owner's alone, and another has the mode that it had.
    """
    place = path.resolve()
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        with suppress(FileNotFoundError):
            beside.chmod(place.stat().st_mode)
        beside.replace(place)
    finally:
        beside.unlink(missing_ok=True)
