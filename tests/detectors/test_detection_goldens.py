"""Every golden of detection, read from golden.csv, to the digits given there."""

from __future__ import annotations

import csv
import gzip
import json

import numpy as np
import pytest
from dub_helpers import command

from detectors import metrics
from detectors.metrics import from_polarity
from detectors.metrics.score_files import read_asv, read_scores

pytestmark = pytest.mark.data

ASV = "golden/asvspoof2019_la_eval_asv_scores.txt.gz"
CM = "golden/rawgat_st_mul_la_eval_cm_scores.txt.gz"
# These goldens are of speech, not of detection. tests/metrics/test_cepstral.py has the first and
# tests/metrics/test_speech_quality.py the second.
ELSEWHERE = {
    "golden/mcd_GT.flac + golden/mcd_WaveGlow.flac",
    "golden/pesq_speech.flac + golden/pesq_speech_bab_0dB.flac",
}
DIGITS = 5.1e-10  # golden.csv has nine places


@pytest.fixture(scope="module")
def data(request):
    return request.getfixturevalue("data_dir")


@pytest.fixture(scope="module")
def rows(data):
    with (data / "golden.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def expected(rows, file):
    """What golden.csv says of one file, by the name of the metric."""
    found = {row["metric"]: float(row["expected"]) for row in rows if row["file"] == file}
    assert found
    return found


def columns(path):
    with gzip.open(path, "rt") as file:
        return np.array([line.split() for line in file])


@pytest.fixture(scope="module")
def countermeasure(data):
    """Scores, labels and attacks, turned to our polarity."""
    table = columns(data / CM)
    assert (table[:, 2] == "bonafide").sum() == 7355 and len(table) == 7355 + 63882
    scores = from_polarity(table[:, 3].astype(float), "bona-fide")
    return scores, table[:, 2] == "spoof", table[:, 1]


@pytest.fixture(scope="module")
def asv(data):
    return read_asv(data / ASV)


def test_no_golden_is_forgotten(rows):
    assert {row["file"] for row in rows} == {ASV, CM} | ELSEWHERE


def test_speaker_verification(data, rows, asv):
    table = columns(data / ASV)
    kept = table[:, 1] != "spoof"
    scores = from_polarity(table[kept, 2].astype(float), "bona-fide")
    interpolated = metrics.eer_interpolated(scores, table[kept, 1] == "nontarget")
    found = {
        "EER % (official: argmin|FRR-FAR|, mean of both)": 100 * asv.eer,
        "EER % (linear interpolation on unique-threshold ROC)": 100 * interpolated.rate,
        "ASV threshold at EER": asv.threshold,
        "Pfa_asv at EER threshold (score>=th)": asv.false_alarm,
        "Pmiss_asv (score<th)": asv.miss,
        "Pmiss_spoof_asv (spoof score<th)": asv.spoofs_missed,
    }
    assert found == pytest.approx(expected(rows, ASV), abs=DIGITS, rel=0)


def test_countermeasure(rows, countermeasure, asv):
    scores, synthetic, attacks = countermeasure
    found = {
        "EER % (official)": 100 * metrics.eer_official(scores, synthetic).rate,
        "EER % (interpolated ROC)": 100 * metrics.eer_interpolated(scores, synthetic).rate,
        "min t-DCF 2019 legacy": metrics.min_tdcf_legacy(scores, synthetic, asv).cost,
        "min t-DCF revisited": metrics.min_tdcf(scores, synthetic, asv).cost,
        "ROC AUC (Mann-Whitney, ties half)": metrics.auc(scores, synthetic),
    }
    for attack in sorted(set(attacks[synthetic])):
        kept = ~synthetic | (attacks == attack)
        point = metrics.eer_official(scores[kept], synthetic[kept])
        found[f"EER % (official) attack {attack} vs all bona fide"] = 100 * point.rate
    wanted = {
        name.split(" (v")[0] if "t-DCF" in name else name: value
        for name, value in expected(rows, CM).items()
    }
    assert len(wanted) == len(found) == 18
    assert found == pytest.approx(wanted, abs=DIGITS, rel=0)


def test_the_command_has_the_same_digits(data, rows, countermeasure):
    done = command(
        "bench", "score", data / CM, "--key", data / CM, "--asv-scores", data / ASV,
        "--draws", 0, "--json",
    )  # fmt: skip
    found = json.loads(done.out)
    wanted = list(expected(rows, CM).values())
    pooled = found["left_out"]["pooled"]["figures"]
    names = ("eer_official", "eer_interpolated", "min_tdcf_legacy", "min_tdcf", "auc")
    scale = [100 if name.startswith("eer") else 1 for name in names]
    shown = [by * pooled[name]["value"] for name, by in zip(names, scale, strict=True)]
    shown += [100 * row["figures"]["eer_official"]["value"] for row in found["left_out"]["groups"]]
    assert shown == pytest.approx(wanted, abs=DIGITS, rel=0)
    assert [row["name"] for row in found["left_out"]["groups"]][::12] == ["A07", "A19"]
    assert found["scored_zero"] is None and found["missing"] == found["surplus"] == 0


def test_a_bootstrap_of_seventy_thousand_scores(countermeasure):
    scores, synthetic, _ = countermeasure
    statistic = {"auc": metrics.ranking.auc_of}
    found = metrics.bootstrap.by_file(scores, synthetic, statistic, draws=40, seed=1)["auc"]
    assert found.draws == 40 and found.units == len(scores)
    assert found.low < metrics.auc(scores, synthetic) < found.high
    assert found.high - found.low == pytest.approx(0.0007, abs=0.0004)


def test_the_key_in_the_score_file_agrees_with_the_scores(data):
    scores = read_scores(data / CM).scores
    key = metrics.key_files.read_key(data / CM)
    assert scores.keys() == {trial.file for trial in key.trials}
    assert key.higher_is == "bona-fide" and key.splits == ("",)
