"""Add what a front end hears to a speech pack: content features of every utterance.

    python recipes/voice/listen.py --pack .packs/speech [--front-end whisper]

For configs with that front end. Whisper hears the sound as if the vocal tract were longer or
shorter (see windows.py), by -8, -4, 0, 4 and 8 half semitones; wavlm and hubert, which read
waveforms, hear it as it is. Writes NAME (copies, N, 128) float16, 50 steps a second, projected onto
the principal directions of the train speakers' states, and these, NAME_mean (768,) and
NAME_directions (768, 128), unit variance each.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from windows import stretched

from avsynth.speech import mel as mels
from avsynth.speech.content import STEP, ContentFrontEnd, WhisperContent, make
from avsynth.training import pack

WARPS = (-8, -4, 0, 4, 8)
KEPT = 128
_PAD = 8_000
_LONGEST = 27 * mels.SAMPLE_RATE


def main() -> None:
    """Hear the whole pack."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--front-end", choices=("whisper", "wavlm", "hubert"), default="whisper")
    options = parser.parse_args()
    folder, name = options.pack, options.front_end
    torch.set_num_threads(1)
    opened = pack.Pack.open(folder, ["sound"])
    front_end = make(name)
    warps = WARPS if isinstance(front_end, WhisperContent) else (0,)
    mean, directions = principal(opened, front_end)
    rows = len(opened.arrays["sound"]) // 2 + 1
    found = np.zeros((len(warps), rows, KEPT), np.float16)
    for number, clip in enumerate(opened.index.clips):
        low = (clip.start + 1) // 2
        for copy, warp in enumerate(warps):
            states = heard(opened, clip, front_end, warp)[: rows - low]
            found[copy, low : low + len(states)] = ((states - mean) @ directions).numpy()
        if number % 20 == 0:
            print(f"{number} of {len(opened.index.clips)} utterances", flush=True)
    pack.save_array(folder, name, found)
    pack.save_array(folder, f"{name}_mean", mean.numpy())
    pack.save_array(folder, f"{name}_directions", directions.numpy())


def principal(opened: pack.Pack, front_end: ContentFrontEnd) -> tuple[Tensor, Tensor]:
    """Mean and scaled principal directions of a third of the train speakers."""
    train = [clip for clip in opened.index.clips if clip.split == "train"][::3]
    states = torch.cat([heard(opened, clip, front_end, 0) for clip in train]).double()
    mean = states.mean(dim=0)
    values, vectors = torch.linalg.eigh(torch.cov((states - mean).T))
    kept = vectors[:, -KEPT:].flip(1) / values[-KEPT:].flip(0).sqrt()
    share = float(values[-KEPT:].sum() / values.sum())
    print(f"{KEPT} directions keep {share:.1%} of the variance", flush=True)
    return mean.float(), kept.float()


def heard(opened: pack.Pack, clip: pack.Clip, front_end: ContentFrontEnd, warp: int) -> Tensor:
    """States (steps, 768) of one utterance, from the first whole network step on."""
    skip = clip.start % 2
    sound = opened.rows(clip, "sound")[skip:].reshape(-1).astype(np.float32) / 32767
    pieces = [sound[at : at + _LONGEST] for at in range(0, len(sound), _LONGEST)]
    return torch.cat([_piece(piece, front_end, warp) for piece in pieces if len(piece) >= STEP])


def _piece(sound: NDArray[np.float32], front_end: ContentFrontEnd, warp: int) -> Tensor:
    if not isinstance(front_end, WhisperContent):
        whole = sound[: len(sound) // STEP * STEP]
        return front_end(whole, *[torch.empty(0)] * 3)
    mel = _warped_mel(torch.from_numpy(np.pad(sound, _PAD)), warp)
    return front_end.of_mel(mel, len(sound) // STEP)


def _warped_mel(samples: Tensor, warp: int) -> Tensor:
    """``mel.log_mel`` of a spectrum that is stretched by ``warp`` half semitones."""
    bank, window = mels._filters("cpu")
    spectrum = torch.stft(samples, mels.WINDOW, mels.HOP, window=window, return_complex=True)
    power = spectrum[:, :-1].abs() ** 2
    logarithm = (stretched(bank, warp).T @ power).clamp_min(1e-10).log10()
    return (torch.maximum(logarithm, logarithm.max() - 8.0) + 4.0) / 4.0


if __name__ == "__main__":
    main()
