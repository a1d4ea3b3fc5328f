"""Write the reference pages: `python docs/generate.py`, or `make docs`.

Each page is made from what the program itself says, so that it cannot be wrong for long: a test
fails when a page is stale. `pages()` gives them without writing.
"""

import sys
import tomllib
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from tachlog.analysis.alerting.measures import MEASURES
from tachlog.analysis.alerting.rules import shipped
from tachlog.analysis.shapes import SessionView
from tachlog.analysis.summary import TelemetryResult
from tachlog.cli.formats import Format, known_formats
from tachlog.cli.parser import Verb, told
from tachlog.cli.running import overview
from tachlog.cli.verbs import VERBS
from tachlog.config import OTHER_VARIABLES, Key, as_toml, keys
from tachlog.data import advice
from tachlog.export import UNDATED
from tachlog.export.columns import SCHEMA
from tachlog.export.columns import TABLES as EXPORTED
from tachlog.grafana.provisioning import address_of, database_of, files, write
from tachlog.mappings import Fields, Mapping
from tachlog.sources import Source, all_sources

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS))
WARNING = "<!-- Made by docs/generate.py: `make docs` writes it anew. -->"

Row = list[str]
Rows = dict[str, dict[str, Row]]
"""Unit, basis, meaning and perhaps "None when" of each field of each struct of the contract."""


def pages() -> dict[str, str]:
    """The text of each page by its name."""
    rows = metric_rows()
    return {
        "advice.md": advice_page(),
        "alerts.md": alerts_page(),
        "cli.md": cli_page(),
        "config.md": config_page(),
        "export.md": export_page(rows),
        "http.md": http_page(),
        "formats.md": formats_page(shipped_formats()),
        "metrics.md": metrics_page(rows),
        "tachlog.1": man_page(),
    }


def grafana_files() -> dict[str, str]:
    """What `deploy/grafana` has, for the containers beside it."""
    database, mirror = "postgresql://postgres/tachlog", "influxdb://tachlog@influxdb/tachlog"
    return files(database_of(database), address_of(mirror), "/etc/grafana/tachlog")


def advice_page() -> str:
    """How advice is made, and every kind of it."""
    known = advice()
    rows = [
        [
            f"`{kind.type}`",
            cell(kind.rule),
            ", ".join(
                [f"`{name}` ≥ {number:g}" for name, number in kind.least.items()]
                + [f"`{name}` > {number:g}" for name, number in kind.above.items()]
            ),
            cell(kind.saving),
            cell(kind.measure),
            kind.effort,
        ]
        for kind in known.kinds
    ]
    heads = ["kind", "told when", "from how much on", "saving", "before and after", "effort"]
    words = (DOCS / "advice.in.md").read_text(encoding="utf-8")
    before, after = words.split("<!-- table -->")
    return joined(
        [
            before.strip().replace("\n\n", f"\n\n{WARNING}\n\n", 1),
            table(heads, rows),
            after.strip()
            .replace("MOST_OF_A_TYPE", str(known.most_of_a_type))
            .replace("MOST", str(known.most)),
        ]
    )


def alerts_page() -> str:
    """How alerts work, the shipped rules, what rules of one's own may ask for."""
    shown = [
        [
            f"`{each.name}`",
            f"`{each.when}`",
            "" if each.value is None else f"{each.value:g}",
            each.window,
            ", ".join(each.by),
            f"`{each.least}`" if each.least else "",
            each.severity,
            f"`{each.setting}`" if each.setting else f"`alerts.values.{each.name}`",
        ]
        for each in shipped()
    ]
    heads = ["rule", "fires when", "value", "window", "for each", "if", "severity", "value's key"]
    measures = [[f"`{name}`", each.unit, cell(each.meaning)] for name, each in MEASURES.items()]
    words = (DOCS / "alerts.in.md").read_text(encoding="utf-8")
    before, between, after = words.split("<!-- table -->")
    return joined(
        [
            before.strip().replace("\n\n", f"\n\n{WARNING}\n\n", 1),
            table(heads, shown),
            between.strip(),
            table(["measure", "unit", "meaning"], measures),
            after.strip(),
        ]
    )


