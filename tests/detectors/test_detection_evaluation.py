"""Scores joined to a key, all figures of them, and the files that hold both."""

from __future__ import annotations

import json

import numpy as np
import pytest
from rich.console import Console

from avsynth.errors import InputError, ResourceError
from detectors.metrics import Key, Trial, auc, evaluate, read_results, write_results
from detectors.metrics.results import as_dict, scores_path
from detectors.metrics.tables import describe


def made(files=240, seed=0):
    """A key of two families over ten people, fakes linked to originals, and scores."""
    rng = np.random.default_rng(seed)
    trials, scores = [], {}
    for number in range(files // 3):
        person = f"p{number % 10}"
        real = f"real/{number}"
        trials.append(Trial(real, False, person=person, split="test"))
        scores[real] = float(rng.normal(-1))
        for family, strength in (("tts", 2.0), ("vocoder", 0.5)):
            name = f"{family}/{number}"
            trials.append(Trial(name, True, family, person, "test", original=real))
            scores[name] = float(rng.normal(strength))
    return Key("made", tuple(trials)), scores


def test_every_group_is_scored_against_all_real_files():
    key, scores = made()
    found = evaluate(scores, key, draws=50)
    pooled, (tts, vocoder) = found.left_out.pooled, found.left_out.groups
    assert (pooled.real, pooled.synthetic, pooled.people) == (80, 160, 10)
    assert (tts.name, tts.real, tts.synthetic) == ("tts", 80, 80)
    kept = [t for t in key.trials if t.group != "vocoder"]
    by_hand = auc([scores[t.file] for t in kept], [t.synthetic for t in kept])
    assert tts.figures["auc"].value == by_hand
    assert vocoder.figures["auc"].value < pooled.figures["auc"].value < by_hand
    for figure in (pooled.figures["auc"], tts.figures["eer_official"]):
        for interval in (figure.by_file, figure.by_person):
            assert interval.low <= figure.value <= interval.high
    assert pooled.equal_errors["eer_official"].rate == pooled.figures["eer_official"].value
    assert found.left_out.same_source.sources == found.left_out.above_original.originals == 80
    assert found.left_out.above_original.pairs == 160
    assert pooled.operating == () and pooled.too_few_for == (0.01, 0.001)
    assert "min_tdcf" not in pooled.figures and found.scored_zero is None
    assert evaluate(scores, key, draws=50) == found
    assert evaluate(scores, key, draws=50, seed=1) != found


def test_the_order_of_a_score_file_is_of_no_matter():
    key, scores = made()
    turned = dict(reversed(scores.items()))
    assert evaluate(turned, key, draws=0) == evaluate(scores, key, draws=0)


def test_files_without_a_score_are_counted_and_the_table_given_twice():
    key, scores = made()
    for name in ("real/3", "tts/5", "vocoder/7"):
        del scores[name]
    scores["vocoder/9"] = None
    scores["nobody/1"] = scores["nobody/2"] = 1.0
    found = evaluate(scores, key, draws=0)
    assert (found.in_key, found.scored, found.missing, found.surplus) == (240, 236, 4, 2)
    assert found.left_out.pooled.real == 79 and found.scored_zero.pooled.real == 80
    filled = {t.file: scores.get(t.file) or 0.0 for t in key.trials}
    labels = [t.synthetic for t in key.trials]
    assert found.scored_zero.pooled.figures["auc"].value == auc(list(filled.values()), labels)
    assert found.left_out.above_original.pairs == 155  # real/3 takes two with it
    assert found.scored_zero.above_original.pairs == 160


def test_what_is_not_known_is_not_made_up():
    key, scores = made()
    blank = tuple(Trial(t.file, t.synthetic) for t in key.trials)
    found = evaluate(scores, Key("blank", blank), draws=20).left_out
    assert found.pooled.people == 0 and found.pooled.figures["auc"].by_person is None
    assert found.groups == () and found.same_source is None and found.above_original is None
    alone = evaluate({t.file: scores[t.file] for t in key.trials if t.synthetic}, key, draws=20)
    assert dict(alone.left_out.pooled.figures) == {} and alone.scored_zero.pooled.figures
    assert evaluate({}, key, draws=20).left_out.pooled.real == 0
    with pytest.raises(ValueError, match="finite"):
        evaluate(scores | {"real/1": float("nan")}, key)
    with pytest.raises(ValueError, match="twice"):
        Key("twice", (Trial("a", True), Trial("a", False)))


def test_a_result_file_holds_what_it_takes_to_compute_it_again(tmp_path):
    key, scores = made()
    strange = Trial('näme, "quoted"\nnew line \udcff', True, "tts", "p1", "test", "", "real/1")
    key = Key("made", (*key.trials, strange))
    scores[strange.file], scores["real/2"] = 0.1 + 0.2, None
    found = evaluate(scores, key, draws=20)
    path = tmp_path / "result.json"
    write_results(path, found, scores, key, {"weights": "audio-small", "threshold": float("inf")})
    written, key_again, scores_again = read_results(path)
    assert key_again == key and scores_again == scores
    assert written["evaluation"] == json.loads(json.dumps(as_dict(found)))
    assert written["settings"] == {"weights": "audio-small", "threshold": None}
    assert {"avsynth", "numpy", "python"} == set(written["versions"])
    assert "positive = synthetic" in written["evaluation"]["conventions"]["scores"]
    assert evaluate(scores_again, key_again, draws=20) == found
    assert sorted(p.name for p in tmp_path.iterdir()) == ["result.json", "result.scores.csv"]


def test_a_result_file_that_was_meddled_with_is_refused(tmp_path):
    key, scores = made(30)
    path = tmp_path / "result.json"
    write_results(path, evaluate(scores, key, draws=0), scores, key)
    beside = scores_path(path)
    beside.write_text(beside.read_text().replace("real/1,real", "real/1,fake"))
    with pytest.raises(InputError, match="changed"):
        read_results(path)
    beside.unlink()
    with pytest.raises(InputError, match="not a result file"):
        read_results(path)
    for text in ("", "[]", '{"format": 1}', '{"format": "other"}', "null"):
        path.write_text(text)
        with pytest.raises(InputError):
            read_results(path)
    with pytest.raises(ResourceError):
        write_results(tmp_path / "no" / "r.json", evaluate(scores, key, draws=0), scores, key)


def shown(evaluation):
    console = Console(width=140, no_color=True)
    with console.capture() as capture:
        for part in describe(evaluation):
            console.print(part, markup=False)
    return capture.get()


def test_the_table_says_what_the_figures_are():
    key, scores = made()
    text = shown(evaluate(scores, key, draws=20))
    for words in (
        "240 of 240 files have a score", "80 real and 160 synthetic files, 10 people",
        "EER official (ASVspoof)", "95 % by person", "same-source macro AUC",
        "fakes score above their own original", "positive = synthetic", "20 draws, seed 0",
        "80 real files are too few to show a false-alarm rate of 1 %",
    ):  # fmt: skip
        assert words in text, words
    del scores["real/0"]
    text = shown(evaluate(scores, key, draws=0))
    assert "239 of 240" in text and "The same with 0, no evidence, for the 1 files" in text


def test_words_from_a_key_cannot_reach_the_terminal_as_more_than_words():
    key, scores = made(30)
    bad = tuple(
        Trial(t.file, t.synthetic, t.group and f"[red]{t.group}\x1b[31m\n[/x]") for t in key.trials
    )
    text = shown(evaluate(scores, Key("bad\x1b[2J\n", bad), draws=0))
    assert "\x1b" not in text and "[red]tts" in text
