"""The configuration: one value for each key, known by where it came from, wrong ones refused."""

from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tachlog.config import Config, ConfigError, as_toml, cache_home, data_home, keys, load, value_of

HOME = {"HOME": "/home/ana"}


MAPPING = """[[sources.mappings]]
name = "bot"
match = "*.jsonl"
[sources.mappings.fields]
session = "s"
time = "t"
"""


def written(path: Path, text: str) -> Path:
    """Write a configuration file."""
    path.write_text(text, encoding="utf-8")
    return path


def refused(path: Path | None = None, environ: Mapping[str, str] = HOME) -> str:
    """Return the message with which a configuration is refused."""
    with pytest.raises(ConfigError) as caught:
        load(environ, path)
    return str(caught.value)


def test_the_users_keys_have_the_users_defaults() -> None:
    """Nothing set gives the thresholds of the first outline."""
    config = load({}).config
    assert config.alerts.error_rate_threshold == 0.15
    assert config.alerts.token_spike_multiplier == 2
    assert config.alerts.response_time_p95 == 5000
    assert config.alerts.session_duration_max == 7200
    factors = config.analysis.complexity_factors
    assert factors.message_count == (10, 20, 50)
    assert factors.unique_tools == (2, 5, 10)
    assert factors.duration == (1800, 3600)
    assert factors.error_rate == (0.1, 0.2)
    assert config.storage.driver == "sqlite"
    assert config.storage.retention_days == 90
    assert config.storage.downsample_after == 30


def test_every_key_is_documented() -> None:
    """Each key has a meaning in words, a default, and a variable of its own."""
    assert len({key.variable for key in keys()}) == len(keys()) > 0
    for key in keys():
        assert len(key.meaning.split()) > 3, key.name
        assert key.default, key.name


def test_a_flag_wins_over_a_variable_over_the_file_over_the_default(tmp_path: Path) -> None:
    """Each value is the one of the highest place that gives it, and says which place that was."""
    path = written(
        tmp_path / "config.toml",
        "[alerts]\nerror_rate_threshold = 0.5\n"
        "response_time_p95 = 100\nsession_duration_max = 60\n",
    )
    environ = {
        **HOME,
        "TACHLOG_ALERTS__ERROR_RATE_THRESHOLD": "0.25",
        "TACHLOG_ALERTS__SESSION_DURATION_MAX": "90",
    }
    loaded = load(environ, path, {"alerts.error_rate_threshold": ("--threshold", 0.75)})
    alerts = loaded.config.alerts
    assert alerts.error_rate_threshold == 0.75
    assert alerts.session_duration_max == 90
    assert alerts.response_time_p95 == 100
    assert alerts.token_spike_multiplier == 2
    assert loaded.path == path
    users = alerts.__struct_fields__[:4]
    assert {name: loaded.origins[f"alerts.{name}"] for name in users} == {
        "error_rate_threshold": "--threshold",
        "session_duration_max": "TACHLOG_ALERTS__SESSION_DURATION_MAX",
        "response_time_p95": str(path),
        "token_spike_multiplier": "default",
    }


def test_origins_cover_every_key() -> None:
    """There is no value whose origin is unknown, and no origin without a value."""
    assert list(load(HOME).origins) == [key.name for key in keys()]


def test_the_usual_file_is_read_where_it_is_and_may_be_missing(tmp_path: Path) -> None:
    """`$XDG_CONFIG_HOME/tachlog/config.toml`, else `~/.config/tachlog/config.toml`."""
    assert load({"HOME": str(tmp_path)}).path == tmp_path / ".config/tachlog/config.toml"
    directory = tmp_path / "xdg" / "tachlog"
    directory.mkdir(parents=True)
    path = written(directory / "config.toml", '[display]\ncolor = "never"\n')
    loaded = load({"XDG_CONFIG_HOME": str(tmp_path / "xdg")})
    assert loaded.config.display.color == "never"
    assert loaded.path == path


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    """`TACHLOG_CONFIG` and a path that was asked for are no guesses."""
    path = tmp_path / "none.toml"
    assert refused(path) == f"{path}: there is no such configuration file"
    assert refused(environ={"TACHLOG_CONFIG": str(path)}).startswith(f"{path}: ")


