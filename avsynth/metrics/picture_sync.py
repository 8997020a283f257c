"""Is this mouth in sync with this sound: the offset as an expert network sees and hears it.

The protocol of SyncNet (Chung and Zisserman 2016): compare short films of the mouth with the sound
at every lag, average over time, take the best lag; the confidence is how far it stands out. Lags
are those of ``metrics.sync``: positive when the mouth comes later than the sound. A scorer of
generated mouths must not be the expert they were trained with.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from avsynth.metrics.sync import RATE, SyncCurve
from avsynth.models.sync import SyncExpert, film_windows, sound_windows

Floats = NDArray[np.float64]

#: Frames to either side that an offset is looked for in, as in SyncNet.
MAX_OFFSET = 15
_BATCH = 256  # films at once: hours pass in constant memory


@torch.inference_mode()
def similarity(
    expert: SyncExpert,
    film: NDArray[np.uint8],
    mel: NDArray[np.float32],
    max_offset: int = MAX_OFFSET,
    device: str = "cpu",
) -> Floats:
    """Cosine of every film and the sound at every lag: (T - frames + 1, 2 max_offset + 1).

    Args:
        expert: in evaluation mode, on ``device``.
        film: (T, S, S, 3) 0..255, red first, squares of ``face.lower_crop``, 25 a second.
        mel: (80, 4 T), ``speech.mel.log_mel`` of the sound that starts with the first picture.
        max_offset: frames to either side.
        device: of torch.

    Row t is the film that starts with picture t. Column max_offset + lag compares it with the
    sound ``lag`` frames earlier; NaN where that is outside the clip. ValueError when the film is
    shorter than one film of the expert.
    """
    config = expert.config
    count = len(film) - config.frames + 1
    if count < 1:
        raise ValueError(f"a film has at least {config.frames} pictures, not {len(film)}")
    sounds = sound_windows(torch.from_numpy(np.ascontiguousarray(mel)), count, config)
    looked, heard = [], []
    for start in range(0, count, _BATCH):
        stop = min(start + _BATCH, count)
        pictures = np.ascontiguousarray(film[start : stop + config.frames - 1])
        x = torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2).float() / 255.0
        looked.append(expert.look(film_windows(x, config.frames)).cpu())
        heard.append(expert.hear(sounds[start:stop].to(device)).cpu())
    mouths, voices = (torch.cat(part).double().numpy() for part in (looked, heard))
    result = np.full((count, 2 * max_offset + 1), np.nan)
    for column, lag in enumerate(range(-max_offset, max_offset + 1)):
        rows = np.arange(max(0, lag), min(count, count + lag))
        result[rows, column] = (mouths[rows] * voices[rows - lag]).sum(axis=1)
    return result


def offset_and_confidence(matrix: ArrayLike) -> tuple[int, float]:
    """Offset in frames and confidence of a ``similarity`` matrix (T, 2 L + 1), averaged over time.

    Confidence is the largest average over the median of all lags', 0 to 2: SyncNet's, which takes
    the median less the smallest distance, in cosines. A lag needs at least a quarter of the rows.

    >>> matrix = np.full((50, 7), 0.1)
    >>> matrix[:, 5] = 0.6
    >>> offset_and_confidence(matrix)
    (2, 0.5)
    """
    values = np.asarray(matrix, np.float64)
    seen = np.isfinite(values)
    enough = seen.sum(axis=0) >= max(1, len(values) // 4)
    means = np.where(seen, values, 0.0).sum(axis=0)[enough] / seen.sum(axis=0)[enough]
    lags = np.arange(values.shape[1])[enough] - values.shape[1] // 2
    best = int(means.argmax())
    return int(lags[best]), float(means[best] - np.median(means))


def offsets_over_time(
    matrix: ArrayLike, frames: int, every: float = 1.0, window: float = 2.0
) -> SyncCurve:
    """Offsets and confidences of ``window`` seconds around each multiple of ``every`` seconds.

    Args:
        matrix: of ``similarity``.
        frames: pictures of one film of the expert (``config.frames``).
        every: seconds.
        window: seconds; below about one, offsets mean little.
    """
    values = np.asarray(matrix, np.float64)
    length = (len(values) + frames - 1) / RATE
    times = np.arange(every / 2, length, every)
    half = window * RATE / 2
    centres = times * RATE - (frames - 1) / 2  # row t is centred on picture t + (frames - 1) / 2
    found = []
    for centre in centres:
        low = int(np.clip(round(centre - half), 0, len(values) - 1))
        high = int(np.clip(round(centre + half), low + 1, len(values)))
        found.append(offset_and_confidence(values[low:high]))
    offsets, confidences = np.array(found, np.float64).reshape(-1, 2).T
    return SyncCurve(times, offsets / RATE, confidences)
