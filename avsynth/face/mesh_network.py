"""The attention mesh network that mediapipe ships, run on crops that we choose.

``mediapipe.solutions`` chooses its regions itself and never says how sure it is. This drives the
same shipped model through a graph of four calculators and reads its raw tensors, which gives the
score, lets each track own its region, accepts crops of the full-resolution picture, and is faster
(no protocol-buffer message a point).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avsynth.errors import WeightsError
from avsynth.face.quiet import quiet
from avsynth.face.roi import FloatArray, Picture, Roi

SIDE = 192
POINTS = 478
_OUTPUTS = ("mesh", "lips", "left_eye", "right_eye", "left_iris", "right_iris", "score")
_MODEL = "mediapipe/modules/face_landmark/face_landmark_with_attention.tflite"
_SHIPPED_GRAPH = "mediapipe/modules/face_landmark/face_landmark_front_cpu.binarypb"


@dataclass(frozen=True, slots=True)
class _Refinement:
    """Which mesh points a refined output replaces, and which points its depth is the mean of."""

    points: tuple[int, ...]
    depth_of: tuple[int, ...]


class MeshNetwork:
    """478 mesh points of the one face in a region of a picture.

    One instance serves one thread at a time. Close it, or use it as a context manager.
    """

    def __init__(self) -> None:
        """Load the shipped model. Raises WeightsError where this mediapipe ships none."""
        with quiet():
            self._load()
            self._run(np.zeros((SIDE, SIDE, 3), np.uint8))  # the first run writes notes too

    def _load(self) -> None:
        from mediapipe.python import packet_creator, packet_getter
        from mediapipe.python._framework_bindings import calculator_graph, image_frame

        root = _package_root()
        self._refinements = _read_refinements(root)
        self._graph = calculator_graph.CalculatorGraph(graph_config=_graph_config())
        self._image_frame = image_frame.ImageFrame
        self._format = image_frame.ImageFormat.SRGB
        self._create = packet_creator.create_image_frame
        self._floats = packet_getter.get_float_list
        self._results: dict[str, Any] = {}
        for name in _OUTPUTS:
            self._graph.observe_output_stream(name, self._results.__setitem__)
        self._graph.start_run({})
        self._time = 0

    def __enter__(self) -> MeshNetwork:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the graph; a second call does nothing."""
        if self._graph is not None:
            self._graph.close()
            self._graph = None

    def locate(self, rgb: Picture, roi: Roi) -> tuple[FloatArray, float]:
        """Points (478, 3) float32 in pixels of ``rgb`` ((H, W, 3) uint8), and a score 0..1.

        z is in pixels too, smaller is nearer, relative to the head's centre. The score says how
        likely the region holds a face; the points mean little where it is low.
        """
        crop = roi.cut(rgb, SIDE)
        points, score = self._run(crop)
        matrix = roi.to_picture(SIDE)
        out = np.empty_like(points)
        out[:, :2] = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        out[:, 2] = points[:, 2] * (roi.side / SIDE)
        return out, score

    def _run(self, crop: Picture) -> tuple[FloatArray, float]:
        self._time += 1
        packet = self._create(self._image_frame(image_format=self._format, data=crop))
        self._graph.add_packet_to_input_stream(stream="image", packet=packet.at(self._time))
        self._graph.wait_until_idle()
        raw = {
            name: np.array(self._floats(packet), np.float32)
            for name, packet in self._results.items()
        }
        points = np.empty((POINTS, 3), np.float32)
        points[:468] = raw["mesh"].reshape(468, 3)
        for name, refinement in self._refinements.items():
            points[list(refinement.points), :2] = raw[name].reshape(-1, 2)
            if refinement.depth_of:
                depth = points[list(refinement.depth_of), 2].mean()
                points[list(refinement.points), 2] = depth
        return points, float(1.0 / (1.0 + np.exp(-raw["score"][0])))


