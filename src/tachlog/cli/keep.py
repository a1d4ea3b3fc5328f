"""The verbs that keep house: `config`, `demo`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from tachlog.analysis.alerting.channels import Channel
from tachlog.cli.answering import Answer, Ask
from tachlog.cli.calling import Misuse, Unanswered
from tachlog.cli.table import Column, table
from tachlog.config import Loaded, as_toml, keys, value_of


class Setting(Struct, frozen=True):
    """One setting; `value` and `default` are written as in the configuration file."""

    name: str
    value: str
    origin: str
    default: str
    unit: str | None
    meaning: str


class Written(Struct, frozen=True):
    """What `demo` wrote."""

    directory: str
    files: int
    bytes: int


def config(ask: Ask) -> Answer:
    """Answer `tachlog config`."""
    loaded = ask.loaded
    settings = settings_of(loaded)
    columns = [Column("SETTING"), Column("VALUE", least=20), Column(""), Column("FROM")]

    def lines() -> Iterator[str]:
        yield from table(
            columns, [(s.name, s.value, s.unit or "", s.origin) for s in settings], ask.width
        )
        yield ""
        state = "" if loaded.path.exists() else " (there is none)"
        yield f"file: {loaded.path}{state}"

    return Answer(settings, lines)


def settings_of(loaded: Loaded) -> list[Setting]:
    """Every setting as it is."""
    return [
        Setting(
            key.name,
            _value(value_of(loaded.config, key.name)),
            loaded.origins[key.name],
            key.default,
            key.unit,
            key.meaning,
        )
        for key in keys()
    ]


def _value(value: object) -> str:
    """A value as text; of channels no secret is told, wherever their URLs have one."""
    if isinstance(value, tuple):
        hidden = [
            replace(each, url=each.shown, secret="…" if each.secret else "")
            if isinstance(each, Channel)
            else each
            for each in value
        ]
        return _shown(as_toml(hidden))
    return _shown(as_toml(value))


def _shown(value: str) -> str:
    """A value without the passwords that URLs may hold."""
    if "://" not in value:
        return value
    import re

    from tachlog.redact import redact

    value = re.sub(r"(://[^:/@\"\s]*):[^/@\"\s]*@", r"\1:…@", value)
    value = re.sub(r"([?&](?:token|password)=)[^&\"\s]+", r"\1…", value)
    return redact(value)


def demo(ask: Ask) -> Answer:
    """Answer `tachlog demo`."""
    from tachlog.demo import LEAST_SIZE, write_demo

    directory = Path(ask.options.dir)
    size = ask.options.size
    if size is not None and size < LEAST_SIZE:
        raise Misuse(f"--size: the examples need at least {LEAST_SIZE / 1e6:g}MB")
    if directory.is_dir() and any(directory.iterdir()):
        raise Unanswered(f"{directory}: not empty; name a directory that is, or a new one")
    write_demo(directory, seed=ask.options.seed, size_bytes=size)
    sizes = [path.stat().st_size for path in directory.rglob("*") if path.is_file()]
    written = Written(str(directory), len(sizes), sum(sizes))
    told = f"{written.files} files, {written.bytes / 1e6:.1f} MB, in {directory}"
    return Answer(written, lambda: [told, f"look at them: tachlog analyze --no-store {directory}"])
