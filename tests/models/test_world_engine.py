"""The WORLD engine and how it listens: length, time, pitch, seams, and any cut of the stream."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from convert_helpers import nobody, speech
from numpy.typing import NDArray

from avsynth.models.listening import listen, windows
from avsynth.models.voice_engine import Shifts, VoiceEngine, convert
from avsynth.models.voice_print import Voice
from avsynth.models.world_engine import WorldEngine, colouring, warped
from avsynth.speech.activity import envelope, speech_level
from avsynth.speech.pitch_track import PitchStatistics, pitch_track

Floats = NDArray[np.float32]
ENGINE: VoiceEngine = WorldEngine()


def pieces(samples: Floats, size: int) -> list[Floats]:
    return [samples[first : first + size] for first in range(0, len(samples), size)]


def converted(
    samples: Floats, target: Voice, shifts: Shifts = Shifts(), size: int = 1 << 20
) -> Floats:
    source = ENGINE.listen(pieces(samples, size))
    return np.concatenate(list(convert(ENGINE, pieces(samples, size), source, target, shifts)))


def itself(samples: Floats) -> Voice:
    """The target that changes nothing."""
    heard = listen([samples])
    return dataclasses.replace(
        nobody(), pitch=heard.pitch, spectrum_mean=heard.spectrum_mean,
        spectrum_std=heard.spectrum_std,
    )  # fmt: skip


def long() -> Floats:
    """21 s: three blocks."""
    return np.tile(speech(16000), 4)[: 21 * 16000]


def pitch_ratio(made: Floats, samples: Floats) -> float:
    """How much higher the one is than the other, by their steps that are voiced in both."""
    after, before = pitch_track(made), pitch_track(samples)
    both = (after > 0) & (before > 0)
    assert both.mean() > 0.4
    return float(np.median(after[both] / before[both]))


@pytest.mark.parametrize("count", [1, 100, 1600, 16001, 160001])
def test_as_many_samples_out_as_in(count: int) -> None:
    samples = long()[20000 : 20000 + count]
    made = converted(samples, nobody())
    assert made.shape == samples.shape and made.dtype == np.float32
    assert np.isfinite(made).all()


def test_nothing_depends_on_how_the_stream_is_cut() -> None:
    whole = converted(long(), nobody())
    assert np.array_equal(whole, converted(long(), nobody(), size=1777))


def test_the_pitch_becomes_the_targets_and_the_rhythm_stays() -> None:
    samples = speech(16000)
    made = converted(samples, nobody())
    wanted = math.exp(nobody().pitch.mean - listen([samples]).pitch.mean)
    assert wanted > 1.8
    assert pitch_ratio(made, samples) == pytest.approx(wanted, rel=0.05)
    up = converted(samples, nobody(), Shifts(pitch=5))
    assert pitch_ratio(up, made) == pytest.approx(2 ** (5 / 12), rel=0.02)
    loud = [envelope(sound, 50) for sound in (samples, made)]
    lags = [float(np.corrcoef(np.roll(loud[1], lag), loud[0])[0, 1]) for lag in range(-5, 6)]
    assert max(lags) > 0.8 and abs(int(np.argmax(lags)) - 5) <= 1  # 20 ms


def test_the_spectrum_becomes_the_targets() -> None:
    def away(samples: Floats) -> float:
        found = listen([samples]).spectrum_mean - nobody().spectrum_mean
        return float(np.abs(found - found.mean()).mean())

    assert away(converted(speech(16000), nobody())) < 0.6 * away(speech(16000))


def test_to_itself_it_stays_itself() -> None:
    samples = long()
    made = converted(samples, itself(samples))
    assert pitch_ratio(made, samples) == pytest.approx(1.0, rel=0.01)
    before, after = listen([samples]), listen([made])
    assert np.abs(before.spectrum_mean - after.spectrum_mean).mean() < 0.35
    assert after.level == pytest.approx(before.level, rel=0.3)


def test_formants_move_up() -> None:
    def centre(samples: Floats) -> float:
        power = np.abs(np.fft.rfft(samples)) ** 2
        frequencies = np.fft.rfftfreq(len(samples), 1 / 16000)
        speech_band = (frequencies > 200) & (frequencies < 6000)
        return float((power * frequencies)[speech_band].sum() / power[speech_band].sum())

    samples = speech(16000)
    same = itself(samples)
    plain, up = converted(samples, same), converted(samples, same, Shifts(formant=4))
    assert centre(up) > 1.1 * centre(plain)
    assert pitch_ratio(up, plain) == pytest.approx(1.0, rel=0.02)


def test_a_warped_envelope_is_the_envelope_further_up() -> None:
    frequencies = np.arange(513)
    peak = np.exp(-(((frequencies - 100) / 20) ** 2))[None] + 1e-3
    moved = warped(peak, 12.0)
    assert int(moved.argmax()) == 200 and moved.shape == peak.shape
    assert warped(peak, 0.0) == pytest.approx(peak)


def test_a_band_is_moved_by_12_db_at_most() -> None:
    far = colouring(np.zeros(80, np.float32), np.linspace(-9, 9, 80).astype(np.float32))
    assert np.abs(far).max() == pytest.approx(math.log(10 ** (12 / 20)), rel=1e-3)
    level = colouring(np.zeros(80, np.float32), np.full(80, 3.0, np.float32))
    assert np.abs(level).max() < 1e-6  # louder is not another voice


def test_no_click_at_a_seam() -> None:
    """A steady voice has to be cut while it sounds; its samples never jump."""
    times = np.arange(20 * 16000) / 16000
    voice = sum(np.sin(2 * np.pi * 120 * k * times) / k for k in range(1, 20))
    samples = np.asarray(0.1 * voice, np.float32)
    samples[:16000] *= 0.01  # a voice is not always there
    made = converted(samples, itself(samples))[24000:-7000]
    jumps = np.abs(np.diff(made[: 288000 + 2], 2)).reshape(-1, 400).max(axis=1)
    assert jumps.max() < 2.5 * np.median(jumps)


def test_silence_is_silent() -> None:
    samples = speech(16000).copy()
    samples[40000:70000] = 0
    made = converted(samples, nobody())
    assert np.abs(made[42000:68000]).max() < 1e-3


def test_what_was_heard_does_not_depend_on_the_cut() -> None:
    whole, cut = listen([long()]), listen(pieces(long(), 999))
    assert (whole.level, whole.pitch, whole.active_seconds) == (
        cut.level, cut.pitch, cut.active_seconds)  # fmt: skip
    assert np.array_equal(whole.spectrum_mean, cut.spectrum_mean)
    assert np.array_equal(whole.spectrum_std, cut.spectrum_std)


def test_the_level_is_that_of_speech() -> None:
    samples = speech(16000)
    heard = listen([samples])
    assert heard.level == pytest.approx(speech_level(samples), rel=0.01)
    assert 0.5 * 6.9 < heard.active_seconds <= 6.9
    quiet = listen([samples * np.float32(0.05)])
    assert quiet.level == pytest.approx(0.05 * heard.level, rel=0.01)
    # The spectrum is that at one level, however loud the voice was.
    assert quiet.spectrum_mean == pytest.approx(heard.spectrum_mean, abs=0.05)
    assert quiet.pitch.mean == pytest.approx(heard.pitch.mean, abs=0.01)


def test_minutes_without_a_voice_do_not_count() -> None:
    samples = speech(16000)
    pause = (1e-4 * np.random.default_rng(0).standard_normal(60 * 16000)).astype(np.float32)
    heard = listen([samples, pause])
    assert heard.active_seconds < 7.5
    assert heard.level == pytest.approx(speech_level(samples), rel=0.5)


@pytest.mark.parametrize("kind", ["silence", "noise", "empty", "moment"])
def test_where_nobody_speaks(kind: str) -> None:
    random = np.random.default_rng(0)
    samples = {
        "silence": np.zeros(48000), "noise": 0.1 * random.standard_normal(48000),
        "empty": np.zeros(0), "moment": random.standard_normal(5),
    }[kind].astype(np.float32)  # fmt: skip
    heard = listen([samples])
    assert heard.active_seconds == 0
    assert heard.pitch == PitchStatistics.of(())
    assert np.isfinite(heard.spectrum_mean).all() and heard.level > 0


def test_a_tenth_of_a_second_of_a_vowel_is_a_voice() -> None:
    assert listen([speech(16000)[16000:17600]]).active_seconds > 0


def test_windows_cover_everything_once() -> None:
    samples = np.arange(5000, dtype=np.float32)
    for size in (1, 700, 9999):
        found = [held[kept] for held, kept in windows(pieces(samples, size), 1000, 100)]
        assert np.array_equal(np.concatenate(found), samples)
        reach = [(len(held) - kept.stop, kept.start) for held, kept in
                 windows(pieces(samples, size), 1000, 100)]  # fmt: skip
        assert reach[0] == (100, 0) and set(reach[1:-1]) == {(100, 100)}
