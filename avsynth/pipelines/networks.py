"""The networks of a job: those that its options name and its consent allows, ready to run."""

from __future__ import annotations

from avsynth.errors import ConsentError
from avsynth.media import VideoInfo
from avsynth.pipelines.analyse import expected_frames
from avsynth.pipelines.inputs import Inputs
from avsynth.pipelines.options import DubOptions
from avsynth.pipelines.segment import PAINTERS
from avsynth.provenance.consent import Authorisation
from avsynth.weights.dubbing import DubbingModels, load_dubbing
from avsynth.weights.manifest import Purpose
from avsynth.weights.subject import refuse_other_consent

#: Frames that go through the network together, which fetches its weights once for all of them.
FRAMES_AT_ONCE = 4
_ON_CUDA = 16
_PIXELS = 16_000_000  # in frames that are painted at once


def networks(inputs: Inputs, options: DubOptions, allowed: Authorisation) -> DubbingModels:
    """Load them.

    Raises:
        ConsentError: one of them is for research alone, and the consent for commercial work; or
            is a person's, made under another consent record.
        UsageError, WeightsError: see ``load_dubbing``.
    """
    purpose: Purpose = "research" if allowed.allows_research_weights else "commercial"
    models = load_dubbing(
        options.weights, purpose, options.quality, options.engine, device(options),
        callers=PAINTERS, frames=expected_frames(inputs.info) or 0,
    )  # fmt: skip
    if models.research is not None and purpose == "commercial":
        raise ConsentError(
            f"the consent is for commercial work, which excludes {models.research.name}",
            hint="leave it out of --weights",
        )
    for model in models.loaded:
        refuse_other_consent(model.name, model.metadata, allowed.record_sha256)
    return models


def device(options: DubOptions) -> str:
    """The device that "auto" means here."""
    import torch

    if options.device != "auto":
        return options.device
    return "cuda" if torch.cuda.is_available() else "cpu"


def frames_at_once(models: DubbingModels, video: VideoInfo, device: str) -> int:
    """How many frames go through the network together: fewer where they are large."""
    if models.lipsync is None:
        return 1
    most = FRAMES_AT_ONCE if device == "cpu" else _ON_CUDA
    return min(max(_PIXELS // (video.width * video.height), 1), most)
