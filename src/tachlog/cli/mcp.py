"""The verb `mcp`: the questions of the API as tools for agents and IDEs, over standard streams.

A tool is an `Endpoint` (`web/endpoints.py`): it takes its parameters and gives its answer, so that
what MCP tells and what HTTP tells cannot differ. Only lists and tables are cut to `limit`, and what
was left off is counted. No figure is changed; as with the API, the archive may keep what an answer
came to.
Protocol: https://modelcontextprotocol.io/specification/2025-06-18/server/tools, checked 2026-11-23.
"""

from __future__ import annotations

import asyncio
import re
import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct

from tachlog import __version__
from tachlog.analysis.selection import PERIODS
from tachlog.analysis.spending import Costs
from tachlog.cli.calling import Caller, Misuse
from tachlog.config import Loaded, load
from tachlog.service.readers import Readers
from tachlog.stores import PRIVATE, Store, StoreError
from tachlog.web.advising import ADVICE
from tachlog.web.endpoints import Asked, Endpoint, parameters_of
from tachlog.web.figures import ERRORS, OVERVIEW, TOOLS
from tachlog.web.now import LIVE_SESSIONS
from tachlog.web.problems import Refusal
from tachlog.web.searching import SEARCH
from tachlog.web.sessions import SESSION, SESSIONS
from tachlog.web.spending import COST

INSTALL: Final = (
    "what speaks the Model Context Protocol is not installed: pip install 'tachlog[mcp]'"
)
INSTRUCTIONS: Final = (
    "tachlog tells what AI agents did on this machine, from their own logs: sessions, cost at API"
    " prices (USD), tools, failures, advice. It is read-only. Null means that the log did not say."
    " Answers are short: `left_off` counts what `limit` cut. The archive is as fresh as the last"
    " `tachlog analyze`; `tachlog serve` or `tachlog watch` keep it so."
)
LIMIT: Final = 10
LARGEST_LIMIT: Final = 200


class Tool(Struct, frozen=True, rename="camel"):
    """A tool as MCP lists it."""

    name: str
    description: str
    input_schema: dict[str, Any]


class Told(Struct, frozen=True, omit_defaults=True):
    """An answer; `left_off` counts what `limit` cut, by where in the answer it would stand."""

    answer: Any
    left_off: dict[str, int] = {}


class Offer(NamedTuple):
    """A question that is a tool, and what its description says beside the question's summary."""

    endpoint: Endpoint
    more: str = ""
    ordered: Callable[[Any], Any] = lambda answer: answer


def newest_first(costs: Costs) -> Costs:
    """The same, with the last day, week or month first, so that `limit` leaves off old ones."""
    if costs.by not in PERIODS:
        return costs
    return msgspec.structs.replace(costs, rows=costs.rows[::-1])


OFFERS: Final[Mapping[str, Offer]] = {
    "sessions": Offer(SESSIONS, "`after` takes the `next` of the page before"),
    "session": Offer(SESSION, "`session_id` may be the beginning of an id"),
    "search": Offer(SEARCH, "`q` is a part of the name"),
    "cost": Offer(
        COST, "`by` says what each row is; days, weeks, months newest first", newest_first
    ),
    "tools": Offer(TOOLS),
    "errors": Offer(ERRORS),
    "advice": Offer(ADVICE),
    "live": Offer(LIVE_SESSIONS),
    "totals": Offer(OVERVIEW),
}


def tools() -> list[Tool]:
    """Every tool, with its parameters as the API takes them."""
    return [
        Tool(name, ": ".join(filter(None, [offer.endpoint.summary, offer.more])), _input(offer))
        for name, offer in OFFERS.items()
    ]


def _input(offer: Offer) -> dict[str, Any]:
    described = msgspec.json.schema(offer.endpoint.query)
    name = described["$ref"].rpartition("/")[2]
    shape = described["$defs"][name]
    places = places_of(offer.endpoint)
    limit = {"type": "integer", "minimum": 1, "maximum": LARGEST_LIMIT, "default": LIMIT}
    told = {name: {"type": "string"} for name in places} | shape["properties"] | {"limit": limit}
    required = [*places, *shape.get("required", ())]
    return {
        "type": "object",
        "properties": told,
        "required": required,
        "additionalProperties": False,
    }


