"""Similarity, thresholds, and the encoder on real people."""

import csv
import gzip

import numpy as np
import pytest
import soundfile as sf

from avsynth.metrics import speaker_similarity as speaker


def test_cosines_and_centroids():
    a, b = np.array([3.0, 0.0]), np.array([1.0, 1.0])
    assert speaker.similarity(a, b) == pytest.approx(np.sqrt(0.5))
    assert speaker.similarity(a, np.zeros(2)) == 0.0
    np.testing.assert_allclose(speaker.centroid([[1, 0], [0, 1]]), np.sqrt([0.5, 0.5]), rtol=1e-6)


def test_the_equal_error_threshold_by_hand():
    same, different = [0.9, 0.8, 0.7, 0.4], [0.6, 0.5, 0.3, 0.2]
    threshold, rate = speaker.equal_error_threshold(same, different)
    assert threshold == pytest.approx(0.55) and rate == pytest.approx(0.25)
    assert speaker.acceptance_rate([0.6, 0.54, 1.0], threshold) == pytest.approx(2 / 3)
    assert speaker.equal_error_threshold([0.9, 0.8], [0.1])[1] == 0.0
    with pytest.raises(ValueError, match="no trials"):
        speaker.equal_error_threshold([], [0.1])


@pytest.mark.data
def test_the_equal_error_threshold_of_the_asvspoof_golden(data_dir):
    with gzip.open(data_dir / "golden/asvspoof2019_la_eval_asv_scores.txt.gz", "rt") as file:
        rows = [line.split() for line in file]
    same, different = (
        [float(row[2]) for row in rows if row[1] == key] for key in ("target", "nontarget")
    )
    with (data_dir / "golden.csv").open(newline="", encoding="utf-8") as file:
        golden = {row["metric"]: row["expected"] for row in csv.DictReader(file)}
    threshold, rate = speaker.equal_error_threshold(same, different)
    official = next(value for name, value in golden.items() if name.startswith("EER % (official"))
    assert 100 * rate == pytest.approx(float(official), abs=1e-8)
    # The organisers name the highest score that is rejected; ours lies just above it.
    scores = np.array(same + different)
    highest = scores[scores < threshold].max()
    assert highest == pytest.approx(float(golden["ASV threshold at EER"]), abs=1e-9)
    for key, wanted in (("Pfa", different), ("Pmiss_asv", same)):
        rate = speaker.acceptance_rate(wanted, threshold)
        share = rate if key == "Pfa" else 1 - rate
        official = next(value for name, value in golden.items() if name.startswith(key))
        assert share == pytest.approx(float(official), abs=2 / len(wanted))


def test_silence_is_like_nobody():
    pytest.importorskip("resemblyzer")
    embed = speaker.ResemblyzerEmbedder()
    assert not embed(np.zeros(16000)).any() and not embed(np.zeros(0)).any()


@pytest.mark.data
def test_people_are_told_apart(data_dir):
    pytest.importorskip("resemblyzer")
    embed = speaker.ResemblyzerEmbedder()

    def of(name):
        found = embed(sf.read(data_dir / f"speech/vctk_parallel/{name}.flac")[0])
        assert found.shape == (256,) and np.linalg.norm(found) == pytest.approx(1, abs=1e-5)
        return found

    own, again, other = of("p225_003"), of("p225_008"), of("p228_003")
    assert speaker.similarity(own, again) > speaker.similarity(own, other) + 0.05
