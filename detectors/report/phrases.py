"""The fixed sentences of a report."""

from __future__ import annotations

from detectors.verdict import Answer

SUBJECTS: dict[str, str] = {
    "face": "Face",
    "voice": "Voice",
    "sync": "Agreement of face and voice",
    "file": "The file itself",
}

#: The same where there is little room.
SHORT: dict[str, str] = SUBJECTS | {"sync": "Agreement", "file": "File"}

HEADLINES: dict[Answer, str] = {
    "synthetic": "Signs of synthesis found",
    "not-detected": "No signs of synthesis found",
    "inconclusive": "Inconclusive",
    "unreadable": "The file could not be examined",
}

ANSWERS: dict[Answer, str] = {
    "synthetic": "synthetic",
    "not-detected": "not detected",
    "inconclusive": "inconclusive",
    "unreadable": "unreadable",
}

CAUTIONS: dict[Answer, str] = {
    "synthetic": "This is the result of a statistical test, and such a test can be wrong. It does "
    "not say who made the file, with what intent, or that every part of it is synthetic.",
    "not-detected": "This is no proof that the file is authentic: methods that the detectors do "
    "not know, or strong compression, can leave nothing that they would find.",
    "inconclusive": "The file may or may not be synthetic; what could be examined does not settle "
    "it.",
    "unreadable": "Nothing is said about the file, in either direction.",
}

LIMITS: tuple[str, ...] = (
    "The detectors recognise traces of methods like those they were trained on. A method that is "
    "new to them can go unnoticed, and a real recording that is unlike all they have seen can "
    "stand out.",
    "Scores were calibrated on generators that the detectors had not seen, but on few people and "
    "few recording conditions; for other material the stated rates are estimates.",
    "Recompression, small pictures, noise and editing weaken or remove traces. Filters, "
    "beautification and noise suppression are not synthesis, and can look like it.",
    "A video is sampled, not read frame by frame: something very short can lie between samples.",
    "Heat maps and marked stretches show where a detector responded, which need not be all that "
    "was changed, nor only that.",
    "Missing Content Credentials are no evidence of anything, and valid ones say what the signer "
    "stated, not that it is true.",
    "A finding of this kind should not be the only ground for a decision about a person.",
)

GLOSSARY: tuple[tuple[str, str], ...] = (
    (
        "Log-likelihood ratio (score)",
        "How much more probable the findings are if something in the file was synthesised than if "
        "nothing was, as a natural logarithm: 0 favours neither, +2.3 is ten to one for synthesis, "
        "\u22122.3 ten to one against. It is not the probability that the file is synthetic; that "
        "depends also on what else is known of the case.",
    ),
    (
        "95 % interval",
        "Where the score would lie in 95 of 100 repetitions with other material of the same kind. "
        "A wide interval means that the score rests on little.",
    ),
    (
        "Operating point",
        "The share of real files that one accepts to be called synthetic by mistake. It sets the "
        "threshold: the score from which on a file is called synthetic.",
    ),
    (
        "Inconclusive",
        "There was too little to go by, or the findings lie where real and synthetic files cannot "
        "be told apart.",
    ),
)
