"""The network of a reenactment: the one its options name and its consents allow, ready to run."""

from __future__ import annotations

from avsynth.errors import ConsentError
from avsynth.pipelines.analyse import expected_frames
from avsynth.pipelines.reenact_inputs import Allowed, ReenactInputs
from avsynth.pipelines.reenact_options import ReenactOptions
from avsynth.pipelines.reenact_segment import PAINTERS
from avsynth.weights.reenacting import ReenactModels, reenact_models


def networks(inputs: ReenactInputs, options: ReenactOptions, allowed: Allowed) -> ReenactModels:
    """Load it.

    Raises:
        ConsentError: it is for research alone, and a consent is for commercial work.
        WeightsError: missing, damaged, or of another kind.
    """
    models = reenact_models(
        options.quality, options.weights, not allowed.commercial, device(options), options.engine,
        callers=PAINTERS, frames=_frames(inputs),
    )  # fmt: skip
    if models.research is not None and allowed.commercial:
        raise ConsentError(
            f"the consent is for commercial work, which excludes {models.research.name}",
            hint="name other --weights",
        )
    return models


def _frames(inputs: ReenactInputs) -> int:
    """How many will be rendered, 0 where nobody knows."""
    if inputs.motion is not None:
        return len(inputs.motion.times)
    assert inputs.driver_info is not None
    return expected_frames(inputs.driver_info) or 0


def device(options: ReenactOptions) -> str:
    """The device that "auto" means here."""
    import torch

    if options.device != "auto":
        return options.device
    return "cuda" if torch.cuda.is_available() else "cpu"
