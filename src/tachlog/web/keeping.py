"""How long the archive remembers, for admins: what another value would delete, and setting it."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct
from msgspec.structs import asdict, replace

from tachlog import retention
from tachlog.analysis.units import optional_rfc3339, rfc3339
from tachlog.config import Config, ConfigError
from tachlog.config.writing import set_values
from tachlog.stores import Store
from tachlog.web.changes import Change, Done, Wanted
from tachlog.web.endpoints import Asked, Endpoint
from tachlog.web.problems import Refusal

PATH: Final = "/api/v1/admin/retention"
LONGEST_DAYS: Final = 36_500
LARGEST: Final = 1 << 50

Days = Annotated[int, Meta(ge=1, le=LONGEST_DAYS)]


class Retention(Struct, frozen=True, forbid_unknown_fields=True):
    """How long the archive remembers; what is left out stays as it is.

    Days that operations stay, that sessions do (0: for ever), and after which charts show hours and
    days; `max_size` in bytes.
    """

    retention_days: Days | None = None
    history_days: Annotated[int, Meta(ge=0, le=LONGEST_DAYS)] | None = None
    downsample_after: Days | None = None
    max_size: Annotated[int, Meta(ge=1, le=LARGEST)] | None = None

    @property
    def given(self) -> dict[str, int]:
        """The values that are not left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}


class Keeping(Struct, frozen=True):
    """How long the archive remembers, in days; sizes in bytes.

    Without `is_set` nothing is deleted: nobody has said how long anything stays.
    """

    archive: str
    bytes: int
    retention_days: int
    history_days: int
    downsample_after: int
    max_size: int
    is_set: bool


class Deleting(Struct, frozen=True):
    """What the next daily job deletes with some values, which `keeping` has.

    `operations` from before `before`, of so many `threads`, the first of them from `first`;
    `sessions` that had ended before `history`, sub-agents among them, with all their figures.
    """

    keeping: Keeping
    operations: int
    threads: int
    before: str
    rule: str
    first: str | None
    sessions: int
    history: str | None


def keeping(store: Store, config: Config, *, is_set: bool) -> Keeping:
    """How long an archive remembers."""
    storage = config.storage
    return Keeping(
        store.url,
        store.size(),
        storage.retention_days,
        storage.history_days,
        storage.downsample_after,
        storage.max_size,
        is_set,
    )


def deleting(asked: Asked[Retention]) -> Deleting:
    """What other values would delete."""
    config = _with(asked.config, asked.query)
    plan = retention.planned(asked.store, config, asked.now_us)
    return Deleting(
        keeping(asked.store, config, is_set=True),
        plan.operations,
        len(plan.old.threads),
        rfc3339(plan.cut.cut_us),
        plan.cut.rule,
        optional_rfc3339(plan.old.first_us),
        len(plan.ended),
        None if plan.history is None else rfc3339(plan.history.cut_us),
    )


def set_retention(store: Store, wanted: Wanted[Retention]) -> Done:
    """Set how long the archive remembers."""
    loaded, given = wanted.loaded, wanted.body.given
    if not given:
        raise Refusal(409, "no value is given")
    _with(loaded.config, wanted.body)
    for name in given:
        origin = loaded.origins[f"storage.{name}"]
        if origin not in ("default", str(loaded.path)):
            raise Refusal(409, f"storage.{name} is set by {origin}, which wins: change it there")
    try:
        set_values(loaded.path, "storage", given)
    except ConfigError as error:
        raise Refusal(409, str(error)) from None
    told = ", ".join(f"{name} = {value}" for name, value in given.items())
    store.people.note(wanted.by, "set retention", told, wanted.now_us)
    return Done(f"{told}; the daily job deletes what is older")


def _with(config: Config, wanted: Retention) -> Config:
    """A configuration with other values; raises `Refusal` for those that cannot be together."""
    storage = replace(config.storage, **wanted.given)
    if 0 < storage.history_days < storage.retention_days:
        raise Refusal(
            400,
            "sessions stay at least as long as their operations: history_days is 0 (for ever) or"
            f" at least retention_days ({storage.retention_days})",
        )
    return replace(config, storage=storage)


RETENTION: Final = Endpoint(
    PATH,
    "what would be deleted if the archive remembered so long",
    deleting,
    Deleting,
    Retention,
    every_s=5,
)
ENDPOINTS: Final = [RETENTION]
CHANGES: Final = [
    Change(
        f"{PATH}/set",
        "set how long the archive remembers",
        set_retention,
        Retention,
        Done,
        (409,),
        configures=True,
    )
]
