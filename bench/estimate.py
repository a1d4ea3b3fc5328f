"""How well output tokens are estimated, on calls whose real count the log reports.

Prints one JSON object. `python bench/estimate.py [LOGS] [--fit]`; LOGS is a directory of
`<format>/<repository>/…`, by default the real logs beside the checkout (`../shared/corpus`). For
each family of models three estimates are scored:

- `shipped`: by `data/estimators.toml`, which was fitted on logs like these;
- `left_out`: by factors fitted on all other repositories only, so never on the logs it is scored
  on; for a family with one repository by factors fitted on all other families;
- `learned`: `left_out` after the correction that tachlog learns from the other sessions of the same
  agent and model, as it would for a person who has used it a while.

Errors are relative: `bias` of the sum of all calls; per call and per session (at least five calls)
the median and the 90th percentile; `within_10` is the share of sessions that are at most 10 % off.
`--fit` adds the factors fitted on everything, which is what the table ships.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from tachlog.config import Config
from tachlog.data import Factors, estimator_factors, estimators
from tachlog.estimate import tokens_of
from tachlog.metrics.calibration import OWN_COUNTS, comparable, correction, learned_step
from tachlog.model import Features
from tachlog.operations import Call
from tachlog.pipeline import bring_up_to_date
from tachlog.stores import PRIVATE
from tachlog.stores.loading import CALLS, operations
from tachlog.stores.sqlite import open_archive

REAL_LOGS = Path(__file__).resolve().parents[1] / "../shared/corpus"
LEAST_CALLS = 20
"""Comparable calls of a repository below which nothing is said of it."""

SESSION_CALLS = 5
SIZE_POWER = 0.5
"""How much the error of a long reply weighs against that of a short one when factors are fitted."""

PRIOR = Factors(
    name="prior",
    words=("",),
    evidence="",
    text=0.24,
    tool_text=0.25,
    thinking=0.25,
    sealed=0.19,
    seal=-35.0,
    hidden=0.0,
    wide=0.25,
    symbol=0.3,
    escape=0.3,
    tool=30.0,
    key=2.0,
    media=0.0,
    constant=3.0,
    tool_output=0.3,
)
"""What factors are drawn to where the calls say little of them; `wide` more than the others, since
what these logs have of it is arrows and boxes rather than another script."""

PRIORS: Mapping[str, Mapping[str, float]] = {
    "claude": {"thinking": 0.35, "wide": 0.3},
    "claude-new": {"thinking": 0.58, "wide": 0.3},
    "deepseek": {"wide": 0.2},
}
"""What is known of a family from elsewhere than the calls with which it is scored.

`wide`, for a character of three bytes beside the 0.21 tokens of any character: DeepSeek's
documentation has 0.6 tokens for one Chinese character (Token & Token Usage), OpenAI's example of
GPT-4o's tokenizer 20 for 28 (Hello GPT-4o, 2024-05-13), which is 0.25. Both checked 2026-11-22.
For Claude it is assumed.

