"""The evaluation of voices: who is converted to whom, tables by hand, anchors as they must be."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

RECIPE = Path(__file__).parents[2] / "recipes" / "voice"


@pytest.fixture(scope="module", autouse=True)
def recipe():
    """The recipe's modules importable; other recipes have modules of the same names."""
    names = {path.stem for path in RECIPE.glob("*.py")}
    hidden = {name: sys.modules.pop(name) for name in names & set(sys.modules)}
    sys.path.insert(0, str(RECIPE))
    yield
    sys.path.remove(str(RECIPE))
    for name in names & set(sys.modules):
        del sys.modules[name]
    sys.modules.update(hidden)


def ids(sounds):
    return {id(sound) for sound in sounds}


@pytest.mark.data
def test_parallel_trials_enrol_four_sentences_and_score_five(data_dir):
    import protocols

    trials = protocols.parallel(data_dir).trials
    assert len(trials) == 60 and len({(t.source, t.target) for t in trials}) == 12
    assert sum(t.same_gender for t in trials) == 20
    assert {t.name[5:8] for t in trials} == {"019", "021", "022", "023", "024"}
    for trial in trials:
        assert len(trial.heard) == len(trial.own) == len(trial.theirs) == 4
        judged = ids((*trial.own, *trial.theirs))
        assert not judged & ids((*trial.heard, trial.sound, trial.real))
        assert abs(len(trial.sound) - len(trial.real)) < 5 * 16000  # the same sentence


@pytest.mark.data
def test_unseen_targets_have_ten_seconds_and_are_judged_by_others(data_dir):
    import protocols

    protocol = protocols.unseen(data_dir)
    assert len(protocol.trials) == len({(t.source, t.target) for t in protocol.trials}) == 56
    for trial in protocol.trials:
        assert sum(map(len, trial.heard)) == pytest.approx(160000, abs=1)
        assert sum(map(len, trial.own)) == pytest.approx(160000, abs=1)
        judged = ids((*trial.own, *trial.theirs))
        assert not judged & ids((*trial.heard, trial.sound, trial.real))
    assert not any(id(v.sound) in ids(v.own) for v in protocol.natural)
    assert sum(v.same for v in protocol.natural) * 8 == len(protocol.natural)


@pytest.mark.data
def test_choices_are_made_on_dev_speakers_alone(data_dir):
    import csv

    import protocols

    with (data_dir / "speech.csv").open(newline="", encoding="utf-8") as file:
        dev = {row["speaker"] for row in csv.DictReader(file) if row["split"] == "dev"}
    trials = protocols.dev(data_dir).trials
    assert {t.source for t in trials} == {t.target for t in trials} == dev
    assert len(trials) == 63 and all(t.source != t.target for t in trials)
    assert len(protocols.copies(data_dir)) == 28


def row(pair, clip, **scores):
    return {"pair": pair, "clip": clip, "gender": "same", "protocol": "dev", "system": "x"} | scores


def test_means_of_clips_and_pooled_rates_by_hand():
    import tables

    rows = [
        row("a to b", "1", edits=3, length=6, mcd_noc0=1.0),
        row("a to b", "2", edits=0, length=2, mcd_noc0=2.0),
        row("b to a", "3", edits=1, length=1, mcd_noc0=float("nan")),
        row("b to a", "4"),
    ]
    each = tables.Column("", "edits", "length", 100, each=True)
    assert tables.figure(rows, each) == pytest.approx(100 * (0.5 + 0 + 1) / 3)
    pooled = tables.Column("", "edits", "length", 100)
    assert tables.figure(rows, pooled) == pytest.approx(100 * 4 / 9)
    mean = tables.Column("", "mcd_noc0")
    assert tables.figure(rows, mean) == pytest.approx(1.5)
    assert tables.formatted(rows, tables.Column("", "absent"), "clip") == ""
    assert tables.interval(rows, mean, "clip") == (1.0, 2.0)
    assert tables.interval(rows, mean, "pair") == (1.5, 1.5)  # one pair has it


