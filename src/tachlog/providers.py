"""Who serves a model, where the log does not say.

Told from the model's name and the shape of the message id (`msg_bdrk_` and `msg_vrtx_` ids come
from Amazon Bedrock and Google Vertex; seen in Claude Code logs, checked 2026-11-22).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

_PREFIXES = (
    ("claude", "anthropic"),
    ("gpt", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("codex", "openai"),
    ("gemini", "google"),
    ("gemma", "google"),
    ("glm", "zhipu"),
    ("deepseek", "deepseek"),
    ("minimax", "minimax"),
    ("kimi", "moonshot"),
    ("moonshot", "moonshot"),
    ("qwen", "alibaba"),
    ("grok", "xai"),
    ("mistral", "mistral"),
    ("devstral", "mistral"),
    ("codestral", "mistral"),
    ("command", "cohere"),
    ("llama", "meta"),
)

CONVENTION: Final = {
    "aws-bedrock": "aws.bedrock",
    "azure": "azure.ai.openai",
    "google": "gcp.gen_ai",
    "google-vertex": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "xai": "x_ai",
}
"""What `gen_ai.provider.name` calls a provider, where its words differ from ours.

Source: OpenTelemetry's conventions for generative AI, docs/gen-ai/gen-ai-metrics.md (checked
2026-11-23): a value of its list must be used where one applies.
"""


def provider_of(model: str, message_id: str = "") -> str:
    """The provider of a model call, or `unknown`."""
    if message_id.startswith("msg_bdrk_"):
        return "aws-bedrock"
    if message_id.startswith("msg_vrtx_"):
        return "google-vertex"
    return _by_name(model)


@lru_cache(1024)
def _by_name(model: str) -> str:
    name = model.lower()
    for part in (name, name.rpartition("/")[2], name.rpartition(".")[2]):
        for prefix, provider in _PREFIXES:
            if part.startswith(prefix):
                return provider
    return "unknown"
