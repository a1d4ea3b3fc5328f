"""Where the configuration and the archive are, and single settings, read at once and unchecked.

A status line is drawn many times a minute: it has no time to load what checks a configuration.
What it reads here is what `tachlog.config` gives, for every configuration that is in order.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from os.path import dirname, join, normpath

STATUSLINE = "{today} · {block} · {context}"
"""The template of a status line where none is set."""


def file_path(environ: Mapping[str, str]) -> str:
    """Where the configuration file is, or would be."""
    named = environ.get("TACHLOG_CONFIG")
    if named:
        return named
    base = environ.get("XDG_CONFIG_HOME") or join(_home(environ), ".config")
    return join(base, "tachlog", "config.toml")


def data_home(environ: Mapping[str, str]) -> str:
    """The directory of the archive."""
    base = environ.get("XDG_DATA_HOME") or join(_home(environ), ".local", "share")
    return join(base, "tachlog")


def cache_home(environ: Mapping[str, str]) -> str:
    """The directory of what can be made again, such as the example logs."""
    base = environ.get("XDG_CACHE_HOME") or join(_home(environ), ".cache")
    return join(base, "tachlog")


def machine_zone(environ: Mapping[str, str]) -> str:
    """The name of this machine's time zone, `UTC` where nothing tells it."""
    named = named_zone(environ)
    return named if named and is_zone(named) else "UTC"


def named_zone(environ: Mapping[str, str]) -> str:
    """What this machine calls its time zone, known or not; empty where nothing tells it."""
    named = environ.get("TZ")
    if named is None:
        target = os.path.realpath("/etc/localtime")
        _, _, named = target.partition("/zoneinfo/")
    return named.removeprefix(":")


def is_zone(name: str) -> bool:
    """Whether this machine knows a time zone of that name."""
    if name == "UTC":
        return True
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        return False
    return True


def _home(environ: Mapping[str, str]) -> str:
    return environ.get("HOME") or os.path.expanduser("~")


def _tree(path: str) -> dict[str, object]:
    """What a file of TOML holds: nothing where there is none, or where it is none."""
    try:
        with open(path, "rb") as file:
            import tomllib

            return tomllib.load(file)
    except (OSError, ValueError):
        return {}


def home_in(path: str, environ: Mapping[str, str]) -> str:
    """A path with `~` at its beginning replaced."""
    return _home(environ) + path[1:] if path == "~" or path.startswith("~/") else path


class Settings:
    """The configuration file and the variables, as they stand there."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.path = file_path(environ)
        self.tree = _tree(self.path)

    def text(self, section: str, name: str, default: str) -> str:
        """A setting that is a text."""
        variable = self.environ.get(f"TACHLOG_{section}__{name}".upper())
        return variable if variable is not None else str(self._told(section, name, default))

    def number(self, section: str, name: str) -> float | None:
        """A setting that is a number, None where it is not set, or no number."""
        variable = self.environ.get(f"TACHLOG_{section}__{name}".upper())
        told = self._told(section, name, None) if variable is None else variable
        try:
            return None if told is None else float(str(told))
        except ValueError:
            return None

    @property
    def archive(self) -> str:
        """The URL of the archive."""
        url = self.text("storage", "url", "")
        if not url or url.startswith("influxdb://"):  # the usual one, with a mirror there
            return join(data_home(self.environ), "tachlog.db")
        if ":" in url:
            return url
        base = "" if "TACHLOG_STORAGE__URL" in self.environ else dirname(self.path)
        return normpath(join(base, home_in(url, self.environ)))

    def _told(self, section: str, name: str, default: object) -> object:
        table = self.tree.get(section)
        return table.get(name, default) if isinstance(table, dict) else default
