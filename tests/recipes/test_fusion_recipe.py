"""The fusion recipe: tables of scores -> a calibration, judged on others, generators held out."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recipe_helpers import recipe_modules

from detectors.calibration import Calibration

VOICE = ("audio", "vocoder-discriminator", "voice-anomaly")
FAMILIES = ("tts", "vocoder", "world")


@pytest.fixture(scope="module")
def recipe() -> Iterator[dict[str, Any]]:
    with recipe_modules("fusion", ["fit", "evaluate", "reals", "listing"]) as modules:
        yield modules


def rows(split: str, seed: int, strength: float = 2.0) -> list[dict[str, str]]:
    rng = np.random.default_rng(seed)
    made = []
    for number in range(240):
        family = ("real", *FAMILIES)[number % 4]
        label = "real" if family == "real" else "fake"
        scores = rng.standard_normal(3) + strength * (label == "fake")
        about = {
            "file": f"{split}{number}", "label": label, "family": family, "system": family,
            "person": f"{split}-p{number % 61}", "split": split, "source": "clean", "original": "",
        }  # fmt: skip
        made.append(about | {n: f"{s:.4f}" for n, s in zip(VOICE, scores, strict=True)})
    made[0]["voice-anomaly"] = ""  # it abstained
    return made


def write(path: Path, lines: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    return path


def test_a_fit_is_written_read_and_better_than_its_members(
    recipe: dict[str, Any], tmp_path: Path
) -> None:
    known = recipe["fit"].fit(rows("dev", 0), "made up")
    stored = tmp_path / "calibration.json"
    stored.write_text(json.dumps(known.model_dump(mode="json")))
    assert Calibration.model_validate_json(stored.read_text()) == known
    assert set(known.parts) == {"voice"} and set(known.members) == set(VOICE)
    table = recipe["fit"].part_table(rows("test", 1), "voice")
    columns = dict(recipe["evaluate"].fused_columns(table, known.members, known.parts["voice"]))
    quality = {n: recipe["evaluate"].auc(v[1:], table.synthetic[1:]) for n, v in columns.items()}
    assert quality.pop("fusion") > max(quality.values()) + 0.02


def test_ratios_of_unseen_people_come_true(recipe: dict[str, Any]) -> None:
    known = recipe["fit"].fit(rows("dev", 0), "made up")
    table = recipe["fit"].part_table(rows("test", 1), "voice")
    columns = dict(recipe["evaluate"].fused_columns(table, known.members, known.parts["voice"]))
    assert recipe["evaluate"].ece(columns["fusion"], table.synthetic) < 0.07


def test_the_table_counts_alarms_and_gives_every_family_a_line(recipe: dict[str, Any]) -> None:
    known = recipe["fit"].fit(rows("dev", 0), "made up")
    lines = list(recipe["evaluate"].judged(rows("test", 1), "voice", known))
    assert "60 real files, 61 people" in lines[0]
    fused = next(line for line in lines if line.startswith("| fusion"))
    assert "of 60" in fused and "of 180" in fused
    assert all(any(line.startswith(f"| {f} |") for line in lines) for f in FAMILIES)


def test_a_family_is_judged_by_what_never_met_it(recipe: dict[str, Any], tmp_path: Path) -> None:
    for name in VOICE:
        lines = [
            {key: row[key] for key in ("file", "label", "family", "person", "split", "source")}
            | {"score": row[name], "original": ""}
            for row in rows("dev", 0) + rows("test", 1)
        ]
        if name == "voice-anomaly":  # sees no fakes in training: one table serves for all
            write(tmp_path / f"{name}.csv", lines)
            continue
        for family in FAMILIES:
            blind = [
                row | {"score": str(float(row["score"]) - 2.0)} if row["family"] == family else row
                for row in lines
            ]  # what it was not trained on, it does not see
            write(tmp_path / f"{name}-without-{family}.csv", blind)
    text = list(recipe["evaluate"].held_out(tmp_path, "voice"))
    audio = [line for line in text if line.startswith("| tts | audio")]
    anomaly = [line for line in text if line.startswith("| tts | voice-anomaly")]
    assert 0.3 < float(audio[0].split("|")[3].split()[0]) < 0.7
    assert float(anomaly[0].split("|")[3].split()[0]) > 0.85
    assert text[-1].startswith("| all | fusion")


def test_fakes_of_agreement_are_no_fakes_of_the_face(recipe: dict[str, Any]) -> None:
    row = {"label": "fake", "family": "othersound"}
    assert recipe["fit"].concerns(row, "sync") and not recipe["fit"].concerns(row, "face")
    made = {"label": "fake", "family": "lipsync"}
    assert recipe["fit"].concerns(made, "face") and not recipe["fit"].concerns(made, "sync")


def test_false_alarms_are_counted_by_source(recipe: dict[str, Any], tmp_path: Path) -> None:
    known = recipe["fit"].fit(rows("dev", 0), "made up")
    scores = {"surely real": -3.0, "surely not": 9.0, "in between": 1.4}
    lines = [
        {"file": name, "source": "here", "audio": str(score), "vocoder-discriminator": str(score),
         "voice-anomaly": str(score), "visual": ""}
        for name, score in scores.items()
    ]  # fmt: skip
    line = list(recipe["reals"].count(write(tmp_path / "scores.csv", lines), known))[2]
    assert line.startswith("| here | 3 | 1 (33.3 %)") and line.endswith("| 1 |")


def test_a_listing_refuses_a_row_with_a_hole(recipe: dict[str, Any], tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="a row has file, label"),
        recipe["listing"].Listing(tmp_path) as listing,
    ):
        listing.add(file="a.wav")
    assert not (tmp_path / "manifest.csv").exists()
