"""What a verb is asked, what it answers, and how the answer is printed."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tachlog.cli.calling import Caller, Misuse, Unanswered
from tachlog.cli.moments import moment_us
from tachlog.config import Config, Loaded, load
from tachlog.figures import plain, shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from tachlog.analysis.selection import Selection
    from tachlog.analysis.tally import Tree
    from tachlog.pricing import PriceBook
    from tachlog.stores import Store


class Answer(NamedTuple):
    """What a verb found: `data` is printed by `--json`, `lines` otherwise.

    `data` is made of msgspec structs, lists and plain values. `notes` go to stderr; `code` is the
    exit code.
    """

    data: object
    lines: Callable[[], Iterable[str]]
    notes: Sequence[str] = ()
    code: int = 0


class Ask:
    """One call of a verb: its options, the configuration, the caller."""

    def __init__(self, options: Namespace, caller: Caller) -> None:
        self.options = options
        self.caller = caller

    @cached_property
    def loaded(self) -> Loaded:
        """The configuration with the flags of this call."""
        flags = {
            key: (flag, value)
            for key, flag in (("storage.url", "--db"), ("estimates.factors", "--factors"))
            if (value := getattr(self.options, flag.removeprefix("--"), None)) is not None
        }
        return load(self.caller.environ, flags=flags)

    @property
    def config(self) -> Config:
        """The values of the configuration."""
        return self.loaded.config

    @cached_property
    def zone(self) -> ZoneInfo:
        """The zone that times are shown in."""
        from zoneinfo import ZoneInfo

        return ZoneInfo(self.config.display.time_zone)

    @cached_property
    def book(self) -> PriceBook:
        """The prices in force; raises `PriceFileError`."""
        from tachlog.pricing import PriceBook, load_overrides

        own = self.config.prices.file
        return PriceBook(load_overrides(own) if own else None)

    @property
    def prices(self) -> str:
        """The name of the prices in force; raises `PriceFileError`."""
        return self.book.version

    @property
    def width(self) -> int:
        """Columns that there are."""
        return self.caller.width

    @cached_property
    def has_color(self) -> bool:
        """Whether the answer is coloured."""
        return self.caller.has_color(self.config.display.color, self.options.no_color)

    def selection(self) -> Selection:
        """What the filters of this call select."""
        from tachlog.analysis.selection import Selection

        options = self.options
        since_us, until_us = self._moment("since"), self._moment("until")
        if since_us is not None and until_us is not None and since_us >= until_us:
            raise Misuse("--since is not before --until")
        return Selection(
            since_us=since_us,
            until_us=until_us,
            agent=options.agent,
            provider=options.provider,
            model=options.model,
            project=options.project,
            complexity=options.complexity,
        )

    def _moment(self, flag: str) -> int | None:
        text = getattr(self.options, flag)
        if text is None:
            return None
        try:
            return moment_us(text, self.caller.now_us, self.zone, day_ends=flag == "until")
        except ValueError as error:
            raise Misuse(f"--{flag}: {error}") from None

    @property
    def archive(self) -> str:
        """What the archive is called, without secrets."""
        from tachlog.stores import shown

        return shown(self.config.storage.url)

    @property
    def has_archive(self) -> bool:
        """Whether anything was ever read into the archive."""
        path = self.config.storage.url.removeprefix("sqlite:///")
        return ":" in path or Path(path).exists()

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The archive as it is; raises `Unanswered` when nothing was ever read into it."""
        from tachlog.stores import open_store

        if not self.has_archive:
            raise Unanswered(f"{self.archive}: there is no archive yet; tachlog analyze makes one")
        store = open_store(self.config.storage.url)
        try:
            yield store
        finally:
            store.close()


Verb = Callable[[Ask], Answer]


def selected(ask: Ask) -> list[Tree]:
    """The sessions that the filters select."""
    from tachlog.analysis.summary import selected

    with ask.store() as store:
        return selected(store, ask.selection())


def answer(verb: Verb, options: Namespace, caller: Caller) -> int:
    """Run a verb, print what it answers and return the exit code."""
    ask = Ask(options, caller)
    found = verb(ask)
    if options.json:
        caller.out.write(as_json(found.data))
    else:
        caller.out.writelines(f"{shown(line.rstrip(), ask.has_color)}\n" for line in found.lines())
    caller.out.flush()
    caller.err.writelines(f"{plain(note)}\n" for note in found.notes)
    return found.code


def as_json(data: Any) -> str:
    """JSON for people and programs: two spaces, one newline at the end."""
    import msgspec

    return msgspec.json.format(msgspec.json.encode(data), indent=2).decode() + "\n"
