"""The description of the HTTP API (OpenAPI 3.1), made from the declarations of its routes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tachlog import __version__
from tachlog.shipping import PATH as PATH_OF_SHIPMENTS
from tachlog.shipping import TYPE, Taken
from tachlog.web.agent_logs import TYPES, Accepted
from tachlog.web.changes import TYPES as CHANGE_TYPES
from tachlog.web.changes import Change
from tachlog.web.endpoints import Endpoint, NoParameters
from tachlog.web.guard import scope_of
from tachlog.web.health import Health, Readiness
from tachlog.web.personal import DATA
from tachlog.web.problems import MEDIA_TYPE, Problem

PATH: Final = "/api/v1/openapi.json"
_REF: Final = "#/components/schemas/{name}"


class Raw(Struct, frozen=True):
    """A route that is no `Endpoint`: what it takes and gives, by content type."""

    path: str
    method: str
    summary: str
    gives: dict[str, Any]
    takes: tuple[str, ...] = ()
    scope: str | None = "read"
    statuses: tuple[int, ...] = (200,)
    body: Any = None


OTLP: Final = ("application/x-protobuf", "application/json")
OTHERS: Final = (
    Raw("/healthz", "get", "whether the process lives", {"application/json": Health}, scope=None),
    Raw(
        "/readyz",
        "get",
        "whether every part does its work: 200, or 503 with what does not",
        {"application/json": Readiness},
        scope=None,
        statuses=(200, 503),
    ),
    Raw(
        "/api/v1/live",
        "get",
        "an event `change` with the archive's change number for each change (server-sent events)",
        {"text/event-stream": str},
    ),
    *(
        Raw(
            f"/v1/{signal}",
            "post",
            f"OTLP {signal}: an Export{name}ServiceRequest; its response, or a google.rpc.Status",
            dict.fromkeys(OTLP),
            OTLP,
            "ingest",
            (200, 400, 408, 413, 415, 429, 503),
        )
        for signal, name in (("traces", "Trace"), ("logs", "Logs"), ("metrics", "Metrics"))
    ),
    Raw(
        PATH_OF_SHIPMENTS,
        "post",
        "sessions of another machine, as `tachlog ship` sends them (MessagePack)",
        {"application/json": Taken},
        (TYPE,),
        "ingest",
        (200, 400, 408, 413, 415, 429, 503),
    ),
    Raw(
        DATA,
        "get",
        "everything that is kept of somebody: a zip archive of JSON lines",
        {"application/zip": None},
        scope="admin",
        statuses=(200, 404, 429, 503),
    ),
    Raw(
        "/api/v1/agent-logs",
        "post",
        "AgentLog records, one JSON object a line, as many as there are",
        {"application/json": Accepted},
        TYPES,
        "ingest",
        (200, 400, 408, 415, 429, 503),
    ),
)

CHANGED: Final = (200, 400, 408, 413, 415, 429, 503)

TELLS: Final = {
    200: "the answer",
    304: "the asker has it already: `If-None-Match` named its entity tag",
    400: "it can never be answered as it is; `detail` says why",
    401: "who asks has no token, or a wrong one",
    403: "the token has another scope, or a page of another site asks",
    404: "there is no such thing",
    409: "it is not in a state for that; `detail` says in which",
    408: "the body did not arrive in time",
    413: "the body is too long",
    415: "the body is of a kind that is not read here",
    429: "more comes in than the archive takes: `Retry-After` says when to come again",
    503: "the archive cannot be asked now: `Retry-After` says when to come again",
}


def raw_of(change: Change) -> Raw:
    """A change as any other route."""
    gives = {"application/json": change.returns}
    scope = scope_of("POST", change.path)
    statuses = (*CHANGED, *change.refuses)
    takes = change.takes
    return Raw(change.path, "post", change.summary, gives, CHANGE_TYPES, scope, statuses, takes)


def described(endpoints: Iterable[Endpoint], changes: Iterable[Change]) -> dict[str, Any]:
    """The description as plain values."""
    endpoints = list(endpoints)
    others = [*OTHERS, *map(raw_of, changes)]
    shapes: list[Any] = [each.returns for each in endpoints]
    shapes += [each.query for each in endpoints if each.query is not NoParameters]
    shapes += [kind for other in others for kind in other.gives.values() if kind not in (None, str)]
    shapes += [other.body for other in others if other.body is not None]
    told, components = msgspec.json.schema_components([*shapes, Problem], ref_template=_REF)
    names = {id(shape): schema for shape, schema in zip([*shapes, Problem], told, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for each in endpoints:
        paths.setdefault(plain_path(each.path), {})["get"] = _asked(each, names, components)
    for other in others:
        paths.setdefault(other.path, {})[other.method] = _other(other, names)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tachlog",
            "version": __version__,
            "description": "What AI agents did, what it cost and where it failed.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def plain_path(path: str) -> str:
    """A path as OpenAPI writes it: without the kinds of its parts."""
    return re.sub(r"\{(\w+):\w+\}", r"{\1}", path)


def _asked(each: Endpoint, names: dict[int, Any], components: dict[str, Any]) -> dict[str, Any]:
    statuses = [200, 304, 400, 401, 403, 503]
    if "{" in each.path:
        statuses.append(404)
    return {
        "summary": each.summary,
        "operationId": operation_of(each.path),
        "security": [{"token": []}],
        "parameters": [*_places(each.path), *_parameters(each, names, components)],
        "responses": _responses(
            statuses, {"application/json": {"schema": names[id(each.returns)]}}, names
        ),
    }


def operation_of(path: str) -> str:
    """The name of an operation, by its path."""
    words = re.findall(r"\w+", plain_path(path).removeprefix("/api/v1"))
    return "_".join(words)


def _places(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)", path)
    ]


def _parameters(
    each: Endpoint, names: dict[int, Any], components: dict[str, Any]
) -> list[dict[str, Any]]:
    if each.query is NoParameters:
        return []
    name = names[id(each.query)]["$ref"].rpartition("/")[2]
    shape = components[name]
    required = set(shape.get("required", ()))
    return [
        {
            "name": parameter,
            "in": "query",
            "required": parameter in required,
            "schema": _without_null(schema),
        }
        for parameter, schema in shape["properties"].items()
    ]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter's schema: one that is left out is null inside, and nothing in an address."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    kept = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    if kinds:
        kept |= kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    if schema.get("default") is not None:
        kept["default"] = schema["default"]
    return kept


def _other(other: Raw, names: dict[int, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {
        kind: {} if shape is None else {"schema": names.get(id(shape), {"type": "string"})}
        for kind, shape in other.gives.items()
    }
    statuses = [*other.statuses]
    if other.scope is not None:
        statuses += [status for status in (401, 403) if status not in statuses]
    told: dict[str, Any] = {
        "parameters": _places(other.path),
        "summary": other.summary,
        "operationId": operation_of(other.path),
        "security": [{"token": []}] if other.scope is not None else [],
        "responses": _responses(statuses, content, names),
    }
    if other.takes:
        taken = {} if other.body is None else {"schema": names[id(other.body)]}
        told["requestBody"] = {
            "required": True,
            "content": dict.fromkeys(other.takes, taken),
        }
    for status, response in told["responses"].items():
        if int(status) in other.statuses and status != "200":
            response["content"] |= content
    return told


def _responses(
    statuses: Iterable[int], content: dict[str, Any], names: dict[int, Any]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status in sorted(statuses):
        found[str(status)] = {"description": TELLS[status]}
        if status == 200:
            found["200"]["content"] = content
        elif status != 304:
            found[str(status)]["content"] = {MEDIA_TYPE: {"schema": names[id(Problem)]}}
    return found


def route(endpoints: Iterable[Endpoint], changes: Iterable[Change]) -> Route:
    """The route that gives the description."""
    told = described(endpoints, changes)
    body = msgspec.json.format(msgspec.json.encode(told), indent=1)

    async def respond(request: Request) -> Response:
        headers = {"ETag": f'"{__version__}"', "Cache-Control": "private, no-cache"}
        return Response(body, headers=headers, media_type="application/json")

    return Route(PATH, respond, methods=["GET"])
