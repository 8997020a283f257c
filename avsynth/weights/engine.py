"""The one seam between networks and what runs them: eager torch, OpenVINO, or CUDA.

Every engine is a callable from a batch (a dictionary of CPU float32 tensors) to a batch. Engines
agree with eager float32 torch on the CPU to ``TOLERANCE`` of the output's largest value.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from collections.abc import Mapping
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from avsynth.errors import ResourceError, UsageError, WeightsError

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


#: Networks with fewer parameters gain less from OpenVINO than its import costs.
_WORTH_COMPILING = 1_000_000


def choose(name: str, device: torch.device, parameters: int) -> str:
    """The engine meant by ``name`` for a network of ``parameters`` weights on ``device``.

    "auto" is OpenVINO on a processor where it is installed and the network is large enough to gain
    from it, else eager torch. UsageError for an unknown name or OpenVINO on CUDA, WeightsError when
    it is not installed.
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
        pays = device.type == "cpu" and parameters >= _WORTH_COMPILING and openvino_installed()
        return "openvino" if pays else "torch"
    return name


def prepare(network: nn.Module, example: Mapping[str, Tensor], name: str, device: str) -> Engine:
    """``network`` made ready for engine ``name`` ("auto", "torch", "openvino") on ``device``.

    ``example`` is a batch of typical sizes; batch size and length stay free where the network
    leaves them free.
    """
    place = torch.device(device)
    if place.type == "cuda" and not torch.cuda.is_available():
        raise ResourceError("no CUDA device is there", hint="--device cpu")
    parameters = sum(value.numel() for value in network.parameters())
    if choose(name, place, parameters) == "openvino":
        return OpenVinoEngine(network, example)
    return TorchEngine(network, place)


class TorchEngine:
    """Eager torch: float32 on the processor, bfloat16 on CUDA."""

    name = "torch"

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        self._device = device
        self._network = network.to(device).eval()
        self.precision = "bfloat16" if device.type == "cuda" else "float32"

    @torch.inference_mode()
    def __call__(self, batch: Mapping[str, Tensor]) -> Batch:
        """See ``Engine``."""
        moved = {k: v.to(self._device, non_blocking=True) for k, v in batch.items()}
        try:
            with torch.autocast("cuda", torch.bfloat16, enabled=self._device.type == "cuda"):
                result = self._network(moved)
        except torch.cuda.OutOfMemoryError as error:
            raise ResourceError("out of memory on the GPU", hint="a smaller batch") from error
        return {k: v.float().cpu() for k, v in result.items()}


def openvino_installed() -> bool:
    """Whether the extra ``fast`` is there; imports nothing."""
    return importlib.util.find_spec("openvino") is not None


def load_openvino() -> Any:
    """Import OpenVINO with its telemetry cut off; the only place that imports it.

    ``openvino_telemetry`` looks up a host when it is imported and works in the background. A
    stand-in under its name, whose every method does nothing, takes its place for good.
    """
    if "openvino_telemetry" not in sys.modules or not hasattr(
        sys.modules["openvino_telemetry"], "__avsynth_stand_in__"
    ):
        for part in ("", ".main", ".backend", ".utils"):
            module = types.ModuleType(f"openvino_telemetry{part}")
            vars(module).update(Telemetry=_NoTelemetry, __avsynth_stand_in__=True, __path__=[])
            sys.modules[module.__name__] = module
    import openvino

    return openvino


class _NoTelemetry:
    """Takes every call and does nothing."""

    def __init__(self, *_args: Any, **_options: Any) -> None:
        pass

    def __getattr__(self, _name: str) -> Any:
        return lambda *_args, **_options: None


class _Positional(nn.Module):
    """A network on dictionaries as one on tuples, which is what tracing understands."""

    def __init__(self, network: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.network, self.names = network, names
        self.results: tuple[str, ...] = ()

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        result = self.network(dict(zip(self.names, tensors, strict=True)))
        self.results = tuple(result)
        return tuple(result.values())


class OpenVinoEngine:
    """OpenVINO on the processor: bfloat16 where the processor multiplies it fast, else float32."""

    name = "openvino"

    def __init__(self, network: nn.Module, example: Mapping[str, Tensor]) -> None:
        openvino = load_openvino()
        self._names = tuple(example)
        positional = _Positional(network.cpu().eval(), self._names)
        core = openvino.Core()
        fast = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self.precision = "bfloat16" if fast else "float32"
        with torch.inference_mode():
            model = openvino.convert_model(positional, example_input=tuple(example.values()))
        options = {
            "INFERENCE_PRECISION_HINT": "bf16" if fast else "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        }
        self._compiled = core.compile_model(model, "CPU", options)
        self._results = positional.results

    def __call__(self, batch: Mapping[str, Tensor]) -> Batch:
        """See ``Engine``."""
        inputs = [batch[name].float().contiguous().numpy() for name in self._names]
        outputs = self._compiled(inputs)
        return {
            name: torch.from_numpy(np.array(outputs[index], dtype=np.float32))
            for index, name in enumerate(self._results)
        }
