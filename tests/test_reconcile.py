"""`tachlog reconcile`: both sides by day and model, and what explains their difference."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from screens import Desk
from tachlog.analysis.reconciliation import (
    Cause,
    Entry,
    Figures,
    difference_share,
    name_key,
    reconcile,
    summed,
)
from tachlog.statements import StatementError, read_statement

DAY = "2026-11-18"
OURS = Figures(10, 1_000, 100, 50, 2.0)
ANTHROPIC = (
    "usage_date_utc,model_version,api_key,workspace,usage_type,context_window,"
    "usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,"
    "usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens,"
    "web_search_count,inference_geo,speed\n"
    "2026-11-18,claude-opus-4-5-20251101,k,Default,standard,≤ 200k,80,700,100,8000,850,0,,\n"
)
ANTHROPIC_COST = (
    "usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,"
    "list_price_usd,cost_type\n"
    "2026-11-18,Claude Opus 4.5,Default,k,message,≤ 200k,input_no_cache,0.05,0.05,token\n"
    "2026-11-18,Claude Opus 4.5,Default,k,message,≤ 200k,output,0.02,0.02,token\n"
)
OPENAI = (
    "start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,model,batch,"
    "service_tier,input_tokens,output_tokens,input_cached_tokens,input_uncached_tokens\n"
    "1,2,2026-11-18T00:00:00+00:00,2026-11-19T00:00:00+00:00,p,3,gpt-5.5,False,,900,50,600,300\n"
    "1,2,2026-11-19T00:00:00+00:00,2026-11-20T00:00:00+00:00,,,,,,,,,\n"
)
OPENAI_COST = (
    "start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,line_item\n"
    '1,2,2026-11-18T00:00:00+00:00,2026-11-19T00:00:00+00:00,0.25,usd,"gpt-5.5, input"\n'
    "1,2,2026-11-19T00:00:00+00:00,2026-11-20T00:00:00+00:00,,,\n"
)
AZURE = (
    "InvoiceSectionName,Date,ProductName,MeterCategory,MeterSubCategory,MeterName,Quantity,"
    "CostInBillingCurrency,BillingCurrencyCode\n"
    "it,11/18/2026,Azure OpenAI,Cognitive Services,Azure OpenAI,gpt 4o 0806 Inp glbl Tokens,3,"
    "0.5,USD\n"
    "it,11/18/2026,D2s v5,Virtual Machines,Dsv5 Series,D2s v5,24,9.9,USD\n"
    "it,11/18/2026,Azure OpenAI,Cognitive Services,Azure OpenAI,gpt 4o 0806 Outp glbl Tokens,3,,\n"
)
CLAUDE_DAILY = {
    "daily": [
        {
            "date": DAY,
            "modelBreakdowns": [
                {
                    "modelName": "claude-opus-4-5-20251101",
                    "inputTokens": 80,
                    "cacheReadTokens": 8_000,
                    "cacheCreationTokens": 800,
                    "outputTokens": 850,
                    "cost": 0.03,
                }
            ],
        }
    ],
    "totals": {},
}
CODEX_DAILY = {
    "daily": [
        {
            "date": DAY,
            "costUSD": 0.5,
            "models": {"gpt-5": {"inputTokens": 1, "cacheReadTokens": 2, "outputTokens": 3}},
        }
    ]
}
ALL_DAILY = {
    "daily": [
        {
            "period": DAY,
            "metadata": {"agents": ["claude", "codex"]},
            "modelBreakdowns": [{"modelName": "m", "inputTokens": 1, "cost": 0.1}],
        }
    ]
}


@pytest.mark.parametrize(
    ("theirs", "ours", "cause"),
    [
        (OURS, OURS, "agree"),
        (Figures(10, 1_000, 100, 50, 2.009), OURS, "agree"),
        (Figures(10, 1_000, 100, 50, 2.02), OURS, "other_price"),
        (Figures(10, 1_000, 100, 50), OURS, "agree"),
        (OURS, Figures(10, 1_000, 100, 50), "no_price"),
        (Figures(10, 1_000, 100, 3, 1.0), Figures(10, 1_000, 100, 50, 2.0, 50), "estimated"),
        (Figures(10, 1_000, 100, 3, 1.0), OURS, "more_here"),
        (Figures(20, 2_000, 200, 60, 4.0), OURS, "more_there"),
        (Figures(10, 1_000, 100, 60, 2.1), Figures(10, 1_000, 100, 50, 2.0, 50), "more_there"),
        (Figures(cost_usd=2.0), OURS, "agree"),
        (Figures(cost_usd=3.0), OURS, "more_there"),
        (Figures(cost_usd=1.0), OURS, "more_here"),
        (Figures(cost_usd=1.0), Figures(1, 1, 1, 1), "no_price"),
    ],
)
def test_a_difference_has_a_cause(theirs: Figures, ours: Figures, cause: Cause) -> None:
    """What two figures of one model and day show of why they differ."""
    (line,) = reconcile([Entry(DAY, "m-1", theirs)], [Entry(DAY, "m-1", ours)])
    assert line.cause == cause


def test_a_program_that_knows_calls_by_request_ids_counts_lines_again() -> None:
    """More tokens there are then lines that were counted twice, not calls that are missing here."""
    more = [Entry(DAY, "m-1", Figures(20, 2_000, 200, 60, 4.0))]
    (line,) = reconcile(more, [Entry(DAY, "m-1", OURS)], counts_lines=True)
    assert (line.cause, line.difference_tokens) == ("lines_counted_again", 1_120)
    assert line.difference_usd == 2.0


def test_a_model_that_one_side_lacks_is_told() -> None:
    """Nothing of either side vanishes; what cannot be subtracted has no difference."""
    lines = reconcile([Entry(DAY, "a-1", OURS)], [Entry(DAY, "b-1", Figures(1, 1, 1, 1))])
    assert [(line.model, line.cause) for line in lines] == [
        ("a-1", "not_here"),
        ("b-1", "not_there"),
    ]
    assert {line.difference_tokens for line in lines} == {None}


def test_the_same_tokens_of_a_day_are_one_model_under_two_names() -> None:
    """`gpt-5` there may be a model that the log here does not name; another day is another."""
    there = [Entry(DAY, "gpt-5", OURS), Entry("2026-11-19", "gpt-5", OURS)]
    lines = reconcile(there, [Entry(DAY, "unknown", OURS)])
    assert [(line.cause, line.name_there) for line in lines] == [
        ("other_name", "gpt-5"),
        ("not_here", None),
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Claude Haiku 4.5", "claude-haiku-4-5-20251001"),
        ("claude-3-7-sonnet-20250219", "Claude Sonnet 3.7"),
        ("claude-opus-4-8[1m]", "claude-opus-4-8"),
        ("gpt-4.1-mini-2025-04-14", "gpt 4.1 mini"),
    ],
)
def test_one_model_has_many_spellings(one: str, other: str) -> None:
    """Dates, punctuation, context options and the order of words do not make another model."""
    assert name_key(one) == name_key(other)


def test_different_models_stay_different() -> None:
    """Their versions tell them apart."""
    assert name_key("claude-opus-4-5") != name_key("claude-opus-4-6")


def test_rows_of_one_model_are_added_up() -> None:
    """Exports have a row for each key, workspace and kind of token."""
    half = Figures(5, 500, 50, 25, 1.0)
    (line,) = reconcile([Entry(DAY, "m-1", half)] * 2, [Entry(DAY, "m-1", OURS)])
    assert line.cause == "agree"


def test_the_share_is_of_dollars_else_of_tokens() -> None:
    """A statement without amounts is compared by its tokens, one without anything not at all."""
    assert difference_share(Figures(cost_usd=4.0), Figures(1, cost_usd=2.0)) == 1.0
    assert difference_share(Figures(50), Figures(100)) == -0.5
    assert difference_share(Figures(100), Figures()) is None


def test_the_sum_of_nothing_is_not_zero() -> None:
    """What no side tells is not told of all."""
    assert summed([Figures(), Figures(input=1)]) == Figures(input=1)


def written(tmp_path: Path, text: str) -> Path:
    """A statement in a file."""
    path = tmp_path / "statement"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "kind", "entries"),
    [
        (
            ANTHROPIC,
            "Anthropic usage",
            [Entry(DAY, "claude-opus-4-5-20251101", Figures(80, 8_000, 800, 850))],
        ),
        (
            "\ufeff" + ANTHROPIC_COST,
            "Anthropic cost",
            [
                Entry(DAY, "Claude Opus 4.5", Figures(cost_usd=0.05)),
                Entry(DAY, "Claude Opus 4.5", Figures(cost_usd=0.02)),
            ],
        ),
        (OPENAI, "OpenAI usage", [Entry(DAY, "gpt-5.5", Figures(300, 600, 0, 50))]),
        (OPENAI_COST, "OpenAI cost", [Entry(DAY, "gpt-5.5", Figures(cost_usd=0.25))]),
        (AZURE, "Azure cost", [Entry(DAY, "gpt 4o", Figures(cost_usd=0.5))]),
        (
            json.dumps(CLAUDE_DAILY),
            "ccusage",
            [Entry(DAY, "claude-opus-4-5-20251101", Figures(80, 8_000, 800, 850, 0.03))],
        ),
        (json.dumps(CODEX_DAILY), "ccusage", [Entry(DAY, "gpt-5", Figures(1, 2, 0, 3, 0.5))]),
        (json.dumps(ALL_DAILY), "ccusage", [Entry(DAY, "m", Figures(1, 0, 0, 0, 0.1))]),
    ],
)
def test_each_kind_of_statement_is_read(
    tmp_path: Path, text: str, kind: str, entries: list[Entry]
) -> None:
    """A statement is known by its columns; rows without anything of a model are left out."""
    statement = read_statement(written(tmp_path, text))
    assert (statement.kind, statement.entries) == (kind, entries)


@pytest.mark.parametrize(
    ("report", "agents"),
    [
        (CLAUDE_DAILY, ("claude_code",)),
        (CODEX_DAILY, ("codex",)),
        (ALL_DAILY, ("claude_code", "codex")),
        ({"daily": []}, ()),
    ],
)
def test_a_report_is_of_the_agents_whose_logs_it_read(
    tmp_path: Path, report: object, agents: tuple[str, ...]
) -> None:
    """Ccusage names them, or prints in a form of their own."""
    assert read_statement(written(tmp_path, json.dumps(report))).agents == agents


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b\n1,2\n", "its columns are none of those known"),
        ("", "its columns are none of those known"),
        (ANTHROPIC.replace(",80,", ",eighty,"), "line 2: usage_input_tokens_no_cache = 'eighty'"),
        (ANTHROPIC.replace(",80,", ",-80,"), "usage_input_tokens_no_cache = '-80' is no count"),
        (ANTHROPIC.replace(",80,", ",nan,"), "is no number"),
        (ANTHROPIC.replace(",80,", ",1e30,"), "is no number"),
        (ANTHROPIC.replace("2026-11-18", "last week"), "'last week' is no date"),
        (OPENAI_COST.replace("usd", "eur"), "its amounts are in eur"),
        ("{}", "not what ccusage daily --json prints"),
        ('{"daily":[{"date":"x"}]}', "'x' is no date"),
        ('{"daily":[{"date":"2026-07-22"}]}', "2026-07-22 has no modelBreakdowns"),
        (
            '{"daily":[{"date":"2026-07-22","models":{"m":{"inputTokens":-5}}}]}',
            "Expected `int` >= 0",
        ),
    ],
)
def test_what_is_no_statement_is_refused(tmp_path: Path, text: str, told: str) -> None:
    """The message says which file, where in it, and what is wrong."""
    path = written(tmp_path, text)
    with pytest.raises(StatementError, match="statement: ") as refused:
        read_statement(path)
    assert told in str(refused.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """One that is missing, and one that is no text."""
    with pytest.raises(StatementError, match="No such file"):
        read_statement(tmp_path / "missing")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(StatementError, match="not UTF-8"):
        read_statement(tmp_path / "bytes")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Give a home whose sessions are in the archive; tests only look at it."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    desk.write()
    assert desk.run("analyze").code == 0
    return desk


def test_a_providers_export_agrees_with_the_same_calls(desk: Desk, tmp_path: Path) -> None:
    """Eight calls of one day, cut in UTC; days beyond the export are not held against it."""
    ran = desk.run("reconcile", str(written(tmp_path, ANTHROPIC)), "--json")
    found = json.loads(ran.out)
    assert found["by_cause"] == {"agree": 1}
    assert (found["theirs"]["output"], found["ours"]["output"]) == (850, 850)
    shown = desk.run("reconcile", str(written(tmp_path, ANTHROPIC)), "--all").out
    assert "they agree" in shown
    assert "with the calls of this archive, by day (UTC) and model" in " ".join(shown.split())


def test_an_export_without_amounts_is_compared_in_tokens(desk: Desk, tmp_path: Path) -> None:
    """What it does not tell is no difference: our dollars are not set against none of theirs."""
    more = ANTHROPIC.replace(",80,", ",1080,")
    shown = " ".join(desk.run("reconcile", str(written(tmp_path, more))).out.split())
    assert "another machine, or none wrote them: +1,000 tokens" in shown
    assert "COST THERE HERE DIFFERENCE LIKELY CAUSE" in shown
    assert shown.endswith("$0.03 +1,000 tokens")
    cost = "usage_date_utc,model,cost_usd\n2026-11-18,claude-opus-4-5,1.5\n2026-11-18,new,0\n"
    shown = " ".join(desk.run("reconcile", str(written(tmp_path, cost))).out.split())
    assert "$1.50 $0.03 +$1.47 more there" in shown


def test_another_providers_calls_are_not_held_against_an_export(desk: Desk, tmp_path: Path) -> None:
    """What OpenAI was asked for is nowhere in these logs."""
    shown = desk.run("reconcile", str(written(tmp_path, OPENAI))).out
    assert "not here" in shown
    assert "opus" not in shown


def test_differences_beyond_the_limit_are_counted(desk: Desk, tmp_path: Path) -> None:
    """The greatest are shown."""
    report = {"daily": [CLAUDE_DAILY["daily"][0], *ALL_DAILY["daily"]]}  # type: ignore[index]
    path = str(written(tmp_path, json.dumps(report).replace("850", "900")))
    assert "1 smaller difference:" in desk.run("reconcile", path, "--limit", "1").out


def test_an_empty_statement_says_so(desk: Desk, tmp_path: Path) -> None:
    """There is nothing to compare."""
    shown = desk.run("reconcile", str(written(tmp_path, '{"daily": []}')))
    assert "the statement is empty" in shown.out


def test_what_is_no_statement_is_misuse(desk: Desk, tmp_path: Path) -> None:
    """The command says so and ends with 2."""
    ran = desk.run("reconcile", str(written(tmp_path, "a,b\n")))
    assert (ran.code, ran.out) == (2, "")
