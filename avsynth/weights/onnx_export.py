"""Networks as ONNX files, for programs that have no torch; each is checked against torch.

A file holds the network alone: what is stored beside it (a mouth space, a spectrum's spread) and
what is computed before and after it stay here. Discriminators give their logits, not the features
that training compares. Exchange format: ONNX, https://onnx.ai; exporter: ``torch.onnx`` (2.13).
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from avsynth import __version__
from avsynth.errors import ConsentError, UsageError, WeightsError
from avsynth.media import atomic_output
from avsynth.weights import registry
from avsynth.weights.architectures import DISCRIMINATORS, example_batch
from avsynth.weights.file import WeightsFile
from avsynth.weights.manifest import list_weights
from avsynth.weights.subject import consent_record
from avsynth.weights.threads import one_thread

#: Largest difference from eager float32 torch, relative to the largest value of an output.
TOLERANCE = 1e-4
#: What can be asked for: below, a Fourier transform has another form; above, runtimes lag behind.
OPSETS = (20, 21, 22, 23)
#: Axes that stay free beside the batch, by kind and input: time. Pictures have one size.
_TIME: dict[str, dict[str, int]] = {
    "motion": {"features": 1},
    "sequence-discriminator": {"x": 1, "condition": 1},
    "sound-detector": {"spectrum": 3, "sound": 1},
    "speaker": {"mel": 2},
    "vocoder": {"mel": 2, "pitch": 1},
    "voice": {"content": 1, "pitch": 1, "energy": 1},
}
_PACKAGES = ("onnx", "onnxscript", "onnxruntime")


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        name: of the weights.
        path: of the file.
        opset: version of the operators.
        inputs, outputs: name to shape; a free axis has a name, as has one that depends on it.
        difference: from torch, relative to the largest value of an output; at most ``TOLERANCE``.
    """

    name: str
    path: Path
    opset: int
    inputs: dict[str, tuple[int | str, ...]]
    outputs: dict[str, tuple[int | str, ...]]
    difference: float


