"""JSON lines: valid under the published schema, finite, bounded, and readable again."""

from __future__ import annotations

import json as standard_json
from importlib import resources
from typing import Any

import jsonschema
import numpy as np
import pytest
import report_examples as examples

from detectors import Evidence, Verdict
from detectors.report import json, words
from detectors.report.overtime import decimate, highest


@pytest.fixture(scope="module")
def validator() -> jsonschema.protocols.Validator:
    text = (resources.files("detectors.report") / "scan.schema.json").read_text("utf-8")
    schema = standard_json.loads(text)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("name", list(examples.all_examples()))
def test_every_kind_is_one_valid_finite_line(
    name: str, validator: jsonschema.protocols.Validator
) -> None:
    line = standard_json.dumps(json.line(examples.all_examples()[name]), allow_nan=False)
    validator.validate(standard_json.loads(line))
    assert "\n" not in line and line.isascii()
    assert len(line) < 250_000


def test_the_schema_refuses_what_is_not_a_line(validator: jsonschema.protocols.Validator) -> None:
    good = json.line(examples.synthetic_face())
    for change in ({"verdict": "real"}, {"score": "high"}, {"sha256": "abc"}, {"more": 1}):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(good | change)


def test_what_the_task_names_is_there() -> None:
    line = json.line(examples.synthetic_face())
    assert line["path"].endswith("interview.mp4") and line["verdict"] == "synthetic"
    assert line["score"] == 4.7 and line["interval"] == [3.0, 6.2]
    assert line["parts"][1] == {
        "subject": "voice", "verdict": "not-detected", "score": -2.6, "interval": [-3.9, -1.2],
    }  # fmt: skip
    visual = line["evidence"][0]
    assert visual["where"][1] == {"start": 33.0, "stop": 41.0, "score": 8.4}
    assert visual["over_time"]["kept"] == "all" and len(visual["over_time"]["tracks"]) == 61
    assert visual["frames"][0] == {"time": 36.5, "track": 0, "score": 7.9}
    assert line["weights"]["visual-small"] == visual["weights"]["visual-small"]


def test_what_is_not_finite_becomes_null() -> None:
    line = json.line(examples.hostile())
    assert line["score"] is None and line["interval"] == [None, None]
    assert line["evidence"][0]["over_time"]["scores"] == [None, None, 2.0]
    assert line["properties"]["nan"] is None


def test_bytes_that_are_no_text_are_written_as_such() -> None:
    assert json.line(Verdict("a\udcff.mp4", "unreadable", "x"))["path"] == "a\\xff.mp4"


def test_long_evidence_is_cut_down_and_says_so() -> None:
    line = json.line(examples.long_film())
    visual = line["evidence"][0]
    over = visual["over_time"]
    assert over["measured"] > 50_000 and len(over["times"]) <= json.POINTS + 40
    assert over["kept"] == "highest of each equal stretch" and len(set(over["tracks"])) == 40
    assert visual["where_total"] == 160 and len(visual["where"]) == json.STRETCHES
    assert line["properties"]["…"] == "2800 more"


def test_cutting_down_keeps_every_peak_and_all_faces() -> None:
    rng = np.random.default_rng(0)
    tracks = np.tile([0, 1], 5000).astype(np.int32)
    scores = rng.normal(size=10_000).astype(np.float32)
    scores[[777, 4242]] = 50.0, 60.0
    evidence = Evidence("d", 0.0, np.arange(10_000) / 4, scores, tracks=tracks)
    times, kept, whose = decimate(evidence, 200)
    assert len(times) <= 200 and np.all(np.diff(times) > 0)
    assert {50.0, 60.0} <= set(kept.tolist()) and set(whose.tolist()) == {0, 1}
    assert decimate(evidence, 10_000)[1] is scores


def test_of_equal_stretches_the_highest_is_kept_and_no_number_never_wins() -> None:
    scores = np.array([1, np.nan, 3, 2, 5, 4], np.float32)
    assert highest(np.arange(6.0), scores, 3).tolist() == [0, 2, 4]


def test_a_line_can_be_read_again() -> None:
    for verdict in examples.all_examples().values():
        line = json.line(verdict)
        again = json.read(standard_json.loads(standard_json.dumps(line)))
        second = json.line(again)
        for changed in (line, second):
            del changed["properties"], changed["credentials"]  # where cut, it says how much
            for each in changed["evidence"]:  # pictures stay out; what was cut down is now all
                each["frames"], each["sounds"], each["where_total"] = [], [], 0
                each["over_time"] |= {"measured": 0, "kept": "all"}
        assert second == line
        assert again.credentials == json.line(verdict)["credentials"]
        assert words.signed(again.score) == words.signed(verdict.score)


def test_a_tree_that_grows_without_end_is_cut() -> None:
    tree: Any = "leaf"
    for _ in range(40):
        tree = [tree, tree]
    found = standard_json.dumps(json.line(Verdict("a", "unreadable", "b", properties={"t": tree})))
    assert len(found) < 100_000 and "1 more" in found