def http_page() -> str:
    """Every route of the HTTP API, and how to use them."""
    from tachlog.web.app import CHANGES, ENDPOINTS
    from tachlog.web.guard import scope_of
    from tachlog.web.openapi import described

    rows: list[Row] = []
    paths: dict[str, dict[str, Any]] = described(ENDPOINTS, CHANGES)["paths"]
    for path, methods in paths.items():
        for method, route in methods.items():
            asked = [each["name"] for each in route.get("parameters", ()) if each["in"] == "query"]
            scope = scope_of(method.upper(), path) or "none"
            parameters = ", ".join(f"`{name}`" for name in asked)
            rows.append([f"`{method.upper()} {path}`", cell(route["summary"]), parameters, scope])
    words = (DOCS / "http.in.md").read_text(encoding="utf-8")
    before, after = words.split("<!-- table -->")
    return joined(
        [
            before.strip().replace("\n\n", f"\n\n{WARNING}\n\n", 1),
            table(["route", "answers", "parameters", "scope"], rows),
            after.strip(),
        ]
    )


def cli_page() -> str:
    """Every verb with its options."""
    blocks = [
        "# The command line",
        WARNING,
        "```\n" + overview() + "\n```",
        "Exit code 0: answered, gaps counted. 1: part of what was asked could not be done. 2: the"
        " command, a path or a setting cannot be used. 3: `--fail-on` found what it names. 130:"
        " stopped by Ctrl-C. 141: nobody reads the answer any more. Faults are told on stderr in a"
        " line or two; `TACHLOG_DEBUG=1` shows where they come from.",
        *(verb_block(verb) for verb in VERBS),
    ]
    return joined(blocks)


def verb_block(verb: Verb) -> str:
    """One verb."""
    rows = [[f"`{option.usage}`", cell(told(option))] for option in verb.options]
    meaning = verb.meaning[0].upper() + verb.meaning[1:] + "."
    return joined(
        [
            f"## `{verb.command}`",
            f"{meaning} {verb.more}".strip(),
            f"`{verb.usage}`",
            table(["option", "meaning"], rows),
            f"`--json` prints {verb.json}.",
        ]
    ).rstrip()


def man_page() -> str:
    """The same for `man`."""
    blocks = [
        '.\\" Made by docs/generate.py.\n.TH TACHLOG 1',
        ".SH NAME\ntachlog \\- the tachograph for AI agents",
        ".SH SYNOPSIS\n.B tachlog\n[\\fIVERB\\fR] [\\fIoptions\\fR]",
        ".SH DESCRIPTION\n"
        + roff(
            "tachlog reads the logs of AI agents and tells what they did, what it cost, how long it"
            " took and where it failed. Nothing leaves this machine. Without a verb it tells today"
            " and this week from what was read before."
        ),
        ".SH VERBS",
        *(man_block(verb) for verb in VERBS if verb.name),
        ".SH EXIT STATUS\n"
        + roff(
            "0: answered, gaps counted. 1: part of what was asked could not be done. 2: the"
            " command, a path or a setting cannot be used. 3: --fail-on found what it names. 130:"
            " stopped by Ctrl-C. 141: nobody reads the answer any more."
        ),
        ".SH ENVIRONMENT\n"
        + roff("TACHLOG_DEBUG=1 shows where faults come from; NO_COLOR asks for plain text."),
    ]
    return "\n".join(blocks) + "\n"


def man_block(verb: Verb) -> str:
    """One verb."""
    meaning = verb.meaning[0].upper() + verb.meaning[1:]
    lines = [f".SS {roff(verb.usage)}", roff(f"{meaning}. {verb.more}".strip())]
    for option in verb.options:
        lines += [".TP", f".B {roff(option.usage)}", roff(told(option))]
    return "\n".join([*lines, ".PP", roff(f"--json prints {verb.json}.".replace("`", ""))])


def roff(text: str) -> str:
    """Text as it is: nothing in it is a request or an escape."""
    safe = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "")
    plain = "".join(c if c.isascii() else f"\\[u{ord(c):04X}]" for c in safe)
    return f"\\&{plain}" if plain.startswith((".", "'")) else plain


