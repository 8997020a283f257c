"""The scores of a pair of recordings, all together."""

import numpy as np
import pytest
import soundfile as sf

from avsynth.metrics import speech


def test_duration_difference_is_in_seconds():
    assert speech.duration_difference(np.zeros(24000), np.zeros(16000)) == pytest.approx(0.5)


@pytest.mark.data
def test_a_recording_is_itself_and_another_speaker_is_not(data_dir):
    def load(name):
        return speech.Cepstra.of(sf.read(data_dir / f"speech/vctk_parallel/{name}.flac")[0])

    own, other = load("p225_022"), load("p226_022")
    same = speech.parallel_scores(own, own)
    assert same["mcd_noc0"] == same["mcd_c0"] == same["f0_rmse"] == same["penalty"] == 0
    assert same["log_f0_correlation"] == pytest.approx(1) and same["spoken_difference"] == 0
    pair = speech.parallel_scores(own, other)
    print({name: round(value, 3) for name, value in pair.items()})
    assert 4 < pair["mcd_noc0"] < pair["mcd_c0"] < 20
    assert pair["log_f0_rmse"] > np.log(2) / 3  # a woman and a man
    assert 0 < pair["penalty"] < 0.6
