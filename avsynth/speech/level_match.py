"""A new voice as loud as the old one, moment by moment and channel by channel.

The gain is that between two smooth envelopes of loudness, so that it follows phrases and not
syllables; only where the old sound is much quieter than the new, as in a pause, it is quick. A
look-ahead limiter keeps true peaks below a ceiling. All of it is a stream in constant memory, and
nothing depends on how the stream is cut.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import minimum_filter1d, uniform_filter1d

from avsynth.speech.loudness import PEAK_CONTEXT, Doubles, Floats, Weighting, true_peaks

_STEPS = 100  # gains a second
_SLOW, _QUICK = 20, 3  # steps on either side that an envelope hears: 0.4 s and 70 ms
_MOST = 8.0  # gain, 18 dB: 12, and 6 for a voice that is in one of two channels
_ABOVE = 2.0  # how far, 6 dB, the new sound may rise above the old one for a moment
_BATCH = 50  # steps that are worked on at a time, at least
_ATTACK = 0.002  # seconds on either side of a peak over which it is turned down


class LevelMatcher:
    """Gives mono sound the levels of other sound of the same length, over time and channels.

    Feed both with ``push``, in any portions; at the end ``flush``. What comes out is (n, C), in
    order, as long as what went in.
    """

    def __init__(self, rate: int, channels: int, ceiling: float, gain: float = 1.0) -> None:
        """For ``channels`` of the old sound at ``rate``.

        Args:
            rate: samples a second.
            channels: how many channels the old sound has.
            ceiling: true peaks stay below it, linear.
            gain: on everything.
        """
        self._step = max(round(rate / _STEPS), 1)
        self._ceiling = ceiling
        self._gain = gain
        self._old = Envelope(rate, channels, self._step)
        self._new = Envelope(rate, 1, self._step)
        self._sound = np.zeros(0, np.float32)  # of the new, from step self._done on
        self._done = 0
        self._last: Doubles | None = None  # gains of the step before self._done
        self._limiter = Limiter(rate, channels, ceiling)

    def push(self, old: Floats, new: Floats) -> Floats:
        """What follows: the old sound (n, C), the new (n,) -> (m, C)."""
        self._old.push(old)
        self._new.push(new[:, None])
        self._sound = np.concatenate([self._sound, new])
        ready = self._old.steps - _SLOW
        if ready - self._done < _BATCH:
            return np.zeros((0, old.shape[1]), np.float32)
        return self._limiter.push(self._levelled(ready, end=False))

    def flush(self) -> Floats:
        """What is left."""
        self._old.finish()
        self._new.finish()
        rest = self._levelled(self._old.steps, end=True)
        return np.concatenate([self._limiter.push(rest), self._limiter.flush()])

    def _levelled(self, ready: int, end: bool) -> Floats:
        """The new sound up to the middle of the last step before ``ready``, or all of it."""
        if ready <= self._done:
            return np.zeros((0, self._old.channels), np.float32)
        gains = self._gains(self._done, ready)
        # Gains are those of the middles of steps; between them they go in straight lines.
        first = gains[:1] if self._last is None else self._last
        points = np.concatenate([first, gains, gains[-1:]] if end else [first, gains])
        middles = (np.arange(len(points)) - 0.5) * self._step
        origin = 0 if self._last is None else -((self._step + 1) // 2)
        count = len(self._sound) if end else int(middles[-1] - origin)
        places = origin + np.arange(count) + 0.5
        curves = [np.interp(places, middles, points[:, c]) for c in range(points.shape[1])]
        made = self._sound[:count, None] * np.stack(curves, axis=1)
        self._sound = self._sound[count:]
        self._last, self._done = gains[-1:], ready
        return np.asarray(made, np.float32)

    def _gains(self, first: int, last: int) -> Doubles:
        """Of steps (last - first, C)."""
        old, new = self._old.smooth(first, last, _SLOW), self._new.smooth(first, last, _SLOW)
        slow = np.minimum(self._gain * np.sqrt(old / np.maximum(new, 1e-20)), _MOST)
        old, new = self._old.smooth(first, last, _QUICK), self._new.smooth(first, last, _QUICK)
        loud = np.maximum(new * slow**2, 1e-20)
        self._old.forget(last - _SLOW)
        self._new.forget(last - _SLOW)
        quick: Doubles = np.minimum(1.0, _ABOVE * self._gain * np.sqrt(old / loud))
        return slow * quick


class Envelope:
    """K-weighted power of a stream (n, C) in steps of ``step`` samples."""

    def __init__(self, rate: int, channels: int, step: int) -> None:
        self.channels = channels
        self._weighting = Weighting(rate, channels)
        self._step = step
        self._rest = np.zeros((0, channels))
        self._power = np.zeros((0, channels))
        self._first = 0  # step that self._power begins with

    @property
    def steps(self) -> int:
        """How many are complete."""
        return self._first + len(self._power)

    def push(self, samples: Floats) -> None:
        """Hear what follows."""
        power = np.concatenate([self._rest, self._weighting(samples) ** 2])
        whole = len(power) // self._step * self._step
        steps = power[:whole].reshape(-1, self._step, self.channels).mean(axis=1)
        self._power = np.concatenate([self._power, steps])
        self._rest = power[whole:]

    def finish(self) -> None:
        """Count what is left as a step."""
        if len(self._rest):
            self._power = np.concatenate([self._power, self._rest.mean(axis=0, keepdims=True)])
            self._rest = self._rest[:0]

    def forget(self, step: int) -> None:
        """Steps before ``step`` are not asked for again."""
        if step > self._first:
            self._power = self._power[step - self._first :]
            self._first = step

    def smooth(self, first: int, last: int, reach: int) -> Doubles:
        """Power of steps first to last, averaged under a Hann window; silence beyond the ends."""
        before = first - reach - self._first
        after = last + reach - self._first
        power = self._power[max(before, 0) : after]
        padding = (max(-before, 0), max(after - len(self._power), 0))
        padded = np.pad(power, (padding, (0, 0)))
        taper = np.hanning(2 * reach + 3)[1:-1]
        return np.asarray(sliding_window_view(padded, 2 * reach + 1, axis=0) @ taper)


class Limiter:
    """Turns (n, C) down around true peaks above ``ceiling``, all channels alike."""

    def __init__(self, rate: int, channels: int, ceiling: float) -> None:
        self._rate = rate
        self._ceiling = ceiling
        self._reach = max(round(rate * _ATTACK), 1)
        self._context = 2 * self._reach + PEAK_CONTEXT
        self._held = np.zeros((0, channels), np.float32)
        self._before = 0  # samples of what is held that were given out already

    def push(self, samples: Floats) -> Floats:
        """What follows -> what is ready."""
        self._held = np.concatenate([self._held, samples])
        return self._limited(len(self._held) - self._context)

    def flush(self) -> Floats:
        """What is left."""
        return self._limited(len(self._held))

    def _limited(self, stop: int) -> Floats:
        start = self._before
        if stop <= start:
            return self._held[:0]
        made = self._held[start:stop]
        # Nearly no true peak is twice the samples around it.
        if 2 * float(np.abs(self._held).max()) > self._ceiling:
            peaks = np.maximum(true_peaks(self._held, self._rate), 1e-9)
            least = minimum_filter1d(
                np.minimum(1.0, self._ceiling / peaks), 2 * self._reach + 1, mode="nearest"
            )
            gain = uniform_filter1d(least.astype(np.float64), 2 * self._reach + 1, mode="nearest")
            made = np.asarray(made * gain[start:stop, None], np.float32)
        self._held = self._held[max(stop - self._context, 0) :]
        self._before = min(stop, self._context)
        return made
