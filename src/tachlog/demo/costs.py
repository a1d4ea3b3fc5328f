"""The running costs that Claude Code 2.1.330 notes in its transcripts."""

from __future__ import annotations

from tachlog.demo.truth import Tally

# Dollars for a million tokens: fresh input, output (published list prices, checked 2026-11-22);
# a cache read costs a tenth of the input, a write 1.25 times as much, for one hour twice.
PRICES = {"opus": (5.0, 25.0), "sonnet-5": (2.0, 10.0), "sonnet": (3.0, 15.0), "haiku": (1.0, 5.0)}


def dollars(model: str, tokens: list[int]) -> float:
    """What tokens, in the order of `truth.Tokens`, of a model cost."""
    price, output_price = next(PRICES[family] for family in PRICES if family in model)
    fresh, read, write, hour, output, _ = tokens
    weighted = fresh + read * 0.1 + (write - hour) * 1.25 + hour * 2
    return (weighted * price + output * output_price) / 1_000_000


def cost_state(tally: Tally, start_ms: int, now_ms: int) -> dict[str, object]:
    """A cost-state record: what a session has used so far."""
    costs = {model: dollars(model, tokens) for model, tokens in tally.model_tokens.items()}
    return {
        "totalCostUSD": round(sum(costs.values()), 6),
        "totalDuration": now_ms - start_ms,
        "startTime": start_ms,
        "modelUsage": {
            model: {
                "inputTokens": tokens[0],
                "outputTokens": tokens[4],
                "thinkingTokens": tokens[5],
                "cacheReadInputTokens": tokens[1],
                "cacheCreationInputTokens": tokens[2],
                "webSearchRequests": 0,
                "costUSD": round(costs[model], 6),
            }
            for model, tokens in tally.model_tokens.items()
        },
        "hasUnknownModelCost": False,
    }