def config_page() -> str:
    """Every key of the configuration."""
    return joined(
        [
            "# Configuration",
            WARNING,
            "One TOML file, `$XDG_CONFIG_HOME/tachlog/config.toml` (else"
            " `~/.config/tachlog/config.toml`), and `TACHLOG_*` variables. A flag of the command"
            " wins over a variable, a variable over the file, the file over the default; `tachlog"
            " config` prints each value with where it came from. An unknown key or a value that"
            " cannot be used is an error that says where it stands (exit code 2).",
            "A variable is called like its key in capitals with `__` for the dot:"
            " `alerts.error_rate_threshold` is `TACHLOG_ALERTS__ERROR_RATE_THRESHOLD`. Texts stand"
            " in it as they are; numbers, lists and tables as in TOML. Paths in the file are"
            " relative to the file, and `~` is the home directory.",
            table(["key", "default", "meaning"], [key_row(key) for key in keys()]),
            "Variables that are no keys:",
            table(["variable", "meaning"], [[f"`{n}`", m] for n, m in OTHER_VARIABLES.items()]),
            "An example:",
            "```toml\n"
            '[display]\ntime_zone = "Europe/Vienna"\n\n'
            "[analysis.complexity_factors]\nmessage_count = [20, 40, 100]\n\n"
            '[projects]\n"~/work/shop-legacy" = "shop"\n\n'
            '[signals.errors]\ntimeout = ["took longer than \\\\d+ s"]\n\n'
            '[[billing]]\nprovider = "anthropic"\nplan = "subscription"\nusd_per_month = 200\n'
            'since = 2026-09-01\nname = "Claude Max"\n```',
            "What a `[[billing]]` says and a price file holds is told in [cost.md](cost.md).",
            *mappings_part(),
        ]
    )


def mappings_part() -> list[str]:
    """How to describe a log format of one's own, each of its keys from the type itself."""
    optional = [
        [f"`{each.name}`", values_of(each.type), f"`{as_toml(each.default)}`"]
        for each in msgspec.structs.fields(Mapping)
        if each.default is not msgspec.NODEFAULT
    ]
    return [
        "## A log format of your own",
        "Each `[[sources.mappings]]` says how the records of some files (JSON lines, CSV rows, rows"
        " of an SQL table) are to be read. It says how, not where: name the files to the command or"
        " in `sources.paths`; in a directory only names that end as logs do (`.jsonl`, `.csv` and"
        " the like) are looked at, others have to be named themselves."
        " Where a mapping matches a file, it wins over the formats that tachlog"
        " knows; of several mappings that match, the first does. `tachlog formats --try FILE` shows"
        " what comes of it and which values stay unused. A file that was read before its mapping"
        " was changed is not read again by itself.",
        "```toml\n"
        '[sources]\npaths = ["~/bot"]\n\n'
        '[[sources.mappings]]\nname = "support_bot"\nmatch = "~/bot/*.jsonl"\n'
        'time_zone = "Europe/Vienna"\nduration_unit = "s"\n\n'
        '[sources.mappings.fields]\nsession = "chat.id"\ntime = "at"\nmodel = "model"\n'
        'input_tokens = "usage.in"\noutput_tokens = "usage.out"\ntool = "tool"\n'
        'tool_error = "failed"\n```',
        "`name` is what the agent is called; `match` is a pattern of whole paths (`~` is the home"
        ' directory, `*` stands for anything, `/` too) or, with `format = "table"`, of a table\'s'
        " URL. Times without a zone are in `time_zone`; times that are numbers are in `time_unit`,"
        " or told by their size; `time_format` (as Python's `strptime`) is for texts that are not"
        " ISO 8601. `input_includes_cache` says that cached tokens are a part of the input.",
        table(["option", "values", "default"], optional),
        "Fields, each a name or a path with dots into nested objects; only `session` and `time` are"
        f" needed: {', '.join(f'`{name}`' for name in Fields.__struct_fields__)}.",
    ]


def values_of(kind: Any) -> str:
    """What may be written for an option."""
    if get_origin(kind) is Literal:
        return ", ".join(f"`{as_toml(value)}`" for value in get_args(kind))
    return "true, false" if kind is bool else "a text"


def key_row(key: Key) -> Row:
    """One key."""
    unit = f" ({key.unit})" if key.unit else ""
    return [f"`{key.name}`", f"`{cell(key.default)}`", cell(key.meaning) + unit]


def shipped_formats() -> list[Format]:
    """The formats of this package, whatever else is installed beside it."""
    shipped = {source.name for source in all_sources().values() if is_shipped(source)}
    return [each for each in known_formats() if each.name in shipped]


def is_shipped(source: Source) -> bool:
    """Whether a format is one of this package."""
    return source.read.__module__.startswith("tachlog.")