`thinking`, of a summary without a seal: tokens of the seal over characters of the summary beside
it, in the 2,010 blocks that have both, of Claude 4.5 and 4.6 in four repositories, 0.35. Newer
models summarise as Opus 4.6 does (305 blocks of two repositories, 0.45), and write 1.29 tokens
where those wrote one (`text` of both families).
"""

MASKED = "shape-"
"""Folders whose words are masked: letters are an x or, beyond ASCII, an é. There they were mostly
Chinese, three bytes each and not two."""

NO_ESCAPES = frozenset({"claude", "claude-new"})
"""Families whose models do not write the inputs of tools as JSON, so that escapes are no tokens."""

BOUNDS = {"seal": (-np.inf, np.inf), "wide": (0.15, 0.5)}
"""What factors may be; all others are not below zero."""

FITTED = {
    "text": "text",
    "tool_text": "tool_text",
    "thinking": "thinking",
    "sealed": "sealed",
    "seal": "seals",
    "hidden": "hidden",
    "wide": "wide",
    "symbol": "symbols",
    "escape": "escapes",
    "tool": "tools",
    "key": "keys",
}
"""Factors and the features that they multiply; the constant is fitted too."""


class Case(Struct, frozen=True):
    """One call with a reported count: what it shows, and how many tokens that was.

    `thought` are the tokens of its thinking where the log tells them apart, and `seals` and
    `sealed` what the log tells of that thinking.
    """

    repository: str
    agent: str
    session: str
    model: str
    features: Features
    tokens: int
    thought: int = 0
    seals: int = 0
    sealed: int = 0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("logs", nargs="?", type=Path, default=REAL_LOGS)
    parser.add_argument("--fit", action="store_true")
    options = parser.parse_args()
    cases = cases_of(options.logs)
    print(json.dumps(measured(cases, options.fit), indent=2))


def cases_of(logs: Path) -> list[Case]:
    """Every comparable call below a directory, a copy of it only once."""
    cases: dict[int, Case] = {}
    for folder in sorted(path for path in logs.glob("*/*") if path.is_dir()):
        archive = open_archive(PRIVATE)
        bring_up_to_date(archive, [str(folder)], Config(), jobs=1)
        threads = {
            number: (agent, root)
            for number, agent, root in archive.database.rows("SELECT id, agent, root FROM threads")
        }
        for number, call in operations(archive.database, archive.words, CALLS, "1 = 1", ()):
            agent, root = threads[number]
            if agent in OWN_COUNTS:
                continue
            case = case_of(call, folder.name, agent, root)
            if case is not None:
                cases.setdefault(call.key, case)
        archive.close()
    return list(cases.values())


def case_of(call: Call, repository: str, agent: str, session: str) -> Case | None:
    """A call as a case, None where its count and what it shows cannot be compared."""
    found = comparable(call)
    if found is None:
        return None
    features, tokens = found
    if repository.startswith(MASKED):
        features = replace(features, wide=2 * features.wide)
    case = Case(repository, agent, session, call.model, features, tokens)
    thought = call.usage and call.usage.reasoning
    if not thought or not call.features.seals:
        return case
    return replace(case, thought=thought, seals=call.features.seals, sealed=call.features.sealed)


def measured(cases: Sequence[Case], fit: bool) -> dict[str, object]:
    """All figures, by family of models."""
    families: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        families[estimator_factors(case.model).name].append(case)
    told: dict[str, dict[str, object]] = {}
    for name, members in families.items():
        chosen = set(map(id, members))
        others = [c for c in cases if id(c) not in chosen and "claude" not in c.model]
        told[name] = scores(name, members, others)
        if fit:
            told[name] |= {"factors": shown(fitted(members, name))}
    if fit:
        others = [case for case in cases if "claude" not in case.model]
        told["other"] = {"calls": len(others), "factors": shown(fitted(others, "other"))}
    return {
        "question": "estimated against reported output tokens",
        "table": str(estimators().checked),
        "families": told,
    }


def scores(name: str, members: Sequence[Case], others: Sequence[Case]) -> dict[str, object]:
    """The three estimates of a family's calls, scored over all and by repository."""
    repositories = sorted({case.repository for case in members})
    shipped = [tokens_of(case.features, estimator_factors(case.model)) for case in members]
    apart: dict[str, Factors] = {}
    for repository in repositories:
        rest = [case for case in members if case.repository != repository]
        apart[repository] = fitted(rest if len(rest) >= LEAST_CALLS else others, name)
    left_out = [tokens_of(case.features, apart[case.repository]) for case in members]
    learned = corrected(members, left_out)
    result: dict[str, object] = {"calls": len(members), "repositories": len(repositories)}
    for way, estimates in (("shipped", shipped), ("left_out", left_out), ("learned", learned)):
        result[way] = score(members, estimates)
    result["by_repository"] = {
        repository: {
            "calls": len(chosen),
            "left_out": score([members[i] for i in chosen], [left_out[i] for i in chosen]),
            "learned": score([members[i] for i in chosen], [learned[i] for i in chosen]),
        }
        for repository in repositories
        if len(chosen := [i for i, c in enumerate(members) if c.repository == repository])
        >= LEAST_CALLS
    }
    return result


def corrected(members: Sequence[Case], estimates: Sequence[float]) -> list[float]:
    """Estimates after what the other sessions of the same agent and model teach."""
    kin: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for index, case in enumerate(members):
        kin[case.repository, case.agent, case.model].append(index)
    result = list(estimates)
    for indices in kin.values():
        for session in {members[index].session for index in indices}:
            others = [
                (members[index].tokens, estimates[index])
                for index in indices
                if members[index].session != session
            ]
            factor = correction(learned_step(others))
            for index in indices:
                if members[index].session == session:
                    result[index] *= factor
    return result


