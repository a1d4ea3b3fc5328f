"""How much of the model's context a session filled: the most that a call had to read, its window.

Rules: docs/design.md, "Identity and the numbers", checked 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterable

from tachlog.data import context_window
from tachlog.metrics import Context
from tachlog.model import RUN_TOTALS
from tachlog.operations import Call


def context_of(calls: Iterable[Call], compactions: int) -> Context:
    """The peak over the calls that told what they read, and the window of the call that reached it.

    A call that reports to have read nothing told nothing: no model answers an empty request, and
    one that carries what its whole run used says nothing of its own context. Where the peak is
    above the window that is known for the model, the session ran with a larger one (a beta of the
    provider's, a plan), and the window is None.
    """
    peak, model = 0, ""
    for call in calls:
        usage = call.usage
        if usage is None or call.stop_reason == RUN_TOTALS:
            continue
        prompt = usage.input + usage.cache_read + usage.cache_write
        if prompt > peak:
            peak, model = prompt, call.model
    if not peak:
        return Context(compactions=compactions)
    window = context_window(model)
    if window is not None and window < peak:
        window = None
    return Context(peak, window, compactions)
