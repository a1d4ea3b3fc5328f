"""What alert rules, anomalies and advice find of what is planted, and how often they are wrong.

`python bench/insight.py [--seeds training|held_out] [--only N] [--logs PATH] [--worst N]` makes the
archives of those seeds (`planted`), replays the shipped rules over them every five minutes, and
prints JSON: of each rule and kind of anomaly recall, precision, the median time until it was
detected, false alarms per 1,000 healthy sessions. Rules are judged as a user has them: one that
would fire more than once a day is gated and tells nobody. Advice is that of the 30 days at whose
end it is asked, of worlds of their own with habits that cost money (`planted/habits.py`).
`--logs` counts alarms per folder of real logs, too; `--worst` lists what was missed and false
alarms.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from statistics import median_low
from typing import Any, Final

from msgspec import Struct, field
from planted import SEEDS, Planted, World, habits_of, world_of
from planted.habits import HABITS
from planted.world import BEGIN_US, DAY_US, JUDGED_US, MS, UNTIL

from tachlog import __version__
from tachlog.analysis.advice import keeping
from tachlog.analysis.alerting.evaluation import Activity
from tachlog.analysis.alerting.lifecycle import Alert
from tachlog.analysis.alerting.rehearsal import DAYS, MOST_PER_DAY, STEP_US, replay
from tachlog.analysis.alerting.rules import Rule
from tachlog.analysis.measurer import Measurer
from tachlog.analysis.selection import Selection
from tachlog.config import Config
from tachlog.metrics import SessionMetrics
from tachlog.notify.evaluating import activity_of, rules_in_force
from tachlog.pipeline import bring_up_to_date
from tachlog.projects import project_of
from tachlog.sessions import Sessions, fold
from tachlog.stores import PRIVATE, Portion, Store, open_store

HOUR_US: Final = 3_600_000_000
WEEK_US: Final = 7 * DAY_US
ANOMALIES: Final = ("response_time_spike", "response_time_outlier", "error_cluster", "loop")
NOT_IN_LOGS: Final = {
    "telemetry_failing": "of tachlog itself",
    "channel_failing": "of tachlog itself",
}


class Score(Struct):
    """What one detector did; `missed` and `false` say which.

    `alarms` are those that were told, `right` those about what was planted. `false_in_healthy` are
    false ones, without those about sessions in which something else was planted.
    """

    found: int = 0
    planted: int = 0
    alarms: int = 0
    right: int = 0
    false_in_healthy: int = 0
    gated: int = 0
    seconds: list[float] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)

    def add(self, other: Score) -> None:
        """Take in what it did in another world."""
        for name in ("found", "planted", "alarms", "right", "false_in_healthy", "gated"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.seconds += other.seconds
        self.missed += other.missed
        self.false += other.false


Scores = dict[str, Score]


class Alarm(Struct, frozen=True):
    """A detector said something: of what, from when on, until when; `sessions` show it."""

    detector: str
    begin_us: int
    end_us: int
    labels: dict[str, str]
    told: str
    is_gated: bool = False
    sessions: frozenset[str] = frozenset()


def main() -> None:
    """Judge and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", choices=sorted(SEEDS), default="training")
    parser.add_argument("--only", type=int, help="so many of the seeds")
    parser.add_argument("--logs", type=Path, help="a directory of folders of real logs")
    parser.add_argument("--worst", type=int, default=0, help="list so many misses and alarms each")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    begun, scores, sessions = time.perf_counter(), defaultdict[str, Score](Score), 0
    seeds = SEEDS[asked.seeds][: asked.only]
    with ProcessPoolExecutor(asked.jobs) as pool:
        for healthy, found in pool.map(judge_seed, seeds):
            sessions += healthy
            for name, score in found.items():
                scores[name].add(score)
    told: dict[str, Any] = {
        "tachlog": __version__,
        "seeds": {asked.seeds: seeds},
        "healthy_sessions": sessions,
        "detectors": {
            name: row(score, sessions, asked.worst) for name, score in sorted(scores.items())
        },
        "not_judged": NOT_IN_LOGS,
    }
    if asked.logs is not None:
        told["logs"] = {
            folder.name: alarms_of_logs(folder, asked.worst)
            for folder in sorted(asked.logs.iterdir())
            if folder.is_dir()
        }
    told["seconds"] = round(time.perf_counter() - begun, 1)
    json.dump(told, sys.stdout, indent=1)
    print()


