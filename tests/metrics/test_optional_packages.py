"""Without the extra, whatever needs it says so in one sentence."""

import sys

import numpy as np
import pytest

from avsynth.errors import WeightsError
from avsynth.metrics import optional, speech

SOUND = np.sin(np.arange(16000) / 10).astype(np.float32)


@pytest.mark.parametrize(
    "package, use",
    [
        ("resemblyzer", speech.ResemblyzerEmbedder),
        ("speechmos", speech.Dnsmos),
        ("hama", speech.PhonemeRecogniser),
        ("ctranslate2", speech.WordRecogniser),
        ("pesq", lambda: speech.pesq_wb(SOUND, SOUND)),
        ("pystoi", lambda: speech.stoi(SOUND, SOUND)),
    ],
)
def test_a_missing_package_is_named_with_its_extra(monkeypatch, package, use):
    monkeypatch.setitem(sys.modules, package, None)
    for name in [name for name in sys.modules if name.startswith(f"{package}.")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(WeightsError, match=rf"needs the package {package}.*avsynth\[metrics\]"):
        use()


def test_a_package_that_lacks_one_of_its_own_names_that_one(monkeypatch, tmp_path):
    (tmp_path / "half_installed.py").write_text("import nothing_of_this_name\n", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(WeightsError, match="needs the package nothing_of_this_name"):
        optional.load("half_installed", "a score")


def test_missing_whisper_weights_are_said(monkeypatch):
    pytest.importorskip("ctranslate2")
    monkeypatch.setattr("avsynth.metrics.recognition.find_weights", lambda: None)
    with pytest.raises(WeightsError, match="Whisper-tiny"):
        speech.WordRecogniser()
