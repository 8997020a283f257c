"""How good speech sounds, by published predictors: DNSMOS alone, PESQ and STOI by the original."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avsynth.metrics import optional
from avsynth.speech.mel import SAMPLE_RATE

Floats = NDArray[np.float32]


class Mos(NamedTuple):
    """Predicted mean opinion scores, 1 to 5: of the voice, of the background, overall."""

    signal: float
    background: float
    overall: float


class Dnsmos:
    """DNSMOS P.835 (Reddy, Gopal and Cutler 2022), by Microsoft's package speechmos.

    At 16 kHz only. Mean over windows of 9.01 s, a second apart; shorter sound is repeated until it
    fills one, seams and all. It depends on loudness: bring what is compared to one level first.
    """

    def __init__(self) -> None:
        module = optional.load("speechmos.dnsmos", "DNSMOS")
        runtime = optional.load("onnxruntime", "DNSMOS")
        folder = Path(module.__file__).parent / "dnsmos_models"
        paths = [str(folder / name) for name in ("sig_bak_ovr.onnx", "model_v8.onnx")]
        self._score = module.DNSMOS(*paths)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1  # speechmos takes all cores
        self._score.onnx_sess, self._score.p808_onnx_sess = (
            runtime.InferenceSession(path, options) for path in paths
        )

    def __call__(self, samples: ArrayLike) -> Mos:
        """Of 16 kHz samples (N,), clipped to -1..1. ValueError when there are none."""
        array = np.clip(np.nan_to_num(np.asarray(samples, np.float32)), -1.0, 1.0)
        if not len(array):
            raise ValueError("no samples")
        found = self._score(array, SAMPLE_RATE, False)
        return Mos(*(float(found[f"{name}_mos"]) for name in ("sig", "bak", "ovrl")))


def pesq_wb(original: ArrayLike, made: ArrayLike) -> float:
    """Wide-band PESQ (ITU-T P.862.2), 1.0 to 4.6, by the package pesq.

    16 kHz samples (N,), (M,) of one scale; it aligns and levels them itself. Only for copies of the
    same recording. NaN when it finds no speech.
    """
    return _pesq(original, made, "wb")


def pesq_nb(original: ArrayLike, made: ArrayLike) -> float:
    """Narrow-band PESQ (P.862 with the mapping of P.862.1) at 16 kHz; otherwise ``pesq_wb``."""
    return _pesq(original, made, "nb")


def _pesq(original: ArrayLike, made: ArrayLike, band: str) -> float:
    module = optional.load("pesq", "PESQ")
    a, b = (np.asarray(x) for x in (original, made))
    if not a.any() or not b.any():
        return float("nan")
    try:
        return float(module.pesq(SAMPLE_RATE, a, b, band))
    except (module.NoUtterancesError, module.BufferTooShortError):
        return float("nan")


def stoi(original: ArrayLike, made: ArrayLike) -> float:
    """Short-time objective intelligibility (Taal et al. 2011), about 0 to 1, by pystoi.

    16 kHz samples, aligned; the longer one is cut. At least 0.4 s of speech, else 1e-5.
    """
    return _stoi(original, made, extended=False)


def estoi(original: ArrayLike, made: ArrayLike) -> float:
    """The extended form (Jensen and Taal 2016); otherwise ``stoi``."""
    return _stoi(original, made, extended=True)


def _stoi(original: ArrayLike, made: ArrayLike, extended: bool) -> float:
    measure = optional.load("pystoi", "STOI").stoi
    a, b = (np.asarray(x, np.float64) for x in (original, made))
    length = min(len(a), len(b))
    return float(measure(a[:length], b[:length], SAMPLE_RATE, extended=extended))