def test_intervals_over_people_are_wider_where_people_differ():
    import tables

    rng = np.random.default_rng(0)
    rows = [
        row(f"p{person}", f"{person}-{clip}", overall=person + rng.normal(0, 0.1))
        for person in range(6)
        for clip in range(10)
    ]
    column = tables.Column("", "overall")
    people, clips = (tables.interval(rows, column, over) for over in ("pair", "clip"))
    assert people[1] - people[0] > 2 * (clips[1] - clips[0])
    assert people[0] < tables.figure(rows, column) < people[1]


def test_later_runs_replace_earlier_ones_in_tables():
    import tables

    def run(value):
        rows = [row("a to b", "1", mcd_noc0=value, target=0.5)]
        speed = {"x": {"threads_1": 0.1, "threads_2": 0.06}}
        systems = {"x": {"parameters": 2_500_000}, "source": {}}
        return {"rows": rows, "verifiers": {}, "systems": systems, "speed": speed}

    lines = tables.report([run(8.0), run(6.0)])
    assert any("6.00 [6.00, 6.00]" in line for line in lines)
    assert not any("8.00" in line for line in lines)
    assert lines[-1] == "| x | 2.50 M | 0.1000 | 0.0600 |"


def test_a_trial_run_is_spread_over_all_pairs():
    import evaluate

    assert evaluate.spread(range(60), 12)[:3] == [0, 5, 11]
    assert len({k // 5 for k in evaluate.spread(range(60), 12)}) == 12
    assert evaluate.spread([1, 2], 5) == evaluate.spread([1, 2], None) == [1, 2]


class Judge:
    """Stands in for ``Judges`` where only the order of things is tested."""

    def verifier(self, protocol):
        return {
            "threshold": 0.7, "equal_error_rate": 0.1, "same": 1, "different": 1,
            "same_mean": 0.9, "different_mean": 0.5,
        }  # fmt: skip

    def conversion(self, trial, made, threshold, natural, follows):
        assert threshold == 0.7
        return {"target": float(made is trial.sound), "follows": float(follows)}

    def copy(self, clip, made):
        return {"stoi": float(made is clip.sound)}

    def save(self):
        self.saved = True


@pytest.mark.data
def test_any_engine_is_scored_on_every_trial(data_dir):
    import evaluate
    import systems
    import tables

    passing = systems.System("pass", lambda trial: trial.sound, copy=lambda sound: sound)
    result = evaluate.run(
        data_dir, [passing, systems.find("target")], ("unseen", "copy"), Judge(), limit=3
    )
    scores = [
        (r["system"], r.get("target"), r.get("follows"), r.get("stoi")) for r in result["rows"]
    ]
    assert scores == (
        [("pass", 1, 1, None)] * 3
        + [("target", 0, 0, None)] * 3
        + [("original", None, None, 1)] * 3
        + [("pass", None, None, 1)] * 3
    )
    assert set(result["systems"]) == {"pass", "target"} and len(result["data"]) == 64
    assert any(
        "| pass | 3, 3 |" in line for line in tables.report([json.loads(json.dumps(result))])
    )


@pytest.mark.data
def test_the_anchors_score_what_they_must(data_dir, tmp_path):
    for package in ("resemblyzer", "speechmos", "hama", "ctranslate2"):
        pytest.importorskip(package)
    import evaluate
    import judges
    import systems

    found = [systems.find(name) for name in ("source", "target", "copy-world")]
    judge = judges.Judges(tmp_path)
    result = evaluate.run(data_dir, found, ("parallel",), judge, limit=1)
    source, target, copy = result["rows"]
    print(json.dumps(result["rows"]))
    assert source["closer"] == 0 and source["word_edits"] == source["phoneme_edits"] == 0
    assert target["closer"] == 1 and target["mcd_noc0"] == target["mcd_mel"] == 0
    assert copy["closer"] == 1 and 0 < copy["mcd_noc0"] < source["mcd_noc0"]
    assert source["accepted"] == 0 and source["mistaken"] == target["accepted"] == 1
    again = judges.Judges(tmp_path)
    repeated = evaluate.run(data_dir, found[:1], ("parallel",), again, limit=1)
    assert repeated["rows"] == [source]
    assert "_whisper" not in vars(again) and "_resemblyzer" not in vars(again)
