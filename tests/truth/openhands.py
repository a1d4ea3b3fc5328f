"""Count logs of OpenHands with plain loops, from the description of the formats alone.

Shares no code with the package.
"""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def count(paths: Iterable[Path]) -> Counter[str]:
    """What all files together tell: calls by response id, tools by call id, each once."""
    used: dict[str, dict[str, int]] = {}
    asked: set[str] = set()
    ended: dict[str, int | None] = {}
    prompts = 0
    sessions = set()
    for path in paths:
        document = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(document, list):
            sessions.add(str(path))
            prompts += classic(document, used, asked, ended)
        elif path.name == "base_state.json":
            sessions |= {document["id"]} if document.get("workspace") else set()
            state(document, used)
        elif "kind" in document:
            prompts += event(document, used, asked, ended)
        elif "latency_sec" in document:
            completion(document, used, asked, ended)
    total: Counter[str] = Counter({"sessions": len(sessions), "prompts": prompts})
    total["calls"] = len(used)
    for figures in used.values():
        total.update(figures)
    total["tools"] = len(asked)
    for code in ended.values():
        if code is not None:
            total["exit 0" if code == 0 else "exit not 0"] += 1
    return +total


def buckets(prompt: int, output: int, read: int, write: int, reasoning: int) -> dict[str, int]:
    """Disjoint tokens of a call."""
    return {
        "with_usage": 1,
        "input": prompt - read - write,
        "cache_read": read,
        "cache_write": write,
        "output": output,
        "reasoning": reasoning,
    }


def of_response(usage: dict[str, Any]) -> dict[str, int]:
    """The buckets of a chat completion's usage."""
    details = usage.get("completion_tokens_details") or {}
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    return buckets(
        usage["prompt_tokens"],
        usage["completion_tokens"],
        cached,
        usage.get("cache_creation_input_tokens") or 0,
        details.get("reasoning_tokens") or 0,
    )


def state(document: dict[str, Any], used: dict[str, dict[str, int]]) -> None:
    """The calls that a conversation's state lists."""
    stats = document.get("stats") or document.get("conversation_stats") or {}
    for metrics in (
        stats.get("usage_to_metrics") or stats.get("service_to_metrics") or {}
    ).values():
        for usage, cost in zip(metrics["token_usages"], metrics["costs"], strict=True):
            used.setdefault(usage["response_id"], {}).update(
                buckets(
                    usage["prompt_tokens"],
                    usage["completion_tokens"],
                    usage["cache_read_tokens"],
                    usage["cache_write_tokens"],
                    usage["reasoning_tokens"],
                ),
                cost_nanousd=round(cost["cost"] * 1e9),
            )


def event(
    document: dict[str, Any],
    used: dict[str, dict[str, int]],
    asked: set[str],
    ended: dict[str, int | None],
) -> int:
    """One event of the SDK; gives how many prompts it is."""
    if document.get("llm_response_id"):
        used.setdefault(document["llm_response_id"], {})
    if document["kind"] == "ActionEvent":
        asked.add(document["tool_call_id"])
    if document["kind"] == "ObservationEvent":
        ended[document["tool_call_id"]] = document["observation"].get("exit_code")
    return int(document["kind"] == "MessageEvent" and document["source"] == "user")


def completion(
    document: dict[str, Any],
    used: dict[str, dict[str, int]],
    asked: set[str],
    ended: dict[str, int | None],
) -> None:
    """One logged call."""
    response = document["response"]
    figures = {"cost_nanousd": round(document["cost"] * 1e9)}
    if response.get("usage"):
        figures |= of_response(response["usage"])
    used[response["id"]] = figures
    said = document.get("raw_messages") or document["messages"]
    answers = [m for m in said if m["role"] == "assistant"] + [response["choices"][0]["message"]]
    first = answers[0]["content"]
    begin = first if isinstance(first, str) else first[0]["text"]
    for message in answers:
        for tool in message.get("tool_calls") or []:
            if tool:  # `toolu_02` is made up, once in every conversation
                made_up = len(tool["id"]) == len("toolu_02")
                asked.add(f"{begin} {tool['id']}" if made_up else tool["id"])


def classic(
    events: list[dict[str, Any]],
    used: dict[str, dict[str, int]],
    asked: set[str],
    ended: dict[str, int | None],
) -> int:
    """A list of events of before the SDK; gives how many prompts it has."""
    before = 0.0
    for each in events:
        called = each.get("tool_call_metadata")
        if called and "observation" not in each:
            response = called["model_response"]
            after = each["llm_metrics"]["accumulated_cost"]
            cost = round((after - before) * 1e9)
            used[response["id"]] = of_response(response["usage"]) | {"cost_nanousd": cost}
            before = after
            asked.update(tool["id"] for tool in response["choices"][0]["message"]["tool_calls"])
        elif called:
            ended[called["tool_call_id"]] = each["extras"]["metadata"]["exit_code"]
    spoken = [each for each in events if each["source"] == "user" and "args" in each]
    return sum("recall_type" not in each["args"] for each in spoken)
