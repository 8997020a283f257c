"""Save and resume a run to the same next step, in safetensors and JSON: no pickles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from avsynth.errors import InputError


def save(
    path: Path,
    step: int,
    networks: dict[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
    generator: np.random.Generator,
    notes: dict[str, Any],
) -> None:
    """Everything the next step depends on; replaced in one move, so a kill leaves the last one."""
    tensors: dict[str, Tensor] = {"torch_random": torch.get_rng_state()}
    for name, network in networks.items():
        tensors |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
    groups = {}
    for name, optimizer in optimizers.items():
        state = optimizer.state_dict()
        groups[name] = state["param_groups"]
        for slot, values in state["state"].items():
            for key, value in values.items():
                tensors[f"optimizer.{name}.{slot}.{key}"] = torch.as_tensor(value)
    header = {
        "step": step,
        "groups": groups,
        "random": generator.bit_generator.state,
        "notes": notes,
    }
    beside = path.with_suffix(".part")
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    save_file(tensors, beside, {"header": json.dumps(header)})
    beside.replace(path)


def resume(
    path: Path,
    networks: dict[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
    generator: np.random.Generator,
) -> tuple[int, dict[str, Any]]:
    """Restore what ``save`` stored; returns the step and the notes. InputError if it does not fit.

    Give ``networks`` and ``optimizers`` as they were built for the run, untrained.
    """
    try:
        with safe_open(path, framework="np") as file:  # as in weights/file.py: Ctrl-C is kept
            header = json.loads(file.metadata()["header"])
            tensors = {name: torch.from_numpy(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
        for name, network in networks.items():
            start = f"{name}."
            state = {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
            network.load_state_dict(state)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise InputError("the checkpoint does not fit this run", path, "start afresh") from error
    for name, optimizer in optimizers.items():
        start = f"optimizer.{name}."
        slots: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith(start):
                slot, value_name = key.removeprefix(start).split(".", 1)
                slots.setdefault(int(slot), {})[value_name] = value
        optimizer.load_state_dict({"state": slots, "param_groups": header["groups"][name]})
    generator.bit_generator.state = header["random"]
    torch.set_rng_state(tensors["torch_random"])
    return int(header["step"]), dict(header["notes"])
