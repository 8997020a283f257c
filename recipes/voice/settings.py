"""The configuration of a run."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from avsynth.models.voice import VoiceConfig


class Settings(BaseModel):
    """The config file; unknown keys are errors. Weights of losses may be 0: then they are off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    purpose: Literal["commercial", "research"]
    licence: str
    network: VoiceConfig = VoiceConfig()
    variant: Literal["vae", "vae_gan"] = "vae"
    speaker: str = Field("speaker-small", description="speaker encoder, by name or path")
    steps: int = Field(6_000, gt=0)
    batch: int = Field(16, gt=0)
    seconds: float = Field(2.56, gt=0, description="length of a window")
    learning_rate: float = 1e-3
    discriminator_rate: float = 1e-3
    target_warp: int = Field(6, ge=0, description="voices are warped by so many half semitones")
    content_warp: int = Field(8, ge=0, description="what the posterior hears, by so many")
    voice_noise: float = Field(0.1, ge=0, description="of the told voice, in standard deviations")
    divergence: float = Field(0.02, description="Kullback-Leibler weight, after its warm-up")
    divergence_steps: int = Field(1_000, ge=0, description="of its warm-up")
    free_bits: float = Field(0.1, description="nats a latent value that go unpunished")
    motion: float = Field(0.5, description="L1 of the change from step to step")
    unlearn: float = Field(0.0, description="adversary that reads the speaker off the latent")
    likeness: float = Field(0.0, description="speaker encoder hears the target in a conversion")
    content: float = Field(0.0, description="a conversion keeps the latent")
    adversarial: float = Field(0.05, description="vae_gan: the discriminator, of reconstructions")
    matching: float = Field(0.5, description="vae_gan: feature matching")
    warm_up: int = Field(2_000, ge=0, description="steps before there is a discriminator")
    trust_steps: int = Field(300, gt=0, description="after which it counts in full")
    widths: tuple[int, ...] = Field((24, 48, 96), description="of the discriminator")
    bfloat16: bool = Field(True, description="of convolutions and linear layers")
    validate_every: int = Field(500, gt=0)
    patience: int = Field(10, gt=0, description="validations without a better one before stopping")
    threads: int = Field(1, gt=0, description="processor threads; more only where cores are idle")
    seed: int = 0
