"""The summary in plain words: honest, complete, printable whatever a file is called."""

from __future__ import annotations

import math

import pytest
import report_examples as examples

from detectors import Part, Verdict
from detectors.report import words
from detectors.report.text import render
from detectors.report.visible import visible


@pytest.mark.parametrize("name", list(examples.all_examples()))
def test_every_line_is_printable_and_none_claims_authenticity(name: str) -> None:
    told = render(examples.all_examples()[name])
    assert all(line.isprintable() for line in told.split("\n"))
    assert "is authentic" not in told.replace("no proof that the file is authentic", "")
    assert not told.endswith("\n")


def test_a_synthetic_face_is_told_with_score_interval_parts_and_where() -> None:
    told = render(examples.synthetic_face())
    assert "SIGNS OF SYNTHESIS FOUND: the face looks synthetic" in told
    assert "Score +4.7 (95 % interval +3.0 to +6.2): moderately strong support" in told
    assert "Voice                        not detected  −2.6 (−3.9 to −1.2)" in told
    assert "visual                       +5.1 at 0:12.0–0:19.5, 0:33.0–0:41.0" in told
    assert "at most 1 in 100 real files" in told and "voice +3.3" in told
    assert "an INGREDIENT of it was TAMPERED with" in told


def test_what_was_not_judged_is_told_with_its_reason_once() -> None:
    told = render(examples.voice_only())
    assert "Not judged by visual, motion, sync: there is no picture" in told


def test_nothing_found_is_no_proof_and_a_missing_mark_no_evidence() -> None:
    told = " ".join(render(examples.not_detected()).split())
    assert "This is no proof that the file is authentic" in told
    assert "A missing mark is no evidence" in told


def test_an_unreadable_file_gets_its_error_and_no_score() -> None:
    told = render(examples.unreadable())
    assert "moov atom not found" in told and "Score" not in told and "SHA-256" not in told


def test_the_name_stays_one_line() -> None:
    assert render(examples.hostile()).split("\n")[1].startswith("  INCONCLUSIVE")


@pytest.mark.parametrize(
    ("score", "said"),
    [(0.0, "1"), (math.log(40), "40"), (-math.log(3), "1/3"), (math.log(2.5), "2.5"),
     (math.log(1234), "1,200"), (20.0, "more than 1,000,000"), (-20.0, "less than 1/1,000,000")],
)  # fmt: skip
def test_a_score_as_a_factor(score: float, said: str) -> None:
    assert words.factor(score) == said


@pytest.mark.parametrize(
    ("score", "said"),
    [(0.3, "no support in either direction"), (-0.3, "no support in either direction"),
     (1.0, "weak support for synthesis"), (-3.0, "moderate support against synthesis"),
     (400.0, "extremely strong support for synthesis")],
)  # fmt: skip
def test_support_follows_the_published_scale(score: float, said: str) -> None:
    assert words.support(score) == said


def test_findings_in_words_in_both_directions() -> None:
    against = words.weight_of_findings(examples.not_detected())
    assert against.startswith("The findings are 30 times more probable if nothing in the file")
    assert "interval of that factor is 8.2 to 120." in against
    open_ = words.weight_of_findings(examples.picture())
    assert "1/3 to 18, which includes 1: the direction is not settled" in open_
    assert words.weight_of_findings(examples.unreadable()) == ""
    leaning = Verdict("a", "inconclusive", "b", -0.5, (-1.0, 2.0))
    assert "factor is 1/7.4 to 2.7, which includes 1" in words.weight_of_findings(leaning)
    even = Verdict("a", "inconclusive", "b", 0.0, (-1.0, 1.0))
    assert "as probable if something in the file was synthesised as if not" in (
        words.weight_of_findings(even)
    )


def test_thresholds_are_told_of_judged_parts_only() -> None:
    settings = {"operating_point": 0.001, "thresholds": {"face": 5.0, "voice": 6.0}}
    part = Part("voice", "not-detected", -1.0, (-2.0, 0.0))
    said = words.meaning(Verdict("a", "not-detected", "b", parts=(part,), settings=settings))
    assert "1 in 1,000" in said and "voice +6.0" in said and "face" not in said
    assert words.meaning(Verdict("a", "not-detected", "b")) == ""


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.0, "0:00.0"), (7.24, "0:07.2"), (59.96, "1:00.0"), (754.0, "12:34"), (3723.9, "1:02:03")],
)
def test_times(seconds: float, said: str) -> None:
    assert words.clock(seconds) == said


def test_hidden_characters_of_a_name_are_shown() -> None:
    assert visible("a\u202eb\n\udcff\u200b\xa0ü 名.mp4") == (
        "a⟨U+202E⟩b⟨U+000A⟩⟨byte FF⟩⟨U+200B⟩⟨U+00A0⟩ü 名.mp4"
    )
    assert len(visible("x" * 5000)) < 1010
