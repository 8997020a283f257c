"""Networks that learn one person: what can be learnt is, what cannot leaves them as they were."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from avsynth.face.mouth_space import MouthSpace
from avsynth.models.lipsync import LipsyncConfig, LipsyncNetwork
from avsynth.models.motion import MotionConfig, MotionNetwork
from avsynth.training import adapt_lipsync as pictures
from avsynth.training.adapt_lipsync import Films, Likeness
from avsynth.training.adapt_motion import AdaptedMotion, Take, adapt_motion, total_steps
from avsynth.training.adapt_scores import Scores, choose
from avsynth.weights import file as files
from avsynth.weights import manifest

ROWS = 300


@pytest.fixture(scope="module")
def space() -> MouthSpace:
    extras = files.read(manifest.find("motion-small").path).extras
    return MouthSpace.from_arrays({name: value.numpy() for name, value in extras.items()})


@pytest.fixture(scope="module")
def base(space: MouthSpace) -> MotionNetwork:
    torch.manual_seed(0)
    config = MotionConfig(
        features=24, projected=12, hidden=32, dilations=(1, 2), dropout=0.1, coefficients=space.size
    )
    return MotionNetwork(config).eval()


def speech(rows: int = ROWS, seed: int = 0) -> NDArray[np.float32]:
    """Features (T, 12) that change as slowly as speech does."""
    noise = np.random.default_rng(seed).standard_normal((rows + 8, 12))
    kernel = np.hanning(9) / np.hanning(9).sum()
    smooth = np.stack([np.convolve(column, kernel, "valid") for column in noise.T], axis=1)
    return np.asarray(smooth / smooth.std(axis=0), np.float32)


def take(space: MouthSpace, heard: NDArray[np.float32], units: NDArray[np.float64]) -> Take:
    """A take of a person whose motion, in typical sizes, is ``units``."""
    coefficients = units * space.deviation
    openings = 0.1 + 0.02 * units[:, 0]
    return Take(heard, coefficients, openings, np.ones(len(heard), bool))


def habit(heard: NDArray[np.float32], size: int) -> NDArray[np.float64]:
    """A mouth that follows the sound in a way of its own."""
    turn = np.random.default_rng(5).standard_normal((heard.shape[1], size)) / 3
    return np.asarray(np.tanh(heard @ turn), np.float64)


@pytest.fixture(scope="module")
def learnt(base: MotionNetwork, space: MouthSpace) -> AdaptedMotion:
    return learn_habit(base, space, lambda: None)


def learn_habit(
    base: MotionNetwork, space: MouthSpace, advance: Callable[[], None]
) -> AdaptedMotion:
    heard = speech()
    takes = [take(space, heard, habit(heard, space.size))]
    return adapt_motion(base, space, takes, steps=40, advance=advance)


def test_a_habit_is_learnt_and_measured_on_held_out_speech(
    base: MotionNetwork, space: MouthSpace, learnt: AdaptedMotion
) -> None:
    result = learnt
    assert result.share > 0 and result.steps == total_steps(40)
    assert result.after.lmd < 0.9 * result.before.lmd
    assert result.after.opening > result.before.opening
    unseen = torch.from_numpy(speech(seed=9))[None]
    real = habit(unseen[0].numpy(), space.size)
    with torch.inference_mode():
        correlations = [
            np.corrcoef(network.move(unseen)[0, :, 0].numpy(), real[:, 0])[0, 1]
            for network in (base, result.network)
        ]
    assert correlations[1] > correlations[0]


def test_equal_seeds_give_equal_networks(
    base: MotionNetwork, space: MouthSpace, learnt: AdaptedMotion
) -> None:
    told: list[int] = []
    again = learn_habit(base, space, lambda: told.append(1))
    assert learnt.after == again.after and len(told) == again.steps
    states = learnt.network.state_dict(), again.network.state_dict()
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def test_without_time_the_network_stays_as_it_was(base: MotionNetwork, space: MouthSpace) -> None:
    heard = speech()
    takes = [take(space, heard, habit(heard, space.size))]
    result = adapt_motion(base, space, takes, over=lambda: True)
    assert (result.share, result.steps) == (0.0, 0)
    assert result.network is base and result.before == result.after


def test_too_few_rows_are_refused(base: MotionNetwork, space: MouthSpace) -> None:
    heard = speech(40)
    with pytest.raises(ValueError, match="too few"):
        adapt_motion(base, space, [take(space, heard, habit(heard, space.size))])


@pytest.mark.parametrize(
    ("after", "chosen"),
    [
        ({0.5: (0.008, 0.7), 1.0: (0.009, 0.8)}, 0.5),
        ({0.5: (0.008, 0.7), 1.0: (0.00805, 0.8)}, 1.0),  # as good, and more of it
        ({0.5: (0.008, 0.5), 1.0: (0.009, 0.7)}, 1.0),  # nearer, but out of time
        ({0.5: (0.0101, 0.9), 1.0: (0.011, 0.9)}, 0.0),
        ({0.5: (0.01, 0.9), 1.0: (0.011, 0.9)}, 0.0),
    ],
)
def test_what_is_kept(after: dict[float, tuple[float, float]], chosen: float) -> None:
    scores = {share: Scores(*values, 1.0) for share, values in after.items()}
    assert choose({0.0: Scores(0.01, 0.65, 1.0)} | scores) == chosen


SIDE = 32


def films(count: int, seed: int, gain: float) -> Films:
    """Smooth pictures that should be ``gain`` times as bright around the mouth."""
    random = np.random.default_rng(seed)
    small = random.integers(40, 160, (count, 3, 4, 4, 3)).astype(np.uint8)
    picture = small.repeat(8, axis=2).repeat(8, axis=3)
    maps = np.zeros_like(picture)
    maps[:, :, 8:28, 4:28, 0] = 255
    maps[:, :, 14:22, 8:24, 1] = 255
    inside = (maps[..., :1] > 0) * (gain - 1.0) + 1.0
    truth = np.clip(picture * inside, 0, 255).astype(np.uint8)
    return Films(truth, np.stack([picture, picture], axis=1), maps)


@pytest.fixture(scope="module")
def generator() -> LipsyncNetwork:
    torch.manual_seed(0)
    return LipsyncNetwork(LipsyncConfig(size=SIDE, widths=(8, 8, 16, 16), depth=1)).eval()


def test_a_light_is_learnt(generator: LipsyncNetwork) -> None:
    told = []
    result = pictures.adapt_lipsync(
        generator, films(8, 0, 1.3), films(3, 1, 1.3), steps=150, advance=lambda: told.append(1)
    )
    assert result.share > 0 and len(told) == result.steps == 150
    assert result.after.l1 < 0.8 * result.before.l1
    assert result.after.psnr > result.before.psnr > 0
    assert result.after == pictures.likeness(result.network, films(3, 1, 1.3))


def test_a_generator_that_gets_worse_is_not_kept(generator: LipsyncNetwork) -> None:
    result = pictures.adapt_lipsync(generator, films(4, 0, 1.4), films(3, 1, 0.8), steps=30)
    assert result.share == 0.0 and result.after == result.before
    states = generator.state_dict(), result.network.state_dict()
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


@pytest.mark.parametrize(
    ("after", "chosen"),
    [
        ({0.5: (0.028, 0.95), 1.0: (0.027, 0.92)}, 1.0),
        ({0.5: (0.028, 0.95), 1.0: (0.027, 0.7)}, 0.5),  # nearer, but a blur
        ({0.5: (0.03, 1.0), 1.0: (0.031, 1.0)}, 0.0),
    ],
)
def test_which_pictures_are_kept(after: dict[float, tuple[float, float]], chosen: float) -> None:
    found = {share: Likeness(l1, 25.0, sharp) for share, (l1, sharp) in after.items()}
    assert pictures.choose({0.0: Likeness(0.03, 25.0, 1.0)} | found) == chosen


def test_what_is_equal_is_said_to_be(generator: LipsyncNetwork) -> None:
    same = pictures.likeness(None, films(2, 0, 1.0))
    assert (same.l1, same.psnr, same.sharpness) == (0.0, 100.0, 1.0)