def test_a_file_that_cannot_be_read_is_told_with_its_place(tmp_path: Path) -> None:
    """A directory, bytes that are no UTF-8 and text that is no TOML name the file and the fault."""
    directory = tmp_path / "directory.toml"
    directory.mkdir()
    assert refused(directory) == f"{directory}: cannot be read: Is a directory"
    path = tmp_path / "config.toml"
    path.write_bytes(b'[display]\ncolor = "\xff"')
    assert "cannot be read" in refused(path)
    assert "line 2" in refused(written(path, "[display]\ncolor = red\n"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "[alerts]\nerror_rate_treshold = 0.1",
            "unknown key alerts.error_rate_treshold; did you mean alerts.error_rate_threshold?",
        ),
        ("[alert]\nx = 1", "unknown key alert; did you mean alerts?"),
        ("[storage.sqlite]\nx = 1", "unknown key storage.sqlite; did you mean storage."),
        ("alerts = 3", "alerts is a table: write [alerts] and its keys below it"),
        (
            "[alerts]\nerror_rate_threshold = 15",
            "alerts.error_rate_threshold = 15: Expected `float` <= 1.0; the default is 0.15",
        ),
        (
            '[alerts]\nresponse_time_p95 = "5s"',
            'alerts.response_time_p95 = "5s": Expected `int`, got `str`; the default is 5000',
        ),
        ("[storage]\nretention_days = 0", "storage.retention_days = 0: Expected `int` >= 1"),
        (
            '[storage]\ndriver = "mysql"',
            'storage.driver = "mysql": give one of sqlite, postgresql, influxdb; the default is'
            ' "sqlite"',
        ),
        ('[display]\ncolor = "blue"', "give one of auto, always, never"),
        ('[display]\ntime_zone = "Europe/Wien"', "did you mean Europe/Vienna?"),
        ("[prices]\nfile = 3", "prices.file = 3: Expected a path, got 3; the default is none"),
        ("[analysis.complexity_factors]\nduration = [3600, 1800]", "does not ascend"),
        ("[analysis.complexity_factors]\nmessage_count = [1, 2]", "Expected `array` of length 3"),
        ('[signals.errors]\ntimeout = ["("]', "timeout = '(': no regular expression of RE2"),
        ('[signals.errors]\ntimeouts = ["x"]', "timeouts is none of rate_limit, timeout"),
        ('[signals.behaviors]\nretrying = ["x"]', "retrying is none of retry, fallback"),
        ('[projects]\n"/work/shop" = 3', "Expected `str`, got `int`"),
        (
            f'{MAPPING}modle = "m"',
            "sources.mappings[0].fields: unknown key modle; did you mean model?",
        ),
        (
            MAPPING.replace("match", "macth"),
            "sources.mappings[0]: unknown key macth; did you mean match?",
        ),
        (
            MAPPING.replace('time = "t"', ""),
            "sources.mappings[0].fields: Object missing required field `time`",
        ),
        (MAPPING.replace("bot", "The Bot"), "sources.mappings[0].name: Expected `str` matching"),
        (f"{MAPPING}\n[[sources.mappings]]\n", "sources.mappings[1]: Object missing required"),
        (
            "[[billing]]\nprovider = 'openai'\nplan = 'pro'",
            "billing[0].plan: give one of subscription, api",
        ),
        (
            "[[billing]]\nprovidr = 'openai'\nplan = 'api'",
            "billing[0]: unknown key providr; did you mean provider?",
        ),
        (
            "[[billing]]\nprovider = 'openai'\nplan = 'subscription'",
            "billing[0]: a subscription needs usd_per_month",
        ),
        (
            "[[billing]]\nprovider = 'openai'\nplan = 'api'\nusd_per_month = 5",
            "billing[0]: plan api is billed by use and has no usd_per_month",
        ),
        ("[sources]\nmappings = 3", "sources.mappings = 3: Expected `array`, got `int`"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, text: str, told: str) -> None:
    """An unknown key, a wrong type, a value out of range: the place, the key, what to do."""
    path = written(tmp_path / "config.toml", text)
    message = refused(path)
    assert message.startswith(f"{path}: ")
    assert told in message


def test_a_format_of_the_users_own(tmp_path: Path) -> None:
    """A mapping is read from the file, and told as the file could write it, without defaults."""
    config = load(HOME, written(tmp_path / "config.toml", MAPPING)).config
    (mapping,) = config.sources.mappings
    assert (mapping.name, mapping.match, mapping.format) == ("bot", "*.jsonl", "jsonl")
    assert (mapping.fields.session, mapping.fields.time) == ("s", "t")
    told = as_toml(config.sources.mappings)
    assert told == (
        '[{ "name" = "bot", "match" = "*.jsonl", "fields" = { "session" = "s", "time" = "t" } }]'
    )
    assert (
        load(HOME, written(tmp_path / "same.toml", f"sources.mappings = {told}")).config == config
    )


def test_a_variable_that_is_no_key_is_refused_with_the_nearest_one() -> None:
    """A misspelt `TACHLOG_*` variable is never passed over in silence."""
    message = refused(environ={"TACHLOG_STORAGE__RETENTION": "3"})
    assert message == (
        "TACHLOG_STORAGE__RETENTION: no such variable;"
        " did you mean TACHLOG_STORAGE__RETENTION_DAYS?"
    )


def test_other_variables_of_tachlog_are_no_keys() -> None:
    """`TACHLOG_DEBUG` and every variable of other programs are left alone."""
    assert (
        load({"TACHLOG_DEBUG": "1", "TACH": "x", "PATH": "/bin"}).config.alerts == Config().alerts
    )


def test_a_variable_holds_a_text_as_it_is_and_everything_else_as_toml() -> None:
    """Numbers, lists and tables are written as in the file; texts need no quotes."""
    config = load(
        {
            "TACHLOG_DISPLAY__TIME_ZONE": "Europe/Vienna",
            "TACHLOG_ANALYSIS__COMPLEXITY_FACTORS__DURATION": "[60, 90.5]",
            "TACHLOG_PROJECTS": '{ "/work/shop" = "shop" }',
            "TACHLOG_SIGNALS__ERRORS": '{ timeout = ["took too long"] }',
        }
    ).config
    assert config.display.time_zone == "Europe/Vienna"
    assert config.analysis.complexity_factors.duration == (60, 90.5)
    assert config.projects == {"/work/shop": "shop"}
    assert config.signals.errors == {"timeout": ["took too long"]}


def test_a_variable_that_is_no_toml_is_refused() -> None:
    """The message says what was read and what the default looks like."""
    message = refused(environ={"TACHLOG_STORAGE__RETENTION_DAYS": "a week"})
    assert message == (
        "TACHLOG_STORAGE__RETENTION_DAYS: 'a week' is no value as TOML writes it; the default is 90"
    )


def test_paths_lie_beside_the_file_that_names_them(tmp_path: Path) -> None:
    """A relative path is told from the file, `~` is the home, a URL stays as it is."""
    path = written(
        tmp_path / "config.toml",
        '[storage]\nurl = "logs.db"\n[prices]\nfile = "~/prices.toml"\n'
        '[sources]\npaths = ["more", "/var/log/agents", "sqlite:///x?table=y"]\n'
        '[projects]\n"~/shop" = "shop"\n',
    )
    config = load(HOME, path).config
    assert config.storage.url == str(tmp_path / "logs.db")
    assert config.prices.file == Path("/home/ana/prices.toml")
    assert config.sources.paths == (
        str(tmp_path / "more"),
        "/var/log/agents",
        "sqlite:///x?table=y",
    )
    assert config.projects == {"/home/ana/shop": "shop"}


def test_a_path_in_a_variable_is_told_from_where_the_command_runs() -> None:
    """`TACHLOG_STORAGE__URL=x.db` is the file x.db here."""
    assert load({"TACHLOG_STORAGE__URL": "x.db"}).config.storage.url == "x.db"


def test_the_archive_and_the_cache_follow_the_desktop_rules() -> None:
    """`$XDG_DATA_HOME` and `$XDG_CACHE_HOME`, else their usual places in the home."""
    assert load(HOME).config.storage.url == "/home/ana/.local/share/tachlog/tachlog.db"
    assert data_home({"XDG_DATA_HOME": "/data"}) == "/data/tachlog"
    assert cache_home(HOME) == "/home/ana/.cache/tachlog"
    assert cache_home({"XDG_CACHE_HOME": "/cache"}) == "/cache/tachlog"


def test_a_configuration_made_by_hand_keeps_nothing() -> None:
    """`Config()` knows no machine: a private archive, UTC."""
    assert Config().storage.url == "private:"
    assert Config().display.time_zone == "UTC"


@pytest.mark.parametrize(
    ("variable", "zone"),
    [
        ("Asia/Kathmandu", "Asia/Kathmandu"),
        (":Europe/Vienna", "Europe/Vienna"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "UTC"),
        ("", "UTC"),
    ],
)
def test_the_zone_is_this_machines(variable: str, zone: str) -> None:
    """`TZ` says it where it names a zone; a rule without a name is shown as UTC."""
    assert load({"TZ": variable}).config.display.time_zone == zone


def test_without_a_variable_the_machine_says_its_zone() -> None:
    """What /etc/localtime names is a zone that can be loaded, or UTC where it names none."""
    assert ZoneInfo(load({}).config.display.time_zone)


def test_values_are_told_as_the_file_writes_them() -> None:
    """What `config` prints can be copied into the file."""
    assert as_toml(("a", 'b"c')) == '["a", "b\\"c"]'
    assert as_toml({"a b": [1, 2.5]}) == '{ "a b" = [1, 2.5] }'
    assert as_toml({}) == "{}"
    assert as_toml(True) == "true"
    assert as_toml(None) == "none"
    assert as_toml(Path("/x")) == '"/x"'


def test_every_default_is_what_the_configuration_has() -> None:
    """The documented default of a key is its value where nothing is set."""
    config = load({"TZ": "UTC"}).config
    for key in keys():
        if key.name not in ("storage.url", "display.time_zone"):
            assert as_toml(value_of(config, key.name)).replace(".0,", ",").replace(".0]", "]") in (
                key.default,
                f"{key.default}.0",
            ), key.name
