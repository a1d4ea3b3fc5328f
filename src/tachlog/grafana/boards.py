"""Dashboards as the JSON that Grafana reads (its schema version 41, of Grafana 12)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tachlog.grafana.panels import Dashboard, Field, Language, Panel, Variable
from tachlog.grafana.trouble import ERRORS_PAGE, HEALTH, TOOLS
from tachlog.grafana.usage import COST, OVERVIEW, SESSIONS_PAGE
from tachlog.grafana.words import STEP
from tachlog.stores.points import ALERTS

DASHBOARDS: Final = (OVERVIEW, SESSIONS_PAGE, TOOLS, ERRORS_PAGE, COST, HEALTH)
SCHEMA: Final = 41
COLUMNS: Final = 24
HEIGHTS: Final[Mapping[str, int]] = {"stat": 4, "table": 9}
HEIGHT: Final = 8

TYPES: Final[Mapping[Language, str]] = {
    "influxql": "influxdb",
    "sql": "grafana-postgresql-datasource",
}
"""Grafana's name of what speaks each language."""

NAMES: Final[Mapping[Language, str]] = {"influxql": "influxdb", "sql": "postgresql"}

Json = dict[str, Any]


def uid(language: Language) -> str:
    """The id by which dashboards name a data source."""
    return f"tachlog-{NAMES[language]}"


def board(dashboard: Dashboard, language: Language) -> Json:
    """A dashboard over the data source of a language."""
    return {
        "uid": f"{uid(language)}-{dashboard.name}",
        "title": dashboard.title,
        "description": dashboard.about,
        "tags": ["tachlog", NAMES[language]],
        "schemaVersion": SCHEMA,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "time": {"from": "now-7d", "to": "now"},
        "refresh": "1m",
        "links": [_links(language)],
        "templating": {"list": [_variable(each, language) for each in dashboard.variables]},
        "annotations": {"list": [_alerts(language)]},
        "panels": list(_panels(dashboard, language)),
    }


def _source(language: Language) -> Json:
    return {"type": TYPES[language], "uid": uid(language)}


def _links(language: Language) -> Json:
    """The other dashboards of the same data source, with the same span and choice."""
    return {
        "title": "tachlog",
        "type": "dashboards",
        "icon": "external link",
        "tooltip": "",
        "tags": ["tachlog", NAMES[language]],
        "asDropdown": False,
        "targetBlank": False,
        "includeVars": True,
        "keepTime": True,
    }


def _variable(variable: Variable, language: Language) -> Json:
    """What is chosen; all is `.*` in InfluxQL, where a tag may be missing, in SQL each value."""
    question = variable.question(language)
    told: Json = {
        "type": "query",
        "name": variable.name,
        "label": variable.title,
        "datasource": _source(language),
        "query": {"query": question, "refId": variable.name}
        if language == "influxql"
        else question,
        "definition": question,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "current": {"text": ["All"], "value": ["$__all"]},
    }
    return {**told, "allValue": ".*"} if language == "influxql" else told


def _alerts(language: Language) -> Json:
    """Alerts as marks on every panel over time."""
    target: Json
    if language == "influxql":
        target = {
            "refId": "Anno",
            "query": f'SELECT "id", "type", "severity" FROM "{ALERTS}" WHERE $timeFilter',
            "rawQuery": True,
            "resultFormat": "table",
            "fromAnnotations": True,
            "titleColumn": "type",
            "textColumn": "type",
            "tagsColumn": "severity",
        }
    else:
        target = {
            "refId": "Anno",
            "rawSql": "SELECT extract(epoch FROM triggered_at) AS time,"
            " coalesce(resolved_us / 1e6, extract(epoch FROM now())) AS timeend,"
            " type AS text, severity AS tags"
            " FROM telemetry_alerts WHERE $__timeFilter(triggered_at) ORDER BY 1",
            "rawQuery": True,
            "editorMode": "code",
            "format": "table",
        }
    return {
        "name": "Alerts",
        "datasource": _source(language),
        "enable": True,
        "iconColor": "red",
        "target": target,
    }