def row(score: Score, sessions: int, worst: int) -> dict[str, Any]:
    """A detector's figures; None where there is nothing to divide by."""
    told: dict[str, Any] = {
        "planted": score.planted,
        "recall": ratio(score.found, score.planted),
        "alarms": score.alarms,
        "precision": ratio(score.right, score.alarms),
        "false_per_1000": round(1000 * score.false_in_healthy / max(1, sessions), 2),
        "gated": score.gated,
        "median_s": round(median_low(score.seconds)) if score.seconds else None,
    }
    if worst:
        told |= {"missed": score.missed[:worst], "false": score.false[:worst]}
    return told


def ratio(part: int, whole: int) -> float | None:
    """A share, None of nothing."""
    return round(part / whole, 3) if whole else None


def judge_seed(seed: int) -> tuple[int, Scores]:
    """How many healthy sessions the archive of a seed has, and what every detector did."""
    sessions, scores = judged(world_of(seed))
    return sessions, scores | advised(habits_of(seed))


def judged(world: World) -> tuple[int, Scores]:
    """How many healthy sessions a world has, and what every detector did in it."""
    with closing(open_store(PRIVATE)) as store:
        fill(store, world)
        rules = judged_rules()
        activity = activity_of(store, UTC, BEGIN_US, until_us(), is_now=False)
        sessions = store.sessions(Selection())
        alarms = [
            *alarms_of_rules(rules, activity, JUDGED_US - WEEK_US, until_us()),
            *alarms_of_anomalies(sessions),
        ]
    names = [f"rule:{r.name}" for r in rules] + [f"anomaly:{each}" for each in ANOMALIES]
    scores = {name: Score() for name in names}
    for name, score in scores.items():
        compare(score, world, name, [alarm for alarm in alarms if alarm.detector == name])
    judged = sum((m.start_us or 0) >= JUDGED_US for m in sessions)
    return judged - len(world.faulty), scores


def advised(world: World) -> Scores:
    """What was recommended in a world of habits, however little it saves; each is an alarm."""
    with closing(open_store(PRIVATE)) as store:
        fill(store, world)
        told = keeping.advised(store, Selection(), until_us()).recommendations
    alarms = [
        Alarm(
            f"advice:{each.type}",
            until_us(),
            until_us(),
            {},
            each.message,
            sessions=frozenset(each.sessions),
        )
        for each in told
    ]
    names = {f"advice:{each}" for each in HABITS} | {alarm.detector for alarm in alarms}
    scores = {name: Score() for name in sorted(names)}
    for name, score in scores.items():
        compare(score, world, name, [alarm for alarm in alarms if alarm.detector == name])
        score.seconds.clear()
    return scores


def judged_rules() -> list[Rule]:
    """The shipped rules that look at logs, with their default values."""
    return [rule for rule in rules_in_force(Config()) if rule.name not in NOT_IN_LOGS]


def until_us() -> int:
    """Where every world ends."""
    return int(UNTIL.timestamp()) * 1000 * MS


def fill(store: Store, world: World) -> None:
    """Keep a world in an archive, as reading logs would."""
    sessions: Sessions = {}
    for events in world.threads:
        fold(events, sessions)
    measure = Measurer(None, project_of)
    portion = Portion(
        path=f"planted/{world.seed}",
        source=None,
        revision=0,
        identity=b"",
        size=0,
        mtime_ns=0,
        expected=None,
        offset=0,
        tail_bytes=0,
        state=b"",
        replaced=False,
        sessions=list(sessions.values()),
        record_keys=[],
        skipped={},
        unknown={},
        problems=[],
        read_us=until_us(),
        measured=[measure.session(each) for each in sessions.values()],
    )
    store.write([portion], measure)


