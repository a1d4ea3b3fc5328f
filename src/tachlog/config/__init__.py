"""The configuration: one frozen `Config`, and where each of its values came from.

A flag of the command wins over a `TACHLOG_*` variable, a variable over the file, the file over the
default. A variable is called like its key in capitals, with `__` for the dot:
`alerts.error_rate_threshold` is `TACHLOG_ALERTS__ERROR_RATE_THRESHOLD`. Texts stand in it as they
are, everything else as in TOML.
"""

from tachlog.config.keys import Config, Key, as_toml, keys, value_of
from tachlog.config.reading import (
    OTHER_VARIABLES,
    ConfigError,
    Loaded,
    load,
)
from tachlog.settings import cache_home, data_home

__all__ = [
    "OTHER_VARIABLES",
    "Config",
    "ConfigError",
    "Key",
    "Loaded",
    "as_toml",
    "cache_home",
    "data_home",
    "keys",
    "load",
    "value_of",
]