def _package_root() -> Path:
    """The folder mediapipe finds its models under; told to its resource loader."""
    import mediapipe
    from mediapipe.python._framework_bindings import resource_util

    root = Path(mediapipe.__file__).parent.parent
    for needed in (_MODEL, _SHIPPED_GRAPH):
        if not (root / needed).is_file():
            raise WeightsError(
                "this mediapipe does not ship its face models",
                root / needed,
                "pip install mediapipe==0.10.14",
            )
    resource_util.set_resource_dir(str(root))
    return root


def _graph_config() -> Any:
    """Crop -> tensor -> network -> one list of floats an output."""
    # The options of the calculators are found by name once their modules are imported.
    from google.protobuf import text_format  # type: ignore[import-untyped]
    from mediapipe.calculators.core import split_vector_calculator_pb2  # noqa: F401
    from mediapipe.calculators.tensor import (
        image_to_tensor_calculator_pb2,  # noqa: F401
        inference_calculator_pb2,  # noqa: F401
    )
    from mediapipe.framework import calculator_pb2

    count = len(_OUTPUTS)
    ranges = " ".join(f"ranges {{ begin: {i} end: {i + 1} }}" for i in range(count))
    tensors = " ".join(f'output_stream: "{name}_tensor"' for name in _OUTPUTS)
    floats = "\n".join(
        f'node {{ calculator: "TensorsToFloatsCalculator"'
        f' input_stream: "TENSORS:{name}_tensor" output_stream: "FLOATS:{name}" }}'
        f' output_stream: "{name}"'
        for name in _OUTPUTS
    )
    text = f"""
    input_stream: "image"
    node {{
      calculator: "ImageToTensorCalculator"
      input_stream: "IMAGE:image" output_stream: "TENSORS:input"
      options {{ [mediapipe.ImageToTensorCalculatorOptions.ext] {{
        output_tensor_width: {SIDE} output_tensor_height: {SIDE}
        output_tensor_float_range {{ min: 0 max: 1 }} }} }}
    }}
    node {{ calculator: "TfLiteCustomOpResolverCalculator" output_side_packet: "OP_RESOLVER:ops" }}
    node {{
      calculator: "InferenceCalculatorCpu"
      input_stream: "TENSORS:input" output_stream: "TENSORS:output"
      input_side_packet: "OP_RESOLVER:ops"
      options {{ [mediapipe.InferenceCalculatorOptions.ext] {{
        model_path: "{_MODEL}" delegate {{ xnnpack {{ num_threads: 1 }} }} }} }}
    }}
    node {{
      calculator: "SplitTensorVectorCalculator" input_stream: "output" {tensors}
      options {{ [mediapipe.SplitVectorCalculatorOptions.ext] {{ {ranges} }} }}
    }}
    {floats}
    """
    return text_format.Parse(text, calculator_pb2.CalculatorGraphConfig())


def _read_refinements(root: Path) -> dict[str, _Refinement]:
    """The index tables of the refined outputs, out of the graph that mediapipe ships."""
    from mediapipe.calculators.util import landmarks_refinement_calculator_pb2 as options_pb2
    from mediapipe.framework import calculator_pb2
    from mediapipe.python._framework_bindings import validated_graph_config

    shipped = validated_graph_config.ValidatedGraphConfig()
    shipped.initialize(binary_graph_path=str(root / _SHIPPED_GRAPH))
    config = calculator_pb2.CalculatorGraphConfig()
    config.ParseFromString(shipped.binary_config)
    (node,) = (n for n in config.node if n.calculator == "LandmarksRefinementCalculator")
    tables = node.options.Extensions[options_pb2.LandmarksRefinementCalculatorOptions.ext]
    return {
        name: _Refinement(
            tuple(table.indexes_mapping),
            tuple(table.z_refinement.assign_average.indexes_for_average),
        )
        for name, table in zip(_OUTPUTS[1:-1], tables.refinement[1:], strict=True)
    }
