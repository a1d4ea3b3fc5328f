"""A person's data for admins: what is kept of somebody, all of it as a file, and its erasure."""

from __future__ import annotations

from tempfile import TemporaryFile
from typing import IO, Final

from msgspec import Struct
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tachlog import privacy
from tachlog.cli.personal import STAYS, plan
from tachlog.engines.work import measurer_of
from tachlog.pipeline import setup_of
from tachlog.receive.bodies import Busy
from tachlog.stores import Store
from tachlog.stores.holding import Held
from tachlog.web.changes import Change, Done, Wanted
from tachlog.web.endpoints import Asked, Endpoint, NoParameters, service_of
from tachlog.web.ingest import LATER
from tachlog.web.problems import Refusal

AT: Final = "/api/v1/admin/people/{name}"
DATA: Final = f"{AT}/data"
CHUNK_BYTES: Final = 65_536


class PersonView(Struct, frozen=True):
    """What is kept of somebody, counted; `goes` says it in words, `stays` what is out of reach."""

    held: Held
    goes: list[str]
    stays: str


class Confirmed(Struct, frozen=True, forbid_unknown_fields=True):
    """The name of whom to erase, typed once more."""

    name: str


def person(asked: Asked[NoParameters]) -> PersonView:
    """What is kept of somebody."""
    held = _held(asked.store, asked.place["name"])
    return PersonView(held, list(plan(held, asked.zone)), STAYS)


def erase(store: Store, wanted: Wanted[Confirmed]) -> Done:
    """Erase everything that is kept of somebody."""
    name = wanted.place["name"]
    _held(store, name)
    if name == wanted.by:
        raise Refusal(409, "another admin can erase you; you yourself cannot")
    if wanted.body.name != name:
        raise Refusal(409, "the name that was typed is another: nothing was erased")
    measure = measurer_of(setup_of(wanted.loaded.config))
    store.personal.erase(name, measure, wanted.by, wanted.now_us)
    return Done("everything kept of them is erased")


def _held(store: Store, name: str) -> Held:
    held = store.personal.held(name)
    if (why := privacy.refusal(name, held)) is not None:
        raise Refusal(404, why)
    return held


async def data(request: Request) -> Response:
    """Everything that is kept of somebody, as one file; that it was handed out is noted."""
    service, name = service_of(request), request.path_params["name"]
    by, now_us = request.state.viewer.name, service.clock()

    def written(store: Store) -> IO[bytes]:
        _held(store, name)
        file = TemporaryFile()  # noqa: SIM115 - closed when it was sent
        privacy.write(store, name, file, now_us)
        return file

    file = await service.ask(written)
    try:
        await service.writer.run(
            lambda store: store.people.note(by, privacy.HANDED_OUT, name, now_us)
        )
    except Busy:
        file.close()
        raise Refusal(429, "more comes in than the archive takes", LATER) from None
    size = file.tell()
    file.seek(0)
    return StreamingResponse(
        iter(lambda: file.read(CHUNK_BYTES), b""),
        media_type="application/zip",
        headers={
            "Content-Length": str(size),
            "Content-Disposition": f'attachment; filename="{privacy.file_name(name)}"',
            "Cache-Control": "no-store",
        },
        background=BackgroundTask(file.close),
    )


PERSON: Final = Endpoint(AT, "what is kept of somebody, counted", person, PersonView, every_s=5)
ENDPOINTS: Final = [PERSON]
CHANGES: Final = [
    Change(f"{AT}/erase", "erase what is kept of somebody", erase, Confirmed, Done, (404, 409)),
]
ROUTES: Final = [Route(DATA, data, methods=["GET"])]
