"""A score file against a key file: what ``avsynth bench score`` does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from avsynth.errors import InputError, NothingToDoError, UsageError
from detectors.metrics.evaluation import Evaluation, evaluate
from detectors.metrics.key_files import read_key
from detectors.metrics.polarity import Polarity
from detectors.metrics.score_files import Ids, ScoreFile, read_asv, read_scores, to_ratios
from detectors.metrics.trials import Key


@dataclass(frozen=True)
class Settings:
    """How a score file is to be read and counted.

    ``higher_is`` None: as the score file says, else as is the custom of the key's data set.
    """

    higher_is: Polarity | None = None
    probabilities: bool = False
    split: str | None = None
    ids: Ids = "exact"
    root: Path | None = None
    draws: int = 1000
    seed: int = 0


@dataclass(frozen=True)
class Scoring:
    """The figures, and what they were computed of; ``scores`` as we count (see ``polarity``)."""

    evaluation: Evaluation
    key: Key
    scores: Mapping[str, float | None]
    higher_is: Polarity


def score_file(
    path: Path, key_path: Path, settings: Settings = Settings(), asv_path: Path | None = None
) -> Scoring:
    """Join scores and key by id and compute every figure.

    Raises:
        InputError: a file that cannot be understood, or no id in common.
        NothingToDoError: no real, or no synthetic, file has a score.
        UsageError: a split that the key does not have; probabilities outside 0..1.
    """
    key = _of_split(read_key(key_path), settings.split, key_path)
    given = read_scores(path, settings.ids, settings.root)
    _check_ids(given, key, path)
    asv = None if asv_path is None else read_asv(asv_path)
    higher_is = settings.higher_is or given.higher_is or key.higher_is
    try:
        scores = to_ratios(given.scores, higher_is, settings.probabilities)
    except ValueError as error:
        raise UsageError(str(error), path, "these are scores: leave out --probabilities") from error
    key = replace(key, notes=(*key.notes, *_notes(given, key, settings, higher_is)))
    try:
        evaluation = evaluate(scores, key, settings.draws, settings.seed, asv)
    except ValueError as error:  # t-DCF of decisions
        raise InputError(str(error), path) from error
    pooled = evaluation.left_out.pooled
    if not pooled.figures:
        which = "synthetic" if pooled.real else "real"
        raise NothingToDoError(f"no {which} file of the key has a score", path)
    if pooled.figures["auc"].value < 0.5:
        warning = "the AUC is below 0.5: is --higher-is right?"
        evaluation = replace(evaluation, notes=(*evaluation.notes, warning))
    return Scoring(evaluation, key, scores, higher_is)


def _of_split(key: Key, split: str | None, path: Path) -> Key:
    if split is None:
        return key
    if split not in key.splits:
        known = ", ".join(name or "(none)" for name in key.splits[:20])
        raise UsageError(f"the key has no split {split!r}", path, f"it has: {known}")
    return key.of_split(split)


def _check_ids(given: ScoreFile, key: Key, path: Path) -> None:
    if given.scores.keys() & {trial.file for trial in key.trials}:
        return
    one, other = next(iter(given.scores)), key.trials[0].file
    hint = f"{one!r} here, {other!r} there; see --ids and --root"
    raise InputError("no id in common with the key", path, hint)


def _notes(given: ScoreFile, key: Key, settings: Settings, higher_is: Polarity) -> Iterator[str]:
    if settings.higher_is is not None:
        why = "as told"
    elif given.higher_is is not None:
        why = "as this kind of score file has it"
    else:
        why = f"as is the custom of {key.protocol}; see --higher-is"
    yield f"higher scores in the file stand for {higher_is} ({why})"
    if settings.probabilities:
        yield "probabilities were turned into log-likelihood ratios at equal priors"
        ends = sum(score in (0.0, 1.0) for score in given.scores.values())
        if ends:
            yield (f"{ends} probabilities are exactly 0 or 1: cllr hangs on how they are rounded")
    if len(key.splits) > 1:
        yield f"splits {', '.join(key.splits)} are pooled; see --split"
