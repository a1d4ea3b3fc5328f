"""tachlog reads the logs of AI agents and tells what they did, what it cost and where it failed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tachlog.analysis.summary import TelemetryResult
    from tachlog.api import analyze, process_logs, realtime
    from tachlog.stores import open_store
    from tachlog.stores.influxdb import open_mirror

__version__ = "0.1.0"

__all__ = [
    "TelemetryResult",
    "__version__",
    "analyze",
    "open_mirror",
    "open_store",
    "process_logs",
    "realtime",
]

_HOMES = {
    "TelemetryResult": "tachlog.analysis.summary",
    "analyze": "tachlog.api",
    "open_mirror": "tachlog.stores.influxdb",
    "open_store": "tachlog.stores",
    "process_logs": "tachlog.api",
    "realtime": "tachlog.api",
}


def __getattr__(name: str) -> Any:
    """Load a name of the Python API when it is first used: the import itself loads nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
