"""The life of alerts, against a small model of it, and as an archive keeps it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tachlog.analysis.alerting.evaluation import Verdict
from tachlog.analysis.alerting.lifecycle import Alert, acknowledge, advance
from tachlog.analysis.alerting.rules import Rule
from tachlog.analysis.alerting.silences import Silence, suppressed
from tachlog.analysis.alerting.texts import RuleText

SECOND = 1_000_000
RULES = {
    name: Rule(RuleText(name=name, when="calls > 1", **more), name)
    for name, more in {
        "at_once": {},
        "later": {"for_": "60s", "keep": "120s"},
        "patient": {"no_data": "keep", "keep": "30s"},
    }.items()
}
KEYS = [(name, (("project", project),)) for name in RULES for project in ("p", "q")]


def verdict(key: Any, holds: bool | None, severity: Any = "warning") -> Verdict:
    """What a rule says of a group."""
    ends = None if holds is None else not holds
    told = {"message": f"{holds}", "measures": {"calls": 2.0}, "severity": severity}
    return Verdict(rule=key[0], labels=key[1], holds=holds, ends=ends, **told)


class Model:
    """The life of one alert in the plainest words: what it is, since when, how bad."""

    def __init__(self) -> None:
        self.state = "inactive"
        self.since = self.clear_since = 0
        self.is_clearing = False
        self.rank = 0

    def see(self, holds: bool | None, rank: int, now: int, text: RuleText) -> None:
        """Take in a verdict."""
        spans = {"0s": 0, "30s": 30, "60s": 60, "120s": 120}
        if self.state == "inactive":
            if holds:
                self.state, self.since, self.rank, self.is_clearing = "pending", now, rank, False
                self._fire(now, spans[text.for_])
        elif holds is None:
            if self.state == "pending" or text.no_data != "keep":
                self.state = "inactive"
        elif holds:
            self.is_clearing = False
            if rank > self.rank:
                self.rank = rank
                self.state = "firing" if self.state == "acknowledged" else self.state
            self._fire(now, spans[text.for_])
        elif self.state == "pending":
            self.state = "inactive"
        else:
            if not self.is_clearing or now < self.clear_since:
                self.is_clearing, self.clear_since = True, now
            if now - self.clear_since >= spans[text.keep]:
                self.state = "inactive"

    def _fire(self, now: int, wait: int) -> None:
        if self.state == "pending" and now - self.since >= wait:
            self.state = "firing"


class Lives(RuleBasedStateMachine):
    """Alerts under any verdicts, acknowledgements and clocks do as the model does."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000
        self.alerts: list[Alert] = []
        self.models = {key: Model() for key in KEYS}

    @rule(
        step=st.sampled_from([1, 20, 30, 60, 300, -45]),
        seen=st.dictionaries(
            st.sampled_from(KEYS),
            st.tuples(st.sampled_from([True, True, False, None]), st.integers(0, 2)),
        ),
    )
    def evaluate(self, step: int, seen: dict[Any, tuple[bool | None, int]]) -> None:
        """Time goes on, or back, and rules are evaluated; a group without a word has no data."""
        self.now += step
        grades = ("info", "warning", "critical")
        told = [verdict(key, holds, grades[rank]) for key, (holds, rank) in seen.items()]
        after, changes = advance(self.alerts, told, RULES, self.now * SECOND)
        before = {alert.key: alert for alert in self.alerts}
        for change in changes:
            old = before.get(change.alert.key)
            assert change.before == (old.state if old else None)
            assert old is None or old != change.alert
        self.alerts = [alert for alert in after if alert.state != "resolved"]
        for key, model in self.models.items():
            holds, rank = seen.get(key, (None, 0))
            model.see(holds, rank, self.now, RULES[key[0]].text)

    @rule(key=st.sampled_from(KEYS))
    def acknowledge(self, key: Any) -> None:
        """Somebody takes an alert on."""
        model = self.models[key]
        for place, alert in enumerate(self.alerts):
            if alert.key == key and alert.state == "firing":
                self.alerts[place] = acknowledge(alert, "ana", None, self.now * SECOND)
                assert model.state == "firing"
                model.state = "acknowledged"

    @invariant()
    def agrees(self) -> None:
        """Each alert is what the model says, and there is none beside."""
        states = {alert.key: alert.state for alert in self.alerts}
        assert len(states) == len(self.alerts)
        wanted = {k: m.state for k, m in self.models.items() if m.state != "inactive"}
        assert states == wanted
        ranks = {alert.key: alert.severity for alert in self.alerts}
        grades = ("info", "warning", "critical")
        assert ranks == {key: grades[self.models[key].rank] for key in wanted}


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


def fired(key: Any = KEYS[0], severity: Any = "warning", **more: Any) -> Alert:
    """An alert that fires."""
    (alert,), _ = advance([], [verdict(key, True, severity)], RULES, SECOND)
    return type(alert)(**{name: getattr(alert, name) for name in alert.__struct_fields__} | more)


def test_only_what_fires_is_acknowledged() -> None:
    """An alert that ended, or was taken on before, cannot be acknowledged."""
    taken = acknowledge(fired(), "ana", "mine", 2 * SECOND)
    assert (taken.state, taken.by, taken.note) == ("acknowledged", "ana", "mine")
    with pytest.raises(ValueError, match="it is acknowledged"):
        acknowledge(taken, "ben", None, 3 * SECOND)


def test_an_alert_of_a_rule_that_is_gone_ends() -> None:
    """A rule that is no longer in force leaves no alert behind."""
    (ended,), (change,) = advance([fired()], [], {}, 2 * SECOND)
    assert (ended.state, change.why) == ("resolved", "the rule is gone")


def test_who_is_told_of_nothing() -> None:
    """Noisy, silenced and inhibited alerts are told to nobody, each with why."""
    worse = fired(("at_once", ()), "critical")
    plain, quiet = fired(), fired(("at_once", (("project", "x"),)), is_quiet=True)
    other = fired(("later", (("project", "p"),)), state="firing")
    silence = Silence(worse.id, (("rule", "later"), ("project", "p")), 0, 5 * SECOND, "ana")
    found = suppressed([worse, plain, quiet, other], [silence], 2 * SECOND)
    assert found == {plain.id: "inhibited", quiet.id: "noisy", other.id: "silenced"}
    assert other.id not in suppressed([other], [silence], 5 * SECOND)