def score(members: Sequence[Case], estimates: Sequence[float]) -> dict[str, float | int | None]:
    """The errors of some estimates."""
    tokens = np.array([case.tokens for case in members], float)
    guesses = np.array(estimates)
    errors = np.abs(guesses / tokens - 1)
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for case, guess in zip(members, estimates, strict=True):
        added = sums[case.session]
        added[0] += case.tokens
        added[1] += guess
        added[2] += 1
    sessions = np.array([abs(b / a - 1) for a, b, calls in sums.values() if calls >= SESSION_CALLS])
    return {
        "bias": round(float(guesses.sum() / tokens.sum() - 1), 4),
        "call_median": round(float(np.median(errors)), 4),
        "call_p90": round(float(np.quantile(errors, 0.9)), 4),
        "sessions": len(sessions),
        "session_median": round(float(np.median(sessions)), 4) if len(sessions) else None,
        "session_p90": round(float(np.quantile(sessions, 0.9)), 4) if len(sessions) else None,
        "within_10": round(float(np.mean(sessions <= 0.1)), 4) if len(sessions) else None,
    }


def fitted(cases: Sequence[Case], family: str) -> Factors:
    """Factors of a family, by least squares of relative errors; nothing but seals is below zero.

    Long replies weigh more than their relative error, single outliers less; the sum of all
    estimates is then made to agree with the sum of all counts. Thinking of which no call shows any
    is prose like the text, unless the family is known to summarise it.
    """
    rows = np.array(
        [[getattr(c.features, name) for name in FITTED.values()] + [1] for c in cases], float
    )
    if family in NO_ESCAPES:
        rows[:, list(FITTED).index("escape")] = 0
    tokens = np.array([case.tokens for case in cases], float)
    known = replace(PRIOR, **PRIORS.get(family, {}))
    prior = np.array([getattr(known, name) for name in (*FITTED, "constant")])
    weights = np.maximum(tokens, 20) ** -SIZE_POWER
    found = prior
    for _ in range(4):
        off = np.abs(rows @ found / tokens - 1)
        calm = weights / np.maximum(1, off / 0.3)
        found = descended(rows * calm[:, None], tokens * calm, prior)
    scale = tokens.sum() / (rows @ found).sum()
    found = np.where(rows.any(0), found * np.clip(scale, 0.95, 1.05), prior)
    if family in NO_ESCAPES:
        found[list(FITTED).index("escape")] = 0
    thinking = list(FITTED).index("thinking")
    if not rows[:, thinking].any() and "thinking" not in PRIORS.get(family, {}):
        found[thinking] = found[list(FITTED).index("text")]
    thinkers = [case for case in cases if case.thought]
    if len(thinkers) >= LEAST_CALLS:
        found[[list(FITTED).index("sealed"), list(FITTED).index("seal")]] = unsealed(thinkers)
    factors = dict(zip(FITTED, (round(float(value), 3) for value in found), strict=False))
    seals = sum(case.features.seals + case.seals for case in cases)
    if seals:
        sealed = sum(case.features.sealed + case.sealed for case in cases)
        factors["hidden"] = round(sealed * factors["sealed"] / seals + factors["seal"])
    return replace(PRIOR, **factors, constant=round(float(found[-1]), 1))


def unsealed(cases: Sequence[Case]) -> np.ndarray:
    """Tokens per character of a seal, and per seal, of thinking that was counted apart."""
    rows = np.array([[case.sealed, case.seals] for case in cases], float)
    thought = np.array([case.thought for case in cases], float)
    calm = np.ones(len(cases))
    for _ in range(20):
        found = np.linalg.lstsq(rows * calm[:, None], thought * calm, rcond=None)[0]
        calm = 1 / np.maximum(1, np.abs(rows @ found - thought) / 50)
    return found


def descended(rows: np.ndarray, tokens: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """The least squares by coordinate descent, drawn a little to the prior, within bounds."""
    bounds = np.array([BOUNDS.get(name, (0.0, np.inf)) for name in (*FITTED, "constant")])
    squares = (rows**2).sum(0)
    pull = squares * np.array([0.5 if name == "wide" else 0.002 for name in (*FITTED, "")]) + 1e-9
    found = prior.copy()
    rest = tokens - rows @ found
    for _ in range(300):
        for i in range(len(found)):
            step = rows[:, i] @ rest + squares[i] * found[i] + pull[i] * prior[i]
            now = np.clip(step / (squares[i] + pull[i]), *bounds[i])
            rest -= rows[:, i] * (now - found[i])
            found[i] = now
    return found


def shown(factors: Factors) -> dict[str, float]:
    """The factors that were fitted, as the table ships them."""
    return {name: getattr(factors, name) for name in (*FITTED, "constant")}


if __name__ == "__main__":
    main()
