"""What reading a file's Content Credentials found, as plain values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from avsynth.errors import ExitCode
from avsynth.provenance import vocabulary

State = Literal["none", "valid", "trusted", "untrusted", "invalid"]


@dataclass(frozen=True)
class ActionSeen:
    """One action that the credentials state.

    Attributes:
        action: the term as written; words: in plain words.
        known: whether C2PA has such a term, or it is a vendor's own, properly prefixed.
        source_type, source_words: the digital source type and its meaning (None: not stated, or
            no such term; then ``source_known`` is False).
    """

    action: str
    words: str
    known: bool
    source_type: str | None
    source_words: str | None
    source_known: bool
    software: str | None
    when: str | None
    description: str | None


@dataclass(frozen=True)
class IngredientSeen:
    """A file that this one was made from.

    ``state`` is that of the ingredient's own credentials: ``none`` when it had none, ``invalid``
    when they, or the ingredient under them, were tampered with. ``synthetic``: they say that a
    trained model made some or all of it. ``signed_by``: None when ``invalid``.
    """

    title: str
    relationship: str
    state: State
    problems: tuple[str, ...]
    signed_by: str | None
    synthetic: bool
    ingredients: tuple[IngredientSeen, ...]

    def walk(self) -> Iterator[IngredientSeen]:
        """This ingredient and all below it."""
        yield self
        for ingredient in self.ingredients:
            yield from ingredient.walk()


@dataclass(frozen=True)
class CredentialReport:
    """Everything that ``read`` found.

    Attributes:
        state: ``none``; ``invalid`` (tampered with, or broken); else the content is as it was
            signed, and the signer is ``trusted`` (chains to a root on this machine) or
            ``untrusted``; ``valid`` where the library judged the content but not the signer.
        signed_by, issuer, serial, signed_at: of the signer's certificate and the time stamp; None
            when the state is ``invalid``, as nothing then proves them (``claimed_by`` has the
            name). The name is proven when ``trusted``, else anyone can have taken it.
        claimed_by: the name that the credentials give for their signer, whatever the state.
        ours: signed by the chain that this machine made for itself.
        signed_at: ISO 8601; None too when there is no time stamp, as in our own files.
        consent: the assertion with the hash of the consent record, when there is one.
        making: models and inputs with hashes, when avsynth made the file.
        problems: in plain words, those of ingredients included.
        where: "embedded", "sidecar" or None; sidecar: its path.
        remote: address at which the file says that its credentials are; never looked up.
    """

    path: str
    state: State
    signed_by: str | None = None
    claimed_by: str | None = None
    issuer: str | None = None
    serial: str | None = None
    ours: bool = False
    signed_at: str | None = None
    title: str | None = None
    generator: str | None = None
    actions: tuple[ActionSeen, ...] = ()
    ingredients: tuple[IngredientSeen, ...] = ()
    consent: dict[str, Any] | None = None
    making: dict[str, Any] | None = None
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    where: str | None = None
    sidecar: str | None = None
    remote: str | None = None
    seconds: float = 0.0

    @property
    def tampered_ingredients(self) -> tuple[IngredientSeen, ...]:
        """Ingredients, at any depth, whose own credentials do not hold."""
        below = [i for ingredient in self.ingredients for i in ingredient.walk()]
        return tuple(i for i in below if i.state == "invalid")

    @property
    def synthetic(self) -> bool:
        """Whether it, or a file that it was made from, is said to be made by a model in part."""
        below = (i.synthetic for ingredient in self.ingredients for i in ingredient.walk())
        return says_synthetic(self.actions) or any(below)

    @property
    def exit_code(self) -> ExitCode:
        """0, or 13 (no credentials), or 14 (invalid, or an ingredient tampered with)."""
        if self.state == "none":
            return ExitCode.NO_CREDENTIALS
        if self.state == "invalid" or self.tampered_ingredients:
            return ExitCode.CREDENTIALS_INVALID
        return ExitCode.DONE

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, with ``exit_code`` and ``synthetic``."""
        return {**asdict(self), "synthetic": self.synthetic, "exit_code": int(self.exit_code)}


def says_synthetic(actions: tuple[ActionSeen, ...]) -> bool:
    """Whether an action says that a trained model made some or all of the content."""
    return any(a.source_type in vocabulary.SYNTHETIC_TYPES for a in actions)
