"""Train a VAE, a GAN or a VAE-GAN of portraits on a pack.

    python recipes/faces/train.py --pack .packs/faces --config recipes/faces/small.yaml \
        --out runs/faces-small

Deterministic under its seed; interrupted, the same command goes on at the step of the last
checkpoint. Writes log.jsonl, checkpoint.safetensors, preview-STEP.jpg (unseen morphs, what the VAE
makes of them, and drawn people), and NAME.safetensors, the averaged network, with
NAME-discriminator.safetensors beside it, in half precision.
"""

from __future__ import annotations

from settings import Settings
from training import train

from avsynth.training.command import read_run


def main() -> None:
    """Train, or go on training."""
    told = read_run(__doc__)
    train(Settings.model_validate(told.values), told.pack, told.out, told.device)


if __name__ == "__main__":
    main()
