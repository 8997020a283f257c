"""Train a voice network (and its discriminator) on the speech pack.

    python recipes/voice/train.py --pack .packs/speech --config recipes/voice/small.yaml \
        --out runs/voice-small

Needs torch, numpy, scipy, safetensors, pydantic and PyYAML, and the weights of the speaker encoder.
Deterministic under its seed; interrupted, the same command goes on at the step of the last
checkpoint. Writes log.jsonl, checkpoint.safetensors, preview-STEP.png (spectra of held-out
speakers: truth, made, converted) and NAME.safetensors in half precision (the averaged network),
with NAME-discriminator.safetensors beside it where there is one.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from settings import Settings
from torch import Tensor
from trainer import Trainer
from windows import Windows

from avsynth.models.voice import STACK, VoiceNetwork, sung
from avsynth.training.command import read_run
from avsynth.training.run import Run
from avsynth.training.seeds import seed_everything
from avsynth.weights import file as weights_file

_VALIDATED = 4  # seconds of each held-out speaker


def main() -> None:
    """Train, or go on training."""
    run = read_run(__doc__)
    train(Settings.model_validate(run.values), run.pack, run.out, run.device)


def train(settings: Settings, folder: Path, out: Path, device: str = "cpu") -> Path:
    """The whole run; returns the network's file."""
    torch.set_num_threads(settings.threads)
    seed_everything(settings.seed)
    widest = max(settings.target_warp, settings.content_warp)
    windows, held_out = (
        Windows(folder, settings.network, widest, settings.speaker, split)
        for split in ("train", "dev")
    )
    trainer = Trainer(settings, windows, device)
    noise = torch.Generator()
    run = Run(
        settings.name, out, settings.steps, settings.validate_every,
        trainer.networks, trainer.optimizers, patience=settings.patience,
    )  # fmt: skip
    length = round(settings.seconds * windows.pack.index.rate) // STACK
    batches = windows.batches(
        settings.batch, length, settings.seed, run.step, settings.target_warp,
        settings.content_warp,
    )  # fmt: skip
    for step in run.steps():
        noise.manual_seed(settings.seed * 10_000_019 + step)
        terms = trainer.step(next(batches), step, noise)
        run.log(terms)
        if not run.due:
            continue
        scores = validate(trainer.ema.average, held_out, out / f"preview-{step:06d}.png", device)
        run.validated(scores)
        run.better(scores["l1"])
        write(trainer, run.final, statement(settings, windows, step, run.seconds, scores))
        run.save()
    return run.final


@torch.inference_mode()
def validate(
    network: VoiceNetwork, windows: Windows, preview: Path, device: str
) -> dict[str, float]:
    """Held-out speakers: L1 of reconstructions, how lively they are, what the latent costs."""
    count = len(windows.clips)
    clips, none = np.arange(count), np.zeros(count, np.int64)
    steps = _VALIDATED * windows.pack.index.rate // STACK
    starts = np.array([-windows.clips[c].start % STACK + 4 for c in clips])
    batch = {k: v.to(device) for k, v in windows.batch(clips, starts, steps, none, none).items()}
    mean, variance = network.encode_projected(batch["content"])
    truth, speaker = batch["truth"], batch["speaker"]
    pitch = sung(batch["pitch"], network.config.spectrum)
    made = network.decode(mean, pitch, batch["energy"], speaker)
    other = network.decode(mean, pitch, batch["energy"], speaker.roll(1, 0))
    rows = [torch.cat([x[i] for x in (truth, made, other)], dim=1) for i in range(min(8, count))]
    sheet = ((torch.cat([row.flip(0) for row in rows]) + 11.5) * (255 / 14)).clamp(0, 255)
    cv2.imwrite(str(preview), sheet.cpu().numpy().astype(np.uint8))
    nats = 0.5 * (mean**2 + variance.exp() - 1 - variance)
    scores = {
        "l1": (made - truth).abs().mean(),
        "variance_ratio": _liveliness(made) / _liveliness(truth),
        "nats": nats.sum(dim=2).mean(),
    }
    return {name: round(float(value), 4) for name, value in scores.items()}


def _liveliness(mel: Tensor) -> Tensor:
    """Mean size of the change from step to step."""
    return (mel[..., 1:] - mel[..., :-1]).abs().mean()


def write(trainer: Trainer, path: Path, data: dict[str, object]) -> None:
    """The network, and beside it the discriminator where there was one."""
    weights_file.write(path, "voice", trainer.ema.average, trainer.settings.network, {}, data)
    if trainer.settings.variant == "vae_gan":
        judge, suffix = trainer.judge, "discriminator"
        named = data | {"name": f"{data['name']}-{suffix}"}
        beside = path.with_name(f"{path.stem}-{suffix}.safetensors")
        weights_file.write(beside, "patch-discriminator", judge, judge.config, {}, named)


def statement(
    settings: Settings, windows: Windows, step: int, seconds: float, scores: dict[str, float]
) -> dict[str, object]:
    """What the weights were made of, for their metadata."""
    return {
        "name": settings.name,
        "purpose": settings.purpose,
        "licence": settings.licence,
        "data": sorted({clip.licence for clip in windows.clips}),
        "speakers": len({clip.person for clip in windows.clips}),
        "minutes_of_speech": round(sum(clip.rows for clip in windows.clips) / 6_000, 1),
        "speaker_encoder": Path(settings.speaker).stem if settings.network.embedding else "none",
        "variant": settings.variant,
        "steps": step,
        "minutes": round(seconds / 60, 1),
        "seed": settings.seed,
        "validation": scores,
    }


if __name__ == "__main__":
    main()