def alarms_of_rules(
    rules: Sequence[Rule],
    activity: Activity,
    since_us: int,
    end_us: int,
    step_us: int = STEP_US,
) -> Iterator[Alarm]:
    """Every alert that fires, and whether its rule was gated then by the past two weeks."""
    replayed = replay(rules, activity, since_us, end_us, step_us)
    fired: defaultdict[str, list[Alert]] = defaultdict(list)
    for alert in replayed.alerts:
        fired[alert.rule].append(alert)
    for rule, alerts in fired.items():
        for alert in alerts:
            at_us = alert.fired_us or 0
            week_us = since_us + (at_us - since_us) // WEEK_US * WEEK_US
            days = min(DAYS, (week_us - since_us) // DAY_US)
            before = sum(week_us - days * DAY_US <= (a.fired_us or 0) < week_us for a in alerts)
            yield Alarm(
                f"rule:{rule}",
                at_us,
                alert.resolved_us or end_us,
                dict(alert.labels),
                f"{moment(at_us)} {dict(alert.labels)} {alert.message}",
                before > MOST_PER_DAY * days,
            )


def alarms_of_anomalies(sessions: Iterable[SessionMetrics]) -> Iterator[Alarm]:
    """Every anomaly of the sessions that is told."""
    for m in sessions:
        for anomaly in m.anomalies:
            if anomaly.minor:
                continue
            begin_us = anomaly.start_us or 0
            yield Alarm(
                f"anomaly:{anomaly.type}",
                begin_us,
                anomaly.end_us or begin_us,
                {"session": m.root, "thread": m.session_id},
                f"{moment(begin_us)} {m.session_id} {anomaly.about} {anomaly.value}"
                f" > {anomaly.threshold} ({anomaly.count})",
            )


def compare(score: Score, world: World, name: str, alarms: Sequence[Alarm]) -> None:
    """Hold the alarms of one detector against what was planted, from the judged time on."""
    score.gated += sum(alarm.is_gated for alarm in alarms)
    told = [a for a in alarms if not a.is_gated and a.begin_us >= JUDGED_US]
    score.alarms += len(told)
    for alarm in told:
        if any(name in f.must | f.may and concerns(alarm, f) for f in world.faults):
            score.right += 1
        else:
            score.false.append(f"{world.seed}: {alarm.told}")
            score.false_in_healthy += alarm.labels.get("session") not in world.faulty
    for fault in world.faults:
        if name not in fault.must:
            continue
        score.planted += 1
        found = [alarm for alarm in told if concerns(alarm, fault)]
        if found:
            score.found += 1
            first_us = min(alarm.begin_us for alarm in found)
            score.seconds.append(max(0.0, (first_us - fault.begin_us) / 1e6))
        else:
            score.missed.append(f"{world.seed}: {moment(fault.begin_us)} {fault.kind} {fault.size}")


def concerns(alarm: Alarm, fault: Planted) -> bool:
    """Whether an alarm can be about a fault: at that time, of nothing else.

    An alarm may come up to a day later where what it tells of is a day's.
    """
    late_us = DAY_US if alarm.detector in ("rule:cost_anomaly", "rule:unpriced_model") else HOUR_US
    return (
        alarm.begin_us <= fault.end_us + late_us
        and alarm.end_us >= fault.begin_us
        and not (alarm.sessions and alarm.sessions.isdisjoint(fault.sessions))
        and all(fault.labels.get(key, value) == value for key, value in alarm.labels.items())
    )


def alarms_of_logs(folder: Path, worst: int) -> dict[str, Any]:
    """How often each detector says something of real logs, replayed in their own time."""
    with closing(open_store(PRIVATE)) as store:
        bring_up_to_date(store, [str(folder)], Config(), jobs=1)
        sessions = store.sessions(Selection())
        found = list(alarms_of_anomalies(sessions))
        times = [m.start_us for m in sessions if m.start_us] + [m.end_us or 0 for m in sessions]
        if timed := [at for at in times if at > JUDGED_US // 100]:
            since_us, end_us = min(timed), max(timed) + HOUR_US
            activity = activity_of(store, UTC, since_us, end_us, is_now=False)
            found += alarms_of_rules(judged_rules(), activity, since_us, end_us)
    counts = Counter(alarm.detector for alarm in found if not alarm.is_gated)
    roots = sum(m.parent is None for m in sessions)
    told: dict[str, Any] = {"sessions": roots, "alarms": dict(sorted(counts.items()))}
    told["gated"] = dict(Counter(alarm.detector for alarm in found if alarm.is_gated))
    if worst:
        told["told"] = {
            name: [a.told for a in found if a.detector == name][:worst] for name in counts
        }
    return told


def moment(at_us: int) -> str:
    """A time to the minute."""
    return datetime.fromtimestamp(at_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M")


if __name__ == "__main__":
    main()
