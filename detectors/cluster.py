"""Files scanned on a cluster: the same look at each as in the process pool of one machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from avsynth.cluster import storage
from avsynth.cluster.engine import Cluster, NotHere, alive, run
from avsynth.errors import InputError
from detectors.options import ScanOptions
from detectors.pool import Outcome, look
from detectors.report import html
from detectors.scan import Scanner
from detectors.stored import sendable, told_of, unreachable, with_data
from detectors.verdict import Verdict
from detectors.walk import Item, state_of


def scan_on(
    cluster: Cluster, items: Iterable[Item], options: ScanOptions, pages: Path | None,
    patience: float,
) -> Iterator[Outcome]:  # fmt: skip
    """Each item with its verdict, None where it proved to be no media; as they are done.

    Args:
        cluster: where.
        items: read only as far ahead as there are workers.
        options: of the scan.
        pages: a folder of this machine that a page of each file goes into.
        patience: seconds without progress after which a file is given up.

    Raises:
        AvsynthError: what no file can be scanned without is missing, such as weights.
        ResourceError: the cluster cannot be used.
    """
    make = partial(_make, options, pages is not None)
    errands = (_errand(item) for item in items)
    for done in run(cluster, make, errands, patience=patience, instead=_sent):
        item, found = done.unit.item, done.result
        if done.lost is not None:
            found = unreachable(item, InputError(done.lost), options.settings())
        elif found is not None:
            found = told_of(item, found)
        if found is not None and pages is not None:
            html.write(found, pages / html.page_name(found))
        yield item, found


@dataclass(frozen=True, slots=True)
class _Errand:
    """An item, and the path by which a worker, which is in another folder, would know it."""

    item: Item
    path: str


def _errand(item: Item) -> _Errand:
    if storage.is_url(item.path):
        return _Errand(sendable(item), item.path)
    return _Errand(replace(item, state=state_of(item.path)), str(Path(item.path).absolute()))


def _sent(errand: _Errand) -> _Errand:
    return _Errand(with_data(errand.item), errand.path)


def _make(options: ScanOptions, pictures: bool) -> Callable[[_Errand], Verdict | None]:
    """What a worker does with an errand, its networks loaded; "pictures": sends those, too."""
    scanner = Scanner(options, threads=1)
    scanner.load()
    return partial(_look, scanner, pictures)


def _look(scanner: Scanner, pictures: bool, errand: _Errand) -> Verdict | None:
    item = errand.item
    if not storage.is_url(item.path) and item.data is None and item.lost is None:
        if state_of(errand.path) != item.state:
            raise NotHere
        item = replace(item, path=errand.path)
    found = look(scanner, item, None, lambda step: alive())
    return found if found is None or pictures else _without_pictures(found)


def _without_pictures(verdict: Verdict) -> Verdict:
    """A thousandth of the size: a line of JSON has no pictures and spectrograms."""
    return replace(
        verdict,
        evidence=tuple(
            replace(
                each,
                frames=tuple(replace(m, picture=_NO_PICTURE, heat=None) for m in each.frames),
                sounds=tuple(replace(m, spectrogram=_NO_SOUND, heat=None) for m in each.sounds),
            )
            for each in verdict.evidence
        ),
    )


_NO_PICTURE: Final = np.zeros((0, 0, 3), np.uint8)
_NO_SOUND: Final = np.zeros((0, 0), np.float32)