def export_page(rows: Rows) -> str:
    """Every column of an export."""
    blocks = [
        "# Export",
        WARNING,
        "`tachlog export DIR` writes the archive as files for DuckDB, Polars, pandas, Spark and"
        " spreadsheets: Parquet (`pip install 'tachlog[parquet]'`), CSV or lines of JSON. Questions"
        " answered over them are in [analytics.md](analytics.md).",
        "```\n"
        "DIR/_tachlog.json                       which files are tachlog's, what they hold\n"
        "DIR/calls/day=2026-11-20/calls.parquet  the model calls of a day, in order of time\n"
        f"DIR/calls/day={UNDATED}/…\n"
        "                                        those that no log dates: `day` is null\n"
        "```",
        "- Days are in UTC, by the column `time`, for sessions by `start_time`. A table without"
        " rows has one file that tells its columns.\n"
        "- Each row is in the export once: sessions are selected by their start and by `--agent`"
        " and the like, operations by their own time and their session's thread.\n"
        "- Run again, it writes the days that changed since, each file beside its place, and"
        " renames it; the result equals an export into an empty directory. A day that has no rows"
        " any more loses its file. Files that tachlog did not write are never touched; a directory"
        " that holds another archive, format or selection is refused.\n"
        f"- The schema of the columns has a version, now {SCHEMA}: it is in `_tachlog.json` and in"
        " the metadata of each Parquet file. Within a version columns are only added; when some"
        " are, every day is written again.\n"
        "- Columns marked *hint* hold redacted texts and are written only with `--hints`; the"
        " others are figures, names and digests.\n"
        "- `--format otlp` writes no files: it sends metrics to a collector"
        " ([deploy.md](deploy.md#opentelemetry)).",
        table(
            ["kind", "Parquet", "CSV", "JSON"],
            [
                ["text", "STRING", "text", "text"],
                ["int", "INT64", "number", "number"],
                ["float", "DOUBLE", "number", "number"],
                ["bool", "BOOLEAN", "true, false", "true, false"],
                ["list", "LIST of STRING", "JSON", "list"],
                ["time", "TIMESTAMP, µs, UTC", "RFC 3339", "RFC 3339"],
                ["money", "DECIMAL(18, 9), dollars", "number", "number"],
                ["nothing told", "null", "nothing", "null"],
            ],
        ),
    ]
    for each in EXPORTED.values():
        lines = [
            [
                f"`{c.name}`",
                c.kind,
                cell(c.meaning or view_meaning(rows, c.name)),
                "*hint*" * c.hint,
            ]
            for c in each.columns
        ]
        heads = ["column", "kind", "meaning", ""]
        blocks += [f"## {each.name}", f"A row is {each.row}.", table(heads, lines)]
    return joined(blocks)


def view_meaning(rows: Rows, column: str, struct: type[msgspec.Struct] = SessionView) -> str:
    """What is said of the field of a session that a column holds: `tokens_input` is in `tokens`."""
    for field in msgspec.structs.fields(struct):
        if column == field.name:
            return row_of(rows, struct, field.name)[2]
        kinds = [k for k in (field.type, *get_args(field.type)) if isinstance(k, type)]
        for kind in kinds:
            if issubclass(kind, msgspec.Struct) and column.startswith(f"{field.name}_"):
                return view_meaning(rows, column.removeprefix(f"{field.name}_"), kind)
    raise KeyError(column)


def formats_page(formats: Iterable[Format]) -> str:
    """Every log format."""
    blocks = [
        "# Log formats",
        WARNING,
        "What tachlog reads, what it knows of each format, and where the knowledge comes from. A"
        " format is one module; CONTRIBUTING says how to add one.",
        told_block(),
    ]
    for each in formats:
        blocks += [
            f"## {each.title}",
            table(
                ["", ""],
                [
                    ["name", f"`{each.name}`, revision {each.revision}"],
                    ["logs", cell(each.lives)],
                    ["tokens", cell(each.tokens)],
                    ["proof", cell(each.proof)],
                    ["evidence", "<br>".join(map(cell, each.evidence))],
                    ["gaps", "<br>".join(map(cell, each.gaps)) or "none known"],
                ],
            ),
        ]
        if each.skips:
            blocks += [
                "Kinds that carry no telemetry, and are counted as skipped:",
                table(["kind", "why"], [[f"`{k}`", cell(why)] for k, why in each.skips.items()]),
            ]
    return joined(blocks)


