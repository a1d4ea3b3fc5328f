"""The ways in which versions of Claude Code write, measured on public logs of 2025 and 2026.

Versions 2.0.76 to 2.1.218 were seen in public repositories; 2.1.330 was recorded against a stub of
the model API (both checked 2026-11-22).
"""

from __future__ import annotations

from typing import Literal

import msgspec

HAIKU = "claude-haiku-4-5-20251001"


Final = Literal["all", "last", "seldom", "never"]


class Dialect(msgspec.Struct, frozen=True):
    """How a version writes.

    `final` says which lines of a reply carry its final usage: all of them, only the last, those of
    one reply in eight, or none; `final_in_agents` says it of the files of sub-agents. `agents` says
    where a sub-agent's lines are: in progress records of its parent, in a file beside it, or in a
    folder below it.
    """

    version: str
    models: tuple[str, ...]
    sub_agent_model: str
    entrypoint: str
    final: Final
    final_in_agents: Final
    agents: Literal["progress", "beside", "below"]
    agent_tool: Literal["Task", "Agent"]
    hour_cache: bool
    arrow: bool
    keeps_originals: bool
    plans_with_tasks: bool = True
    effort: str = ""
    repeats_session_id: bool = False
    names_origin: bool = False
    records_requests: bool = False

    @property
    def modern(self) -> bool:
        """Whether the envelope stands behind the content, and hooks are attachments."""
        return bool(self.entrypoint)


V2_0_76 = Dialect(
    version="2.0.76",
    models=("claude-opus-4-5-20251101",),
    sub_agent_model=HAIKU,
    entrypoint="",
    final="seldom",
    final_in_agents="seldom",
    agents="beside",
    agent_tool="Task",
    hour_cache=False,
    arrow=True,
    keeps_originals=True,
    plans_with_tasks=False,
)
V2_1_49 = Dialect(
    version="2.1.49",
    models=("claude-sonnet-4-5-20250929", "claude-opus-4-5-20251101"),
    sub_agent_model=HAIKU,
    entrypoint="",
    final="never",
    final_in_agents="never",
    agents="progress",
    agent_tool="Task",
    hour_cache=True,
    arrow=True,
    keeps_originals=True,
)
V2_1_92 = Dialect(
    version="2.1.92",
    models=("claude-sonnet-4-6", "claude-opus-4-6"),
    sub_agent_model=HAIKU,
    entrypoint="cli",
    final="last",
    final_in_agents="last",
    agents="below",
    agent_tool="Agent",
    hour_cache=False,
    arrow=True,
    keeps_originals=True,
)
V2_1_138 = Dialect(
    version="2.1.138",
    models=("claude-opus-4-6", "claude-sonnet-4-6"),
    sub_agent_model=HAIKU,
    entrypoint="claude-vscode",
    final="all",
    final_in_agents="last",
    agents="below",
    agent_tool="Agent",
    hour_cache=True,
    arrow=False,
    keeps_originals=False,
)
V2_1_218 = Dialect(
    version="2.1.218",
    models=("claude-sonnet-5", "claude-opus-5"),
    sub_agent_model=HAIKU,
    entrypoint="cli",
    final="all",
    final_in_agents="all",
    agents="below",
    agent_tool="Agent",
    hour_cache=False,
    arrow=False,
    keeps_originals=False,
    effort="high",
    repeats_session_id=True,
    names_origin=True,
)
V2_1_330 = Dialect(
    version="2.1.330",
    models=("claude-opus-5", "claude-sonnet-5"),
    sub_agent_model=HAIKU,
    entrypoint="cli",
    final="all",
    final_in_agents="all",
    agents="below",
    agent_tool="Agent",
    hour_cache=False,
    arrow=False,
    keeps_originals=False,
    effort="high",
    repeats_session_id=True,
    names_origin=True,
    records_requests=True,
)
DIALECTS = (V2_0_76, V2_1_49, V2_1_92, V2_1_138, V2_1_218, V2_1_330)

Usage = tuple[int, int, int, int, int, int]
"""Tokens in the order of `truth.Tokens`."""


def usage_json(dialect: Dialect, usage: Usage) -> str:
    """A usage as this version writes it."""
    fresh, read, write, hour, output, reasoning = usage
    parts = (
        f'"input_tokens":{fresh},"cache_creation_input_tokens":{write},'
        f'"cache_read_input_tokens":{read}'
    )
    split = f'"ephemeral_5m_input_tokens":{write - hour},"ephemeral_1h_input_tokens":{hour}'
    if not dialect.modern:
        geo = "" if dialect is V2_0_76 else ',"inference_geo":"not_available"'
        return (
            f'{{{parts},"cache_creation":{{{split}}},"output_tokens":{output},'
            f'"service_tier":"standard"{geo}}}'
        )
    details = ""
    if dialect.records_requests:
        details = f',"output_tokens_details":{{"thinking_tokens":{reasoning}}}'
    return (
        f'{{{parts},"output_tokens":{output},"server_tool_use":{{"web_search_requests":0,'
        f'"web_fetch_requests":0}},"service_tier":"standard","cache_creation":{{{split}}},'
        f'"inference_geo":"not_available","iterations":[{{"input_tokens":{fresh},"output_tokens":'
        f'{output},"cache_read_input_tokens":{read},"cache_creation_input_tokens":{write},'
        f'"cache_creation":{{{split}}},"type":"message"}}],"speed":"standard"{details}}}'
    )
