"""The command line that every recipe's training shares."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml


@dataclass(frozen=True)
class Run:
    """What a training is told: the values of its config file, overrides included, and places."""

    values: dict[str, Any]
    pack: Path
    out: Path
    device: str


def read_run(description: str | None) -> Run:
    """Parse ``--pack --config --out [--device] [--set KEY=VALUE ...]``, values in YAML."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="override")
    options = parser.parse_args()
    values = yaml.safe_load(options.config.read_text("utf-8"))
    values |= {k: yaml.safe_load(v) for k, _, v in (pair.partition("=") for pair in options.set)}
    return Run(values, options.pack, options.out, options.device)