def _panels(dashboard: Dashboard, language: Language) -> Iterator[Json]:
    """The panels that the data source can answer, from left to right, row below row."""
    x = y = lowest = 0
    asked = [(each, each.question(language)) for each in dashboard.panels]
    for number, (panel, question) in enumerate(asked, 1):
        if question is None:
            continue
        height = HEIGHTS.get(panel.kind, HEIGHT)
        if x + panel.width > COLUMNS:
            x, y = 0, lowest
        yield {
            "id": number,
            "type": _KINDS[panel.kind],
            "title": panel.title,
            **({"description": panel.about} if panel.about else {}),
            "datasource": _source(language),
            "gridPos": {"h": height, "w": panel.width, "x": x, "y": y},
            **({"interval": STEP} if panel.kind in _OVER_TIME else {}),
            "targets": [_target(panel, question, language)],
            **_without_time(panel, language),
            "fieldConfig": _field_config(panel, language),
            "options": _options(panel, language),
        }
        x, lowest = x + panel.width, max(lowest, y + height)


_KINDS: Final = {
    "stat": "stat",
    "bars": "timeseries",
    "lines": "timeseries",
    "ranking": "barchart",
    "table": "table",
}
_OVER_TIME: Final = ("bars", "lines")


def _target(panel: Panel, question: str, language: Language) -> Json:
    form = "time_series" if panel.kind in _OVER_TIME else "table"
    told: Json = {"refId": "A", "datasource": _source(language), "rawQuery": True}
    if language == "sql":
        return {**told, "editorMode": "code", "format": form, "rawSql": question}
    alias = {} if form == "table" else {"alias": f"$tag_{panel.by}" if panel.by else "$col"}
    return {**told, "resultFormat": form, "query": question, **alias}


def _without_time(panel: Panel, language: Language) -> Json:
    """Rows of InfluxQL have a time, also where it means nothing: there it is taken away."""
    is_timed = panel.kind in _OVER_TIME or any(each.name == "time" for each in panel.fields)
    if language == "sql" or is_timed:
        return {}
    return {"transformations": [{"id": "organize", "options": {"excludeByName": {"Time": True}}}]}


def column(field: Field, language: Language) -> str:
    """What a column is called in Grafana, which gives the time of InfluxQL a name of its own."""
    return "Time" if language == "influxql" and field.name == "time" else field.name


def _field_config(panel: Panel, language: Language) -> Json:
    custom = _CUSTOM.get(panel.kind)
    units = {field.unit for field in panel.fields if field.unit}
    defaults: Json = {"custom": custom} if custom else {}
    if panel.kind in ("stat", "bars", "lines"):
        (defaults["unit"],) = units
        return {"defaults": defaults, "overrides": _titles(panel, language, with_units=False)}
    return {"defaults": defaults, "overrides": _titles(panel, language, with_units=True)}


def _titles(panel: Panel, language: Language, *, with_units: bool) -> list[Json]:
    """What columns are called, and their units where these differ."""
    told = []
    for field in panel.fields:
        properties = [{"id": "displayName", "value": field.title}] if field.title else []
        if with_units and field.unit:
            properties.append({"id": "unit", "value": field.unit})
        if properties:
            matcher = {"id": "byName", "options": column(field, language)}
            told.append({"matcher": matcher, "properties": properties})
    return told


_CUSTOM: Final[Mapping[str, Json]] = {
    "bars": {
        "drawStyle": "bars",
        "fillOpacity": 80,
        "lineWidth": 0,
        "stacking": {"mode": "normal", "group": "A"},
    },
    "lines": {"drawStyle": "line", "fillOpacity": 0, "lineWidth": 1, "showPoints": "auto"},
}
_LEGEND: Final = {
    "showLegend": True,
    "displayMode": "list",
    "placement": "bottom",
    "calcs": list[str](),
}


def _options(panel: Panel, language: Language) -> Json:
    if panel.kind == "stat":
        (field,) = panel.fields
        shown = f"/^{column(field, language)}$/"
        return {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": shown, "values": False},
            "graphMode": "none",
            "colorMode": "none",
            "justifyMode": "auto",
            "textMode": "value",
        }
    if panel.kind == "ranking":
        return {
            "orientation": "horizontal",
            "xField": panel.fields[0].name,
            "legend": {**_LEGEND, "showLegend": False},
        }
    if panel.kind == "table":
        most = next((each for each in panel.fields[::-1] if each.unit == "currencyUSD"), None)
        numbers = [each for each in panel.fields if each.unit == "short"]
        first = panel.fields[0]
        ordered = first if first.name == "time" else most or numbers[0]
        by = {"displayName": ordered.title, "desc": True}
        return {"showHeader": True, "cellHeight": "sm", "sortBy": [by]}
    tooltip = {"mode": "multi", "sort": "desc"}
    return {"legend": _LEGEND, "tooltip": tooltip}