class Plain(nn.Module):
    """A network of dictionaries, or a discriminator, as one of tensors: what exporters follow."""

    def __init__(self, source: WeightsFile) -> None:
        super().__init__()
        self.network = source.network
        self.judges = source.kind in DISCRIMINATORS
        self.inputs = tuple(example_batch(source.kind, source.config))

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Tensors in the order of ``inputs`` -> those of ``named``."""
        return tuple(self.named(*tensors).values())

    def named(self, *tensors: Tensor) -> dict[str, Tensor]:
        """The outputs by name; those of a discriminator are ``logits_0``, ``logits_1`` ...

        One that is called as an input is ends in ``_out``: in a graph every name is one thing.
        """
        batch = dict(zip(self.inputs, tensors, strict=True))
        if self.judges:
            judged = self.network(batch["x"], batch.get("condition"))
            return {f"logits_{number}": logits for number, logits in enumerate(judged.logits)}
        made = self.network(batch)
        return {f"{name}_out" if name in batch else name: value for name, value in made.items()}


def export(name: str, path: Path, opset: int = OPSETS[0]) -> Exported:
    """Write the weights ``name`` (of the manifest, or a file) to ``path`` as ONNX.

    The file's metadata has name, kind, sha256 of the weights, licence, purpose, config. It gets
    its name only when onnxruntime has computed from it what torch computes from the weights.

    Raises:
        UsageError: an ``opset`` that is not one of ``OPSETS``; another suffix than .onnx.
        ConsentError: weights of a person: nothing that runs ONNX would ask for the consent.
        WeightsError: missing or damaged weights, packages that are not installed, or an export
            that computes something else.
        ResourceError: ``path`` cannot be written.
    """
    if path.suffix.lower() != ".onnx":
        raise UsageError("an ONNX file ends in .onnx", path)
    if opset not in OPSETS:
        raise UsageError(f"opset {opset} is not supported", hint=", ".join(map(str, OPSETS)))
    source = registry.read(name)
    if consent_record(source.metadata) is not None:
        raise ConsentError(
            "a person's weights stay where the consent to use them is checked", source.path
        )
    _require_packages()
    plain = Plain(source)
    program = _program(plain, source, opset)
    program.model.producer_name, program.model.producer_version = "avsynth", __version__
    program.model.metadata_props.update(_metadata(source))
    with atomic_output(path) as temporary:
        program.save(temporary)
        inputs, outputs, difference = _checked(temporary, plain, source)
    return Exported(source.path.stem, path, opset, inputs, outputs, difference)


def sample(source: WeightsFile, count: int, share: float = 1.0) -> dict[str, Tensor]:
    """``count`` examples of random input, each value in 0..1; free lengths cut to a ``share``."""
    shapes = {}
    for name, value in example_batch(source.kind, source.config).items():
        shapes[name] = [count, *value.shape[1:]]
        axis = _TIME.get(source.kind, {}).get(name)
        if axis is not None:
            shapes[name][axis] = int(shapes[name][axis] * share)
    generator = torch.Generator().manual_seed(0)
    return {name: torch.rand(shape, generator=generator) for name, shape in shapes.items()}


def _program(plain: Plain, source: WeightsFile, opset: int) -> Any:
    example = tuple(sample(source, 2).values())  # of one, the batch would be taken for fixed
    time = _TIME.get(source.kind, {})
    free = [
        {0: "batch"} | ({time[name]: f"{name}_steps"} if name in time else {})
        for name in plain.inputs
    ]
    with torch.inference_mode(), one_thread():
        outputs = list(plain.named(*example))
    try:
        with torch.no_grad(), one_thread(), _quiet():
            program = torch.onnx.export(
                plain, example, input_names=list(plain.inputs), output_names=outputs,
                opset_version=opset, dynamic_shapes={"tensors": tuple(free)}, verbose=False,
            )  # fmt: skip
    except torch.onnx.OnnxExporterError as error:
        raise WeightsError(f"cannot become ONNX: {_first_line(error)}", source.path) from error
    assert program is not None
    reached = program.model.opset_imports[""]
    if reached != opset:  # the converter gives up in silence
        raise WeightsError(f"cannot be brought to opset {opset}, only to {reached}", source.path)
    return program


def _metadata(source: WeightsFile) -> dict[str, str]:
    entry = next((e for e in list_weights() if e.sha256 == source.sha256), None)
    said = source.metadata
    return {
        "name": source.path.stem if entry is None else entry.name,
        "kind": source.kind,
        "sha256": source.sha256,
        "licence": str(said.get("licence", "unknown")) if entry is None else entry.licence,
        "purpose": str(said.get("purpose", "research")) if entry is None else entry.purpose,
        "config": json.dumps(source.config.model_dump(mode="json"), sort_keys=True),
    }


def _checked(
    path: Path, plain: Plain, source: WeightsFile
) -> tuple[dict[str, tuple[int | str, ...]], dict[str, tuple[int | str, ...]], float]:
    """Shapes of inputs and outputs, and the largest difference; WeightsError where it is large."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4  # what is fatal alone; the rest is raised
    worst = 0.0
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        for batch in (sample(source, 1), sample(source, 3, share=0.5)):
            with torch.inference_mode(), one_thread():
                expected = plain.named(*batch.values())
            made = session.run(None, {name: value.numpy() for name, value in batch.items()})
            for want, found in zip(expected.values(), made, strict=True):
                worst = max(worst, _relative(torch.from_numpy(found), want))
    except Exception as error:  # its errors have no class of their own that is public
        raise WeightsError(
            f"onnxruntime cannot run it: {_first_line(error)}", source.path
        ) from error
    if not worst <= TOLERANCE:  # not a number is no match either
        raise WeightsError(f"the ONNX file computes something else (by {worst:.1e})", source.path)
    return _shapes(session.get_inputs()), _shapes(session.get_outputs()), worst


def _relative(found: Tensor, wanted: Tensor) -> float:
    """Largest difference as a share of the largest value; infinite for another shape."""
    if found.shape != wanted.shape:
        return float("inf")
    return float((found - wanted).abs().max() / wanted.abs().max().clamp_min(1e-12))


def _shapes(arguments: Any) -> dict[str, tuple[int | str, ...]]:
    return {argument.name: tuple(argument.shape) for argument in arguments}


def _require_packages() -> None:
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise WeightsError(
            f"ONNX export needs {' and '.join(missing)}, which is not installed",
            hint="pip install 'avsynth[onnx]'",
        )


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's running commentary; what goes wrong is raised in any case."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def shape_text(shapes: Mapping[str, tuple[int | str, ...]]) -> str:
    """Shapes in one line: ``picture (s0, 3, 128, 128), maps (...)``."""
    return ", ".join(f"{name} ({', '.join(map(str, shape))})" for name, shape in shapes.items())