def told_block() -> str:
    """What each format tells, in one table."""
    from told import HEADS, told_rows

    shipped = [source for source in all_sources().values() if is_shipped(source)]
    return joined(
        [
            "What each one tells, as its cases show: *reported* by the log; *derived* from what it"
            " says; *estimated* from the text, and marked so, where nothing says it; – when it is"
            " not told. Costs are at *list prices* where none is reported. Evidence: *public logs*"
            " of real runs, *recorded* by us with a real agent against a scripted model, *documents"
            " only*, which does not count as supported, or *defined here*. Records tested are those"
            " of `tests/corpus`, traps those of `tests/conformance` ([comparison](comparison.md)).",
            table(HEADS, told_rows(shipped)),
        ]
    ).rstrip()


def metrics_page(rows: Rows) -> str:
    """Every field of the JSON contract."""
    blocks = [
        "# Metrics",
        WARNING,
        "Every field of `tachlog analyze --json` and of the Python API's `TelemetryResult`, which"
        " has the same names. Times are RFC 3339 in UTC; `null` (None) always means that the log"
        " did not say, never zero. The basis says where a value comes from: *reported* by the log,"
        " *derived* from what it says, or *estimated* because nothing says it.",
    ]
    for struct in contract():
        doc = " ".join((struct.__doc__ or "").split())
        lines = []
        for field, kind in fields_of(struct):
            unit, basis, meaning, none = row_of(rows, struct, field)
            lines.append([f"`{field}`", kind, unit, basis, cell(meaning), cell(none)])
        heads = ["field", "type", "unit", "basis", "meaning", "None when"]
        blocks += [f"## {struct.__name__}", doc, table(heads, lines)]
    return joined(blocks)


def row_of(rows: Rows, struct: type[msgspec.Struct], field: str) -> Row:
    """What is said of a field: unit, basis, meaning, None when; KeyError where nothing is."""
    own = rows.get(struct.__name__, {})
    found = own.get(field)
    if found is None and struct.__name__ == "Totals":
        found = rows["SessionView"].get(field)
    if found is None:
        raise KeyError(f"docs/metrics.toml: [{struct.__name__}] has no row for {field}")
    return found if len(found) == 4 else [*found, ""]


def metric_rows() -> Rows:
    """What docs/metrics.toml says."""
    return tomllib.loads((DOCS / "metrics.toml").read_text(encoding="utf-8"))


def contract() -> list[type[msgspec.Struct]]:
    """The structs of the JSON contract in the order in which they are met."""
    found: list[type[msgspec.Struct]] = []
    waiting: list[Any] = [TelemetryResult]
    while waiting:
        kind = waiting.pop(0)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            if kind not in found:
                found.append(kind)
                waiting += [field.type for field in msgspec.structs.fields(kind)]
        else:
            waiting += get_args(kind)
    return found


def fields_of(struct: type[msgspec.Struct]) -> Iterator[tuple[str, str]]:
    """The fields of a struct with their types in words."""
    for field in msgspec.structs.fields(struct):
        yield field.encode_name, type_name(field.type)


def type_name(kind: Any) -> str:
    """A type as readers of JSON call it."""
    arguments = get_args(kind)
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(type_name(each) for each in arguments if each is not type(None))
    if get_origin(kind) in (list, tuple):
        return f"list of {type_name(arguments[0])}"
    if get_origin(kind) is Literal:
        return "text"
    if get_origin(kind) is dict:
        return f"object of {type_name(arguments[1])}"
    plain = {str: "text", int: "integer", float: "number", bool: "true or false"}
    return plain.get(kind) or f"[{kind.__name__}](#{kind.__name__.lower()})"


def table(heads: Row, rows: Iterable[Row]) -> str:
    """A table; columns without anything in them are left out."""
    rows = list(rows)
    shown = [place for place in range(len(heads)) if any(row[place] for row in rows)]
    lines = [[heads[place] for place in shown], ["---"] * len(shown)]
    lines += [[row[place] for place in shown] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(text: str) -> str:
    """A text that may stand in a table."""
    return text.replace("|", "\\|")


def joined(blocks: Iterable[str]) -> str:
    """Blocks with a blank line between them."""
    return "\n\n".join(block for block in blocks if block) + "\n"


if __name__ == "__main__":
    for page, text in pages().items():
        (DOCS / page).write_text(text, encoding="utf-8")
    write(DOCS.parent / "deploy" / "grafana", grafana_files())
