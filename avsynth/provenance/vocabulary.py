"""C2PA and IPTC terms in plain words. The c2pa library accepts any term, so we check here.

Sources: C2PA specification 2.2, section "Actions"; IPTC NewsCodes "Digital Source Type".
"""

from __future__ import annotations

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
C2PA_TYPES = "http://c2pa.org/digitalsourcetype/"

TRAINED = IPTC + "trainedAlgorithmicMedia"
COMPOSITE = IPTC + "compositeWithTrainedAlgorithmicMedia"

ACTIONS = {
    "c2pa.addedText": "text was added",
    "c2pa.adjustedColor": "colours were adjusted",
    "c2pa.changedSpeed": "the speed was changed",
    "c2pa.color_adjustments": "colours were adjusted",
    "c2pa.converted": "converted to another format",
    "c2pa.created": "created",
    "c2pa.cropped": "cropped",
    "c2pa.deleted": "content was deleted",
    "c2pa.drawing": "drawn on",
    "c2pa.dubbed": "dubbed: speech was replaced",
    "c2pa.edited": "edited",
    "c2pa.edited.metadata": "its description was edited",
    "c2pa.enhanced": "enhanced",
    "c2pa.filtered": "a filter was applied",
    "c2pa.opened": "opened from an earlier file",
    "c2pa.orientation": "turned or mirrored",
    "c2pa.placed": "other content was placed into it",
    "c2pa.published": "published",
    "c2pa.redacted": "part of its history was removed",
    "c2pa.removed": "an ingredient was removed",
    "c2pa.repackaged": "put into another container",
    "c2pa.resized": "resized",
    "c2pa.resized.proportional": "resized in proportion",
    "c2pa.transcoded": "encoded anew",
    "c2pa.translated": "translated",
    "c2pa.trimmed": "trimmed in time",
    "c2pa.unknown": "something was done that its maker does not know",
    "c2pa.version_updated": "its credentials were updated",
    "c2pa.watermarked": "watermarked",
    "c2pa.watermarked.bound": "watermarked, tied to these credentials",
    "c2pa.watermarked.unbound": "watermarked",
}

SOURCE_TYPES = {
    IPTC + "algorithmicMedia": "made by an algorithm that was not trained on data",
    IPTC + "algorithmicallyEnhanced": "enhanced by an algorithm",
    IPTC + "composite": "put together from several sources",
    IPTC + "compositeCapture": "put together from several recordings",
    IPTC + "compositeSynthetic": "put together from recordings and synthetic parts",
    COMPOSITE: "a recording of which parts were made by a trained (AI) model",
    IPTC + "computationalCapture": "recorded, from several exposures",
    IPTC + "dataDrivenMedia": "drawn from data",
    IPTC + "digitalArt": "drawn by a person with digital tools",
    IPTC + "digitalCapture": "recorded by a digital device",
    IPTC + "digitalCreation": "made by a person with digital tools",
    IPTC + "humanEdits": "edited by a person",
    IPTC + "minorHumanEdits": "lightly edited by a person",
    IPTC + "negativeFilm": "scanned from a film negative",
    IPTC + "positiveFilm": "scanned from a film positive",
    IPTC + "print": "scanned from a print",
    IPTC + "screenCapture": "recorded from a screen",
    IPTC + "softwareImage": "made by software",
    TRAINED: "made by a trained (AI) model",
    IPTC + "virtualRecording": "recorded in a virtual scene",
    C2PA_TYPES + "empty": "empty",
    C2PA_TYPES + "trainedAlgorithmicData": "data made by a trained (AI) model",
}

# Source types that say that a trained model made some or all of the content.
SYNTHETIC_TYPES = frozenset(
    {
        TRAINED,
        COMPOSITE,
        IPTC + "compositeSynthetic",
        C2PA_TYPES + "trainedAlgorithmicData",
    }
)

# Source types that say that a device recorded the content as it is.
CAPTURE_TYPES = frozenset({IPTC + "digitalCapture", IPTC + "computationalCapture"})

RELATIONSHIPS = {
    "parentOf": "the original",
    "componentOf": "a part",
    "inputTo": "an input",
}

# Status codes of the specification that users meet; all others are shown as they are.
FAILURES = {
    "assertion.bmffHash.mismatch": "the content was changed after signing",
    "assertion.boxesHash.mismatch": "the content was changed after signing",
    "assertion.dataHash.mismatch": "the content was changed after signing",
    "assertion.hashedURI.mismatch": "a statement in the credentials was changed after signing",
    "assertion.missing": "a statement is missing from the credentials",
    "assertion.undeclared": "a statement was added to the credentials after signing",
    "claim.missing": "the credentials hold no claim",
    "claim.multiple": "the credentials hold several claims where one is allowed",
    "claim.malformed": "the credentials are malformed",
    "claim.hardBindings.missing": "the credentials are not tied to the content",
    "claimSignature.mismatch": "the signature does not match the credentials",
    "claimSignature.missing": "the signature is missing",
    "claimSignature.outsideValidity": "signed at a time when the certificate was not valid",
    "ingredient.manifest.mismatch": "the credentials of an ingredient were changed",
    "ingredient.manifest.missing": "the credentials of an ingredient were removed",
    "manifest.inaccessible": "the credentials cannot be reached",
    "signingCredential.expired": "the signer's certificate has expired",
    "signingCredential.invalid": "the signer's certificate may not sign content",
    "signingCredential.untrusted": "the signer is not known to this machine",
}

UNTRUSTED = "signingCredential.untrusted"
# Failures of an ingredient that say something about its signer or its place, not its content.
NOT_TAMPERING = frozenset({UNTRUSTED, "signingCredential.expired", "manifest.inaccessible"})


def source_type(value: str) -> str | None:
    """What a digital source type says, or None when IPTC and C2PA have no such term."""
    return SOURCE_TYPES.get(value.replace("https://", "http://", 1))


def failure(code: str) -> str:
    """A validation status code in plain words; an unfamiliar one as it is."""
    return FAILURES.get(code, f"the check {code} failed")