def places_of(endpoint: Endpoint) -> list[str]:
    """The parts of an address that its path names."""
    return re.findall(r"\{(\w+)", endpoint.path)


def told(name: str, given: Mapping[str, Any], store: Store, loaded: Loaded, now_us: int) -> bytes:
    """The answer of a tool as JSON; raises `Refusal` and `StoreError`."""
    if name not in OFFERS:
        raise Refusal(404, f"there is no tool {name!r}; there are {', '.join(OFFERS)}")
    endpoint = OFFERS[name].endpoint
    places = places_of(endpoint)
    missing = [place for place in places if not given.get(place)]
    if missing:
        raise Refusal(400, f"{missing[0]} is missing")
    limit = _limit_in(given.get("limit", LIMIT))
    apart = {*places, "limit"}
    asked_with = {key: each for key, each in given.items() if each is not None and key not in apart}
    if "limit" in endpoint.query.__struct_fields__:
        asked_with["limit"] = limit
    query = parameters_of(asked_with, endpoint.query)
    place = {key: str(given[key]) for key in places}
    found = OFFERS[name].ordered(endpoint.answer(Asked(store, loaded, now_us, query, place)))
    left_off: dict[str, int] = {}
    answer = shortened(found, limit, left_off)
    return msgspec.json.encode(Told(answer, left_off), enc_hook=str)


def _limit_in(given: Any) -> int:
    if type(given) is not int or not 1 <= given <= LARGEST_LIMIT:
        raise Refusal(400, f"limit: give a number from 1 to {LARGEST_LIMIT}")
    return given


def shortened(value: Any, most: int, left_off: dict[str, int], place: str = "answer") -> Any:
    """The value with the first `most` of each list and table in it; counts the rest by place."""
    if isinstance(value, Struct):
        return msgspec.structs.replace(
            value,
            **{
                name: shortened(getattr(value, name), most, left_off, f"{place}.{name}")
                for name in value.__struct_fields__
            },
        )
    if not isinstance(value, (list, tuple, dict)):
        return value
    if len(value) > most:
        left_off[place] = left_off.get(place, 0) + len(value) - most
    if isinstance(value, dict):
        return {
            key: shortened(each, most, left_off, f"{place}.*")
            for key, each in islice(value.items(), most)
        }
    return [shortened(each, most, left_off, f"{place}[]") for each in value[:most]]


def mcp(options: Namespace, caller: Caller) -> int:
    """Answer as an MCP server until standard input ends."""
    if options.json:
        caller.out.write(msgspec.json.encode(tools()).decode() + "\n")
        return 0
    flags = {} if options.db is None else {"storage.url": ("--db", options.db)}
    loaded = load(caller.environ, flags=flags)
    config = loaded.config
    if config.storage.url == PRIVATE:
        raise Misuse("--db: agents ask an archive that stays")
    try:
        import mcp_types as types
        from mcp.server.lowlevel import Server
        from mcp.server.stdio import stdio_server
    except ImportError:
        raise Misuse(INSTALL) from None

    readers = Readers(config.storage.url)
    listed = [
        types.Tool(
            name=tool.name,
            description=tool.description,
            input_schema=tool.input_schema,
            annotations=types.ToolAnnotations(read_only_hint=True, open_world_hint=False),
        )
        for tool in tools()
    ]

    async def on_list(_context: Any, _params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=listed)

    async def on_call(_context: Any, asked: types.CallToolRequestParams) -> types.CallToolResult:
        def answer(store: Store) -> bytes:
            now_us = time.time_ns() // 1000
            return told(asked.name, asked.arguments or {}, store, loaded, now_us)

        try:
            text, is_error = (await readers.ask(answer)).decode(), False
        except Refusal as refusal:
            text, is_error = refusal.detail, True
        except StoreError as error:
            text, is_error = str(error), True
        content = types.TextContent(type="text", text=text)
        return types.CallToolResult(content=[content], is_error=is_error)

    server: Server[Any] = Server(
        "tachlog",
        version=__version__,
        instructions=INSTRUCTIONS,
        on_list_tools=on_list,
        on_call_tool=on_call,
    )

    async def serve() -> None:
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())

    try:
        asyncio.run(serve())
    finally:
        readers.close()
    return 0
