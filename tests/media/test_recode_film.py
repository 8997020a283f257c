"""Films through encoders in memory."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from avsynth.media.recode_film import recode_film


def moving(height: int = 62, width: int = 75, frames: int = 5) -> NDArray[np.uint8]:
    """A soft pattern that moves two pixels a frame; its sides are odd."""
    y, x = np.mgrid[:height, :width]
    waves = [
        [127 + 90 * np.sin((x + 2 * t) / (6 + c)) * np.cos(y / 9) for c in range(3)]
        for t in range(frames)
    ]
    return np.array(waves).transpose(0, 2, 3, 1).astype(np.uint8)


def error(film: NDArray[np.uint8], made: NDArray[np.uint8]) -> float:
    return float(np.mean((film.astype(float) - made) ** 2))


@pytest.mark.parametrize("codec", ["h264", "hevc", "mpeg4", "vp9"])
def test_a_film_comes_back_in_its_shape_and_order_and_worse_with_the_quality(codec: str) -> None:
    film = moving()
    fine, coarse = (recode_film(film, crf, codec) for crf in (14, 42))  # type: ignore[arg-type]
    assert fine.shape == coarse.shape == film.shape and fine.dtype == np.uint8
    assert error(film, fine) < error(film, coarse) < 3000
    # Each picture is nearest to its own, not to a neighbour.
    for t, picture in enumerate(fine):
        assert np.argmin([error(p, picture) for p in film]) == t


def test_equal_films_give_equal_bytes() -> None:
    film = moving()
    assert (recode_film(film, 28) == recode_film(film, 28)).all()


def test_what_is_no_film_is_refused() -> None:
    with pytest.raises(ValueError, match="a film is"):
        recode_film(np.zeros((0, 8, 8, 3), np.uint8), 20)
    with pytest.raises(ValueError, match="no film codec"):
        recode_film(moving(), 20, "prores")  # type: ignore[arg-type]
