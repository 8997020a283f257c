"""The motion discriminator on its own: how it ranks moments, how it is published."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from avsynth.errors import UsageError
from avsynth.face import mesh
from avsynth.face.mouth_space import MouthSpace, PersonStyle
from avsynth.models.discriminators import Judgement, SequenceConfig, SequenceDiscriminator
from avsynth.models.motion import MotionConfig, MotionNetwork
from avsynth.weights import file as weights_file
from avsynth.weights import manifest

RECIPE = Path(__file__).parents[2] / "recipes" / "motion"
NAMES = ("held_out", "judge", "looks", "publish")


@pytest.fixture(scope="module")
def recipe():
    """The recipe's modules importable; other recipes have modules of the same names."""
    hidden = {name: sys.modules.pop(name) for name in NAMES if name in sys.modules}
    sys.path.insert(0, str(RECIPE))
    yield
    sys.path.remove(str(RECIPE))
    for name in NAMES:
        sys.modules.pop(name, None)
    sys.modules.update(hidden)


@pytest.fixture(scope="module")
def space():
    rng = np.random.default_rng(0)
    return MouthSpace.fit([rng.normal(0, 0.1, (60, len(mesh.MOUTH_JAW), 3))], size=4)


@pytest.fixture
def person(recipe, space):
    """Somebody whose sound is her motion, as a discriminator sees it."""
    import held_out

    rows = np.random.default_rng(1).normal(0, 1, (200, 4)) * space.deviation
    style = PersonStyle.from_coefficients(rows, np.ones(200), space.deviation)
    seen = style.to_units(rows) * space.deviation / space.deviation[0]
    return held_out.Person("p", "GRID", [seen.astype(np.float32)], rows, np.ones(200))


class Likeness(nn.Module):
    """High where motion and sound are alike, low where they are not, by ``sign``."""

    def __init__(self, sign: float) -> None:
        super().__init__()
        self.sign = sign

    def forward(self, x, condition):
        return Judgement([-self.sign * (x - condition).abs().mean(dim=2, keepdim=True)], [[]])


@pytest.mark.parametrize(("sign", "share"), [(1.0, 1.0), (-1.0, 0.0), (0.0, 0.0)])
def test_the_share_of_moments_ranked_below_the_right_one(recipe, space, person, sign, share):
    import judge

    other = MotionNetwork(
        MotionConfig(front_end="mel", features=4, projected=4, hidden=4, coefficients=4)
    ).eval()
    assert judge.compare(Likeness(sign), space, person, 50, other) == (share, share)
    moved, made = judge.compare(Likeness(sign), space, person, 50, None)
    assert moved == share and np.isnan(made)


def test_who_is_too_short_has_no_share(recipe, space, person):
    import judge

    assert np.isnan(judge.compare(Likeness(1.0), space, person, 195, None)[0])
    assert np.isnan(judge.compare(Likeness(1.0), space, person, 201, None)[0])


@pytest.fixture
def discriminator(space, tmp_path):
    config = SequenceConfig(channels=4, condition=6, hidden=8, layers=2)
    extras = {name: torch.from_numpy(value) for name, value in space.arrays().items()}
    data = {
        "name": "motion-tiny-discriminator", "licence": "none", "purpose": "commercial",
        "front_end": "whisper", "held_out": [],
    }  # fmt: skip
    path = tmp_path / "motion-tiny-discriminator.safetensors"
    network = SequenceDiscriminator(config)
    weights_file.write(path, "sequence-discriminator", network, config, extras, data)
    return path


def test_a_discriminator_is_published_after_what_is_there(
    recipe, discriminator, tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(RECIPE.parent)
    import publish

    monkeypatch.setattr(publish, "SHIPPED", tmp_path / "shipped")
    (tmp_path / "shipped").mkdir()
    written = []
    monkeypatch.setattr(manifest, "write_manifest", lambda entries, folder: written.extend(entries))
    monkeypatch.setattr(sys, "argv", ["publish.py", str(discriminator)])
    before = manifest.list_weights()
    publish.main()
    assert tuple(written[:-1]) == before
    new = written[-1]
    assert new.kind == "sequence-discriminator" and new.needs == "whisper"
    assert new.card == "motion-tiny-discriminator.md"
    assert weights_file.sha256(tmp_path / "shipped" / new.file) == new.sha256


def test_other_weights_are_refused(recipe, tmp_path, monkeypatch):
    import judge

    config = MotionConfig(front_end="mel", features=4, projected=4, hidden=4, coefficients=4)
    path = tmp_path / "motion.safetensors"
    weights_file.write(path, "motion", MotionNetwork(config), config, {}, {})
    monkeypatch.setattr(sys, "argv", ["judge.py", "--pack", ".", "--weights", str(path)])
    with pytest.raises(UsageError, match="no discriminator"):
        judge.main()
