"""A face, or a second of speech, as the picture that ``AnomalyVae`` hears of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avsynth.speech.activity import voice_activity

Floats = NDArray[np.float32]

#: Side of the aligned crop of a face, pixels.
FACE_SIDE = 224
#: The spectrogram: samples of a Fourier transform and of a step (16 kHz), frequencies, steps.
_WINDOW, _HOP, BINS, STEPS = 512, 128, 256, 128
#: Samples of a window of sound, and from one to the next: 1.05 and 1.02 s.
SOUND_WINDOW, SOUND_HOP = (STEPS - 1) * _HOP + _WINDOW, STEPS * _HOP
_FLOOR = 3e-6  # of a window's mean power: 55 dB below
_SMOOTH = 33  # bins, 1 kHz: what is broader is the microphone's and the voice's colour
_SCALE = 1.3  # nepers: about the spread of what is left
_CONTRAST = 8.0  # least spread of luma, of 255
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def face_picture(crop: NDArray[np.uint8]) -> Floats:
    """Aligned crop (S, S, 3) uint8 RGB -> its luma (S, S), mean 0 and spread 1."""
    grey = luma(crop)
    return np.asarray((grey - grey.mean()) / max(float(grey.std()), _CONTRAST), np.float32)


def luma(picture: NDArray[np.uint8]) -> Floats:
    """RGB (..., 3) uint8 -> brightness (...), 0..255, by the weights of ITU-R BT.601."""
    return np.asarray(picture.astype(np.float32) @ _LUMA, np.float32)


def sound_picture(samples: Floats) -> Floats:
    """``SOUND_WINDOW`` samples at 16 kHz -> log magnitudes (BINS, STEPS), low frequencies first.

    A picture knows neither how loud the voice was nor the broad colour of voice and microphone:
    the mean over the window, smoothed over frequencies, is taken away. Lines that stand in the
    spectrum stay. What lies 55 dB below the mean power counts as silence.
    """
    level = _levels(samples)
    padded = np.pad(level.mean(axis=1), _SMOOTH // 2, mode="reflect")
    colour = np.convolve(padded, np.full(_SMOOTH, 1 / _SMOOTH), mode="valid")
    return np.asarray((level - colour[:, None]) / _SCALE, np.float32)


def decibels(samples: Floats) -> Floats:
    """The same window to look at: (BINS, STEPS), dB over its mean power."""
    return np.asarray(_levels(samples) * (20 / np.log(10)), np.float32)


def spoken(samples: Floats) -> bool:
    """Whether somebody speaks in at least a third of a window."""
    return float(voice_activity(samples).mean()) >= 1 / 3


def _levels(samples: Floats) -> Floats:
    sound = np.nan_to_num(np.asarray(samples, np.float32), posinf=0.0, neginf=0.0)
    frames = np.lib.stride_tricks.sliding_window_view(sound, _WINDOW)[::_HOP]
    taper = np.hanning(_WINDOW).astype(np.float32)
    spectrum = np.fft.rfft(frames * taper, axis=1)[:, 1:]
    power = (spectrum.real**2 + spectrum.imag**2).T
    level = np.log(power / max(float(power.mean()), 1e-9) + _FLOOR) / 2
    return np.asarray(level, np.float32)
