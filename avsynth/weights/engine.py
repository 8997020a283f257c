"""The one seam between networks and what runs them: eager torch, OpenVINO, or CUDA.

Every engine is a callable from a batch (a dictionary of CPU float32 tensors) to a batch. Engines
agree with eager float32 torch on the CPU to ``TOLERANCE`` of the output's largest value.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from avsynth.errors import ResourceError, UsageError, WeightsError
from avsynth.weights.openvino_engine import OpenVinoEngine
from avsynth.weights.threads import one_thread

EngineName = Literal["auto", "torch", "openvino"]
Batch = dict[str, Tensor]

#: Largest difference from eager float32, relative to the largest output, by precision.
TOLERANCE = {"float32": 1e-3, "bfloat16": 5e-2}


class Engine(Protocol):
    """A network made ready to run."""

    name: str
    precision: str

    def __call__(self, batch: Mapping[str, Tensor]) -> Batch:
        """Run the network on CPU tensors; the results are CPU float32 tensors."""


#: Networks with fewer parameters gain less from OpenVINO than its import costs ...
_WORTH_COMPILING = 1_000_000
#: ... unless they are run for so many multiply-adds in all: to import and compile takes about
#: 0.4 s, and then every 10^9 of a convolutional network take 10 ms, not 35 (``avsynth bench dub``).
_WORTH_WORK = 16_000_000_000


def choose(name: str, device: torch.device, parameters: int, work: int = 0) -> str:
    """The engine meant by ``name`` for a network of ``parameters`` weights on ``device``.

    ``work`` is how many multiply-adds it is expected to do in all, 0 where nobody knows.
    "auto" is OpenVINO on a processor where it is installed and the network is large enough, or has
    enough to do, to gain from it, else eager torch. UsageError for an unknown name or OpenVINO on
    CUDA, WeightsError when it is not installed.
    """
    if name not in ("auto", "torch", "openvino"):
        raise UsageError(f"no engine is called {name!r}", hint="auto, torch or openvino")
    if name == "openvino" and device.type != "cpu":
        raise UsageError("--engine openvino runs on processors: it excludes --device cuda")
    if name == "openvino" and not openvino_installed():
        raise WeightsError(
            "the OpenVINO engine is not installed", hint="pip install 'avsynth[fast]'"
        )
    if name == "auto":
        pays = parameters >= _WORTH_COMPILING or work >= _WORTH_WORK
        return "openvino" if device.type == "cpu" and pays and openvino_installed() else "torch"
    return name


def prepare(
    network: nn.Module, example: Mapping[str, Tensor], name: str, device: str,
    *, callers: int = 1, runs: int = 0,
) -> Engine:  # fmt: skip
    """``network`` made ready for engine ``name`` ("auto", "torch", "openvino") on ``device``.

    ``example`` is a batch of typical sizes; batch size and length stay free where the network
    leaves them free. ``callers`` is how many threads will run it at once; of more than one, each
    gets a core of its own. ``runs`` is how often it is expected to be run, 0 where nobody knows.
    """
    place = torch.device(device)
    if place.type == "cuda" and not torch.cuda.is_available():
        raise ResourceError("no CUDA device is there", hint="--device cpu")
    parameters = sum(value.numel() for value in network.parameters())
    work = runs * multiply_adds(network, example) if runs and name == "auto" else 0
    if choose(name, place, parameters, work) == "openvino":
        return OpenVinoEngine(network, example, callers)
    return TorchEngine(network, place)


def multiply_adds(network: nn.Module, example: Mapping[str, Tensor]) -> int:
    """Multiply-adds of the convolutions and linear layers of one run on ``example``.

    As ``torch.utils.flop_counter`` counts them, which takes more than a second to start.
    """
    counted = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal counted
        weight = module.weight
        assert isinstance(weight, Tensor)
        spread = "Transpose" in type(module).__name__  # every input goes to many outputs
        counted += (inputs[0] if spread else output).numel() * (weight.numel() // len(weight))

    convolutions = (nn.Linear, nn.modules.conv._ConvNd)
    hooks = [
        m.register_forward_hook(count) for m in network.modules() if isinstance(m, convolutions)
    ]
    with torch.inference_mode(), one_thread():
        network(dict(example))
    for hook in hooks:
        hook.remove()
    return counted


class TorchEngine:
    """Eager torch, channels last: float32 on the processor, bfloat16 on CUDA."""

    name = "torch"

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        self._device = device
        self._network = network.to(device).eval()
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.precision = "bfloat16" if device.type == "cuda" else "float32"

    @torch.inference_mode()
    def __call__(self, batch: Mapping[str, Tensor]) -> Batch:
        """See ``Engine``."""
        moved = {k: _images_last(v.to(self._device, non_blocking=True)) for k, v in batch.items()}
        try:
            with torch.autocast("cuda", torch.bfloat16, enabled=self._device.type == "cuda"):
                result = self._network(moved)
        except torch.cuda.OutOfMemoryError as error:
            raise ResourceError("out of memory on the GPU", hint="a smaller batch") from error
        return {k: v.float().cpu() for k, v in result.items()}


def _images_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


def openvino_installed() -> bool:
    """Whether the extra ``fast`` is there; imports nothing."""
    return importlib.util.find_spec("openvino") is not None
