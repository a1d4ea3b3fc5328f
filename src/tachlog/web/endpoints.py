"""Questions over HTTP: each is declared once, with its parameters and the shape of its answer.

An answer is a function of the archive, the parameters and, where it says so, the time. So its
entity tag is the number of the archive's last change, and whoever asks again while nothing changed
gets 304; one that is asked for by many at once is made once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Lock
from typing import Any, Final, Generic, Literal, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tachlog import __version__
from tachlog.config import Config, Loaded
from tachlog.service import Service
from tachlog.stores import Store
from tachlog.web.guard import Viewer
from tachlog.web.problems import Refusal

Q = TypeVar("Q", bound=Struct)
Q_co = TypeVar("Q_co", bound=Struct, covariant=True)

KEPT_ANSWERS: Final = 128
_encoder: Final = msgspec.json.Encoder(enc_hook=str)


Sight = Literal["own", "team", "lead", "work", "all"]
"""Who is answered: `own` everybody, members of a team about their own sessions alone; `team`
everybody; `lead` leads, `work` operators, both beside those who see all; `all` these alone."""


class NoParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """What a question without parameters is asked with."""


class Asked(NamedTuple, Generic[Q_co]):
    """One question: to which archive, with which parameters, when.

    `place` has the parts of the address that the path names.
    """

    store: Store
    loaded: Loaded
    now_us: int
    query: Q_co
    place: Mapping[str, str]

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self.loaded.config

    @property
    def zone(self) -> ZoneInfo:
        """The zone that days are cut in."""
        return ZoneInfo(self.config.display.time_zone)


class Endpoint(NamedTuple):
    """A question that is asked with GET.

    `answer` takes an `Asked` with parameters of the type `query`, and gives something of the type
    `returns`; it runs in a thread and may raise `Refusal`. `every_s` is how long an answer that
    depends on the time stays the same; None where it depends on the archive alone. With the sight
    `own` its parameters have `user`.
    """

    path: str
    summary: str
    answer: Callable[[Any], Any]
    returns: Any
    query: type[Struct] = NoParameters
    every_s: int | None = None
    sight: Sight = "all"


class Answered(NamedTuple):
    """An answer's entity tag, and the answer; None when the asker has it already."""

    tag: str
    body: bytes | None


class Answers:
    """The answers that were made last, by address and entity tag."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[tuple[str, str], Future[bytes]] = OrderedDict()

    def made(self, key: tuple[str, str], make: Callable[[], bytes]) -> bytes:
        """The answer; it is made once, and others who ask meanwhile wait for it."""
        with self._lock:
            known = self._kept.get(key)
            if known is None:
                mine = self._kept[key] = Future[bytes]()
                while len(self._kept) > KEPT_ANSWERS:
                    self._kept.popitem(last=False)
        if known is not None:
            return known.result()
        with self._dropped_if_it_fails(key, mine):
            mine.set_result(make())
        return mine.result()

    @contextmanager
    def _dropped_if_it_fails(self, key: tuple[str, str], mine: Future[bytes]) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            with self._lock:
                self._kept.pop(key, None)
            mine.set_exception(error)
            raise


def service_of(request: Request) -> Service:
    """The service that a request came to."""
    service: Service = request.app.state.service
    return service


def parameters_of(given: Mapping[str, str], shape: type[Q]) -> Q:
    """The parameters of a question; raises `Refusal` (400) that names the one that cannot be."""
    try:
        return msgspec.convert(given, shape, strict=False)
    except msgspec.ValidationError as error:
        known = ", ".join(shape.__struct_fields__) or "none"
        raise Refusal(400, f"{error}; the parameters here: {known}") from None


def tag_of(request: Request, change: int, every_s: int | None) -> str:
    """The entity tag of an answer: equal tags of one address mean equal answers."""
    service = service_of(request)
    period = "" if every_s is None else f"-{service.clock() // (every_s * 1_000_000)}"
    return f'W/"{__version__}-{service.generation}-{change}{period}"'


def seen_by(viewer: Viewer, sight: Sight) -> bool:
    """Whether somebody is answered at all."""
    if viewer.sees is None or sight in ("own", "team"):
        return True
    return (viewer.role, sight) in (("lead", "lead"), ("operator", "work"))


async def answer_to(
    request: Request, endpoint: Endpoint, given: Mapping[str, str] | None = None
) -> Answered:
    """The answer to a request; raises `Refusal` and `StoreError`.

    With `given` the question has these parameters, and is answered whatever the asker has.
    """
    service, viewer = service_of(request), request.state.viewer
    if not seen_by(viewer, endpoint.sight):
        raise Refusal(403, f"the role {viewer.role} is not shown this")
    asked_with = dict(request.query_params if given is None else given)
    if viewer.sees is not None and endpoint.sight == "own":
        if asked_with.get("user", viewer.sees) != viewer.sees:
            raise Refusal(403, f"the role {viewer.role} is shown its own sessions alone")
        asked_with["user"] = viewer.sees
    query = parameters_of(asked_with, endpoint.query)
    answers: Answers = request.app.state.answers
    had = request.headers.get("if-none-match", "") if given is None else ""
    address = f"{endpoint.path} {sorted(request.path_params.items())} {sorted(asked_with.items())}"

    def answer(store: Store) -> Answered:
        tag = tag_of(request, store.last_change(), endpoint.every_s)
        if tag in had:
            return Answered(tag, None)
        asked = Asked(store, service.loaded, service.clock(), query, request.path_params)
        return Answered(
            tag, answers.made((address, tag), lambda: _encoder.encode(endpoint.answer(asked)))
        )

    return await service.ask(answer)


def route(endpoint: Endpoint) -> Route:
    """The route of a question."""

    async def respond(request: Request) -> Response:
        found = await answer_to(request, endpoint)
        headers = {"ETag": found.tag, "Cache-Control": "private, no-cache"}
        if found.body is None:
            return Response(status_code=304, headers=headers)
        return Response(found.body, headers=headers, media_type="application/json")

    return Route(endpoint.path, respond, methods=["GET"], name=endpoint.path)
