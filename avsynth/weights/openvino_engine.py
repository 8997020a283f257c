"""Networks on OpenVINO, whose telemetry is cut off."""

from __future__ import annotations

import queue
import sys
import types
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from avsynth.weights.threads import one_thread

Batch = dict[str, Tensor]


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
    """OpenVINO on the processor: bfloat16 where the processor multiplies it fast, else float32.

    A compiled network's own call can serve one thread at a time; here as many as ``callers`` are
    served at once, more wait.
    """

    name = "openvino"

    def __init__(self, network: nn.Module, example: Mapping[str, Tensor], callers: int = 1) -> None:
        openvino = load_openvino()
        self._names = tuple(example)
        positional = _Positional(network.cpu().eval(), self._names)
        core = openvino.Core()
        fast = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self.precision = "bfloat16" if fast else "float32"
        inputs = tuple(example.values())
        with torch.inference_mode(), one_thread():
            traced = torch.jit.trace(  # type: ignore[no-untyped-call]
                positional, inputs, check_trace=False
            )
            model = openvino.convert_model(traced, example_input=inputs)
        options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "bf16" if fast else "f32"}
        if callers == 1:
            options |= {
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            }
        else:
            options |= {"NUM_STREAMS": callers, "INFERENCE_NUM_THREADS": callers}
        compiled = core.compile_model(model, "CPU", options)
        self._results = positional.results
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(callers):
            self._idle.put(compiled.create_infer_request())

    def __call__(self, batch: Mapping[str, Tensor]) -> Batch:
        """See ``Engine``."""
        inputs = [batch[name].float().contiguous().numpy() for name in self._names]
        request = self._idle.get()
        try:
            outputs = request.infer(inputs, share_inputs=True, share_outputs=True)
            return {
                name: torch.from_numpy(np.array(outputs[index], dtype=np.float32))
                for index, name in enumerate(self._results)
            }
        finally:
            self._idle.put(request)
