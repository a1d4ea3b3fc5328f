"""What the token estimator counts, and how well it estimates."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachlog import signals
from tachlog.estimate import estimate_output
from tachlog.model import Features


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (0, 0)),
        ("abc", (3, 0)),
        ("é", (1, 1)),
        ("日本", (2, 4)),
        ("a😀", (2, 3)),
        ("\ud800", (1, 2)),
    ],
)
def test_a_text_is_counted_in_characters_and_wide_bytes(text, expected):
    """Wide bytes are those beyond one per character in UTF-8."""
    assert signals.text_features(text) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", (0, 0, 0)),
        (b"{}", (2, 0, 0)),
        (b'{"a":1}', (7, 1, 0)),
        (b'{"a":{"b":[{"c":1}]}}', (21, 3, 0)),
        (b'{"a":"x\\ny"}', (11, 1, 0)),
        (b'{"a":"say \\"b\\": c"}', (18, 1, 0)),
        (b'{"a":"\\\\n"}', (10, 1, 0)),
        (b'{"a":"\\u00e9"}', (9, 1, 0)),
        ('{"a":"é日"}'.encode(), (10, 1, 3)),
        (b'{"a": 1, "b": 2}', (16, 2, 0)),
    ],
)
def test_json_is_counted_without_decoding_it(raw, expected):
    """Characters after unescaping, keys and wide bytes are found by counting bytes."""
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
    characters, keys, wide = signals.json_features(raw.encode())
    assert (characters, keys, wide) == (unescaped, len(value), len(raw.encode()) - len(raw))


@given(st.binary())
def test_any_bytes_are_counted(raw):
    """No bytes raise, and nothing is counted below zero."""
    assert min(signals.json_features(raw)) >= 0


@pytest.mark.parametrize(
    ("features", "model", "tokens"),
    [
        (Features(), "claude-opus-4-5", 0),
        (Features(), "deepseek-v4-pro", 0),
        (Features(text=1000), "claude-opus-4-5-20251101", 306),
        (Features(text=400, thinking=600), "claude-opus-4-5-20251101", 306),
        (Features(text=1000), "claude-opus-4-8", 376),
        (Features(tool_text=1000, tools=1, keys=3), "claude-sonnet-4-5", 364),
        (Features(tools=2), "gpt-5.3-codex", 29),
        (Features(text=100, wide=200), "gpt-5", 87),
        (Features(hidden=3), "claude-opus-4-5", 0),
        (Features(text=1000), "someone-elses", 262),
    ],
)
def test_output_tokens_are_estimated_from_what_is_visible(features, model, tokens):
    """Characters, tool calls and keys count as the model's family says, hidden thinking not."""
    assert estimate_output(features, model) == tokens


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
        )
        total = totals.setdefault(family, [0, 0])
        total[0] += estimate_output(features, row["model"])
        total[1] += int(row["output_tokens"])
    assert {family: round(estimated / real, 1) for family, (estimated, real) in totals.items()} == {
        "claude": 1.0,
        "gpt": 1.0,
        "deepseek": 1.0,
    }
