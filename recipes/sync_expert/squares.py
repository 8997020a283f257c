"""A clip as the sync expert sees and hears it: the lower face's square, and the sound of its time.

Shared by ``prepare.py`` and ``evaluate.py``. A clip of any frame rate is put on 25 pictures a
second, each the nearest one that was taken.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from avsynth.face.lower_crop import LowerCrop, cut
from avsynth.face.lower_face import vertices
from avsynth.face.mesh import STORED
from avsynth.face.smooth import smooth
from avsynth.media import read_frames
from avsynth.models.sync import RATE, STEPS
from avsynth.speech.mel import SAMPLE_RATE, log_mel

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


def clip(media: Path, cached: Path, size: int) -> tuple[Bytes, Floats] | None:
    """Squares (T, size, size, 3) and mel (80, ``STEPS`` T); None if the face is mostly missing.

    ``cached`` holds the landmarks and the sound that recipes/motion/prepare.py extracted.
    """
    with np.load(cached) as stored:
        points, times = stored["points"], stored["times"]
        audio, late = stored["audio"].astype(np.float32), float(stored["audio_start"])
    seen = np.isfinite(points).all(axis=(1, 2))
    if seen.sum() < 20 or seen.mean() < 0.9:
        return None
    rows = np.flatnonzero(seen)
    layouts = [vertices(p) for p in smooth(points[rows][:, STORED], rows)]
    square = LowerCrop(np.mean(layouts, axis=0, dtype=np.float64).astype(np.float32), size)
    clock = np.arange(times[rows[0]], times[rows[-1]] + 1e-6, 1 / RATE)
    wanted = np.abs(times[rows] - clock[:, None]).argmin(axis=1)
    taken = {int(rows[w]): int(w) for w in np.unique(wanted)}
    squares = {
        taken[number]: cut(frame.rgb(), square.matrix(layouts[taken[number]]), size)
        for number, frame in enumerate(read_frames(media))
        if number in taken
    }
    skip = round((clock[0] - late) * SAMPLE_RATE)
    sound = audio[skip:] if skip >= 0 else np.pad(audio, (-skip, 0))
    length = len(clock) * SAMPLE_RATE // RATE
    sound = np.pad(sound[:length], (0, max(0, length - len(sound))))
    mel = log_mel(torch.from_numpy(sound))[:, : STEPS * len(clock)].numpy()
    return np.stack([squares[int(w)] for w in wanted]), mel
