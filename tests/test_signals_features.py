"""What the token estimator counts, and how well it estimates."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachlog import signals
from tachlog.data import estimator_factors
from tachlog.estimate import estimate_output
from tachlog.model import Features


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (0, 0, 0)),
        ("abc", (3, 0, 0)),
        ("é", (1, 1, 0)),
        ("日本", (2, 4, 0)),
        ("a😀", (2, 3, 0)),
        ("\ud800", (1, 2, 0)),
        ("f(x) = 42;\n", (11, 0, 6)),
        ("„é“!", (4, 5, 1)),
    ],
)
def test_a_text_is_counted_in_characters_wide_bytes_and_symbols(text, expected):
    """Wide bytes are those beyond one per character, symbols are ASCII digits and punctuation."""
    assert signals.text_features(text) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", (0, 0, 0, 0, 0)),
        (b"{}", (2, 0, 0, 2, 0)),
        (b'{"a":1}', (7, 1, 0, 6, 0)),
        (b'{"a":{"b":[{"c":1}]}}', (21, 3, 0, 18, 0)),
        (b'{"a":"x\\ny"}', (11, 1, 0, 7, 1)),
        (b'{"a":"say \\"b\\": c"}', (18, 1, 0, 10, 2)),
        (b'{"a":"\\\\n"}', (10, 1, 0, 8, 1)),
        (b'{"a":"\\u00e9"}', (9, 1, 0, 10, 1)),
        ('{"a":"é日"}'.encode(), (10, 1, 3, 7, 0)),
        (b'{"a": 1, "b": 2}', (16, 2, 0, 11, 0)),
    ],
)
def test_json_is_counted_without_decoding_it(raw, expected):
    """Characters after unescaping, keys, wide bytes, symbols, escapes are found on the bytes."""
    assert signals.json_features(raw) == expected


PLAIN_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"])).filter(
    lambda text: not text.startswith(":") and "\\u" not in text
)


@given(st.dictionaries(st.text("abc_"), PLAIN_TEXT | st.integers()))
def test_counted_json_agrees_with_decoded_json(value):
    """For compact UTF-8 JSON the counts are exact, but for what the function names."""
    raw = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    unescaped = 2 + max(len(value) - 1, 0)
    for key, item in value.items():
        unescaped += len(key) + 3 + (len(item) + 2 if isinstance(item, str) else len(str(item)))
    characters, keys, wide, symbols, escapes = signals.json_features(raw.encode())
    assert symbols <= characters
    assert escapes == len(raw) - unescaped
    assert (characters, keys, wide) == (unescaped, len(value), len(raw.encode()) - len(raw))


@given(st.binary())
def test_any_bytes_are_counted(raw):
    """No bytes raise, and nothing is counted below zero."""
    assert min(signals.json_features(raw)) >= 0


def test_output_tokens_are_the_features_times_the_factors():
    """Each feature counts with its factor of the model's family; the constant is per reply."""
    one = estimator_factors("claude-opus-4-5-20251101")
    features = Features(text=1000, tool_text=200, tools=2, keys=3, wide=10, symbols=50, escapes=4)
    tokens = 1000 * one.text + 200 * one.tool_text + 2 * one.tool + 3 * one.key + 10 * one.wide
    tokens += 50 * one.symbol + 4 * one.escape + one.constant
    assert estimate_output(features, "claude-opus-4-5-20251101") == round(tokens)
    assert estimate_output(Features(media=1), "gpt-5") == 1290


@pytest.mark.parametrize("model", ["claude-opus-4-5", "deepseek-v4-pro", "gpt-5", ""])
def test_a_reply_that_shows_nothing_is_nothing(model):
    """Without anything visible there is nothing to estimate."""
    assert estimate_output(Features(), model) == 0


def test_thinking_is_estimated_by_its_text_by_its_seal_or_by_the_average():
    """A long seal stands for much thinking, a short one for none; without one it is an average."""
    model = "claude-opus-4-8"
    one = estimator_factors(model)
    told = estimate_output(Features(text=1000, thinking=500), model)
    assert told == round(1000 * one.text + 500 * one.thinking + one.constant)
    sealed = estimate_output(Features(sealed=10_312, seals=1), model)
    assert sealed == round(10_312 * one.sealed + one.seal + one.constant)
    assert 2_500 < sealed < 2_900
    assert estimate_output(Features(sealed=130, seals=1), model) == round(one.constant)
    hidden = estimate_output(Features(hidden=2), model)
    assert hidden == round(2 * one.hidden + one.constant)


@given(
    st.builds(Features, *[st.integers(0, 1 << 40)] * 12),
    st.sampled_from(["claude-opus-4-5", "claude-opus-5", "gpt-5", "gemini-3", "deepseek", "x"]),
)
def test_an_estimate_is_a_number_of_tokens(features, model):
    """No features raise or come to less than nothing."""
    assert estimate_output(features, model) >= 0


def test_real_responses_are_estimated_well(corpus_dir: Path):
    """Over all comparable measured responses of a family the estimate is within 10 percent."""
    lines = (corpus_dir / "output_tokens.tsv").read_text(encoding="utf-8").splitlines()
    names = lines[0].split("\t")
    totals: dict[str, list[int]] = {}
    for line in lines[1:]:
        row = dict(zip(names, line.split("\t"), strict=True))
        family = row["model"].partition("-")[0]
        if row["comparable"] != "1" or family not in ("claude", "gpt", "deepseek"):
            continue
        features = Features(
            text=int(row["chars_unescaped"]),
            tools=int(row["tool_calls"]),
            keys=int(row["json_keys"]),
            wide=2 * int(row["non_ascii"]),
            symbols=int(row["digits"]) + int(row["punctuation"]),
        )
        total = totals.setdefault(family, [0, 0])
        total[0] += estimate_output(features, row["model"])
        total[1] += int(row["output_tokens"])
    assert {family: round(estimated / real, 1) for family, (estimated, real) in totals.items()} == {
        "claude": 1.0,
        "gpt": 1.0,
        "deepseek": 1.0,
    }
