"""What the names of models, providers and tiers in agents' logs stand for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

TABLE = Path(__file__).parents[1] / "data" / "pricing.toml"

_BRACKETS = re.compile(r"\[[^\]]*\]$")
_DEFAULT_VERSION = re.compile(r"@default$")
_EFFORT = re.compile(r"-(?:thinking|minimal|low|medium|high|xhigh|none)$")
_DATE = re.compile(r"[-@](?:20\d{6}|20\d{2}-\d{2}-\d{2})$")
_COMPACT_DATE = re.compile(r"-(20\d{2})(\d{2})(\d{2})$")
_BEDROCK = re.compile(
    r"^(?:[a-z]+(?:-[a-z]+)?\.)?(?:ai21|amazon|anthropic|cohere|deepseek|meta|mistral|openai|qwen)\.(?=[a-z])"
)
_VERTEX = re.compile(r"^(?:projects/.*/)?publishers/[^/]+/models/")


class Tiers(Struct, frozen=True, forbid_unknown_fields=True):
    """Which names of tiers mean the standard one, for everybody and by vendor."""

    standard: frozenset[str]
    committed: dict[str, frozenset[str]]


class Local(Struct, frozen=True, forbid_unknown_fields=True):
    """What runs on the user's own machine."""

    providers: frozenset[str]
    remote_suffixes: tuple[str, ...]


class Free(Struct, frozen=True, forbid_unknown_fields=True):
    """What is offered without charge."""

    suffixes: tuple[str, ...]


class AnyVendor(Struct, frozen=True, forbid_unknown_fields=True):
    """Providers under whose name the models of any vendor may be called."""

    providers: frozenset[str]


class Names(Struct, frozen=True, forbid_unknown_fields=True):
    """The table `data/pricing.toml`; `checked` is when its sources were looked up."""

    source: str
    checked: date
    released: dict[str, str]
    tiers: Tiers
    local: Local
    free: Free
    providers: dict[str, str]
    vendors: dict[str, str]
    any_vendor: AnyVendor


@cache
def names() -> Names:
    """Return the shipped table."""
    import tomllib

    return msgspec.convert(tomllib.loads(TABLE.read_text(encoding="utf-8")), Names)


class Reading(Struct, frozen=True):
    """One way to read a model's name: who sells it (None: not told), and what they call it."""

    provider: str | None
    model: str


def readings(model: str, provider: str | None) -> Iterator[Reading]:
    """Yield what a model's name can mean, the likeliest first; without provider: ask the vendors.

    A prefix such as `openrouter/`, `bedrock/` or `ollama/` names the provider. So do the forms of
    Bedrock (`us.anthropic.claude-…-v1:0`, an inference profile's ARN) and of Vertex AI
    (`publishers/anthropic/models/…`, `claude-…@20250514`), where no provider was told. Any other
    `maker/model` is OpenRouter's way to write.
    """
    seller = provider.strip().lower() if provider else None
    name = model.strip().lower()
    if name.startswith("arn:aws"):
        seller, name = seller or "aws", name.rsplit("/", 1)[-1]
    elif vertex := _VERTEX.match(name):
        seller, name = seller or "google", name[vertex.end() :]
    elif seller is None and _BEDROCK.match(name):
        seller = "aws"
    elif seller is None and name.startswith("claude-") and "@" in name:
        seller = "google"
    if seller is not None:
        yield Reading(seller, name)
    rest = name
    while "/" in rest:
        prefix, rest = rest.split("/", 1)
        if seller is not None:
            yield Reading(seller, rest)
        yield Reading(prefix, rest)
    if rest != name:
        if seller is None:
            yield Reading("openrouter", name)
        yield Reading(None, name)
    yield Reading(None, _BEDROCK.sub("", rest))


def spellings(model: str) -> Iterator[str]:
    """Yield a model's name as it stands, then without what does not change its price.

    That is a context or option in brackets (`[1m]`), `@default`, thinking and effort suffixes, and
    a date, which is also tried in the form 2025-12-11.
    """
    yield model
    for pattern in (_BRACKETS, _DEFAULT_VERSION, _EFFORT):
        shorter = pattern.sub("", model)
        if shorter != model:
            yield (model := shorter)
    dashed = _COMPACT_DATE.sub(r"-\1-\2-\3", model)
    if dashed != model:
        yield dashed
    undated = _DATE.sub("", model)
    if undated != model:
        yield undated


def provider_id(name: str) -> str:
    """Return the library's id of a provider that it does not know under an agent's name for it."""
    return names().providers.get(name, name)


def is_free(reading: Reading) -> bool:
    """Whether the model ran on the user's own machine, or is offered without charge."""
    if reading.model.endswith(names().free.suffixes):
        return True
    local = names().local
    return reading.provider in local.providers and not reading.model.endswith(local.remote_suffixes)


def tier_of(tier: str | None) -> str:
    """Return a tier's name as prices know it, such as standard, batch, flex, priority or fast."""
    given = (tier or "").strip().lower()
    return "standard" if given in names().tiers.standard else given
