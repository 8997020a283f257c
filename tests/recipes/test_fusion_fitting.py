"""Calibration and fusion are fitted: ratios mean what they say, on made scores of known ratio."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from recipe_helpers import recipe_modules

SHIFT = 2.0  # of a normal score between the classes: its true ratio is 2 x - 2


@pytest.fixture(scope="module")
def fitting() -> Iterator[Any]:
    with recipe_modules("fusion", ["fitting"]) as modules:
        yield modules["fitting"]


def table(fitting: Any, files: int, seed: int = 0, second: float = 1.0) -> Any:
    rng = np.random.default_rng(seed)
    synthetic = np.arange(files) % 2 == 0
    scores = rng.standard_normal((files, 2)) + np.outer(synthetic, [SHIFT, second])
    groups = tuple(f"p{n % 201}" for n in range(files))
    families = tuple(f"f{n % 3}" if s else "real" for n, s in enumerate(synthetic))
    return fitting.Table(("a", "b"), scores, synthetic, groups, families)


def fused(fitting: Any, made: Any) -> Any:
    members = [fitting.fit_member(made.scores[:, k], made) for k in range(2)]
    ratios = np.stack([m.ratio(made.scores[:, k]) for k, m in enumerate(members)], axis=1)
    return fitting.fit_part(made, ratios), ratios


def test_a_member_learns_the_true_ratio(fitting: Any) -> None:
    made = table(fitting, 4000)
    member = fitting.fit_member(made.scores[:, 0], made)
    assert member.slope == pytest.approx(SHIFT, rel=0.15)
    assert member.offset == pytest.approx(-SHIFT, rel=0.2)


def test_what_lies_beyond_the_scores_seen_counts_as_their_edge(fitting: Any) -> None:
    made = table(fitting, 400)
    member = fitting.fit_member(made.scores[:, 0], made)
    assert member.ratio(1e9) == member.ratio(member.high) < 8.0
    assert member.ratio(-1e9) == member.ratio(member.low)


def test_abstentions_do_not_disturb_a_fit(fitting: Any) -> None:
    made = table(fitting, 2000)
    holes = made.scores[:, 0].copy()
    holes[::3] = np.nan
    member = fitting.fit_member(holes, made)
    assert member.slope == pytest.approx(SHIFT, rel=0.15)


def test_two_independent_members_add_up(fitting: Any) -> None:
    part, _ = fused(fitting, table(fitting, 4000))
    assert part.weights == pytest.approx([1.0, 1.0], abs=0.2)
    assert np.std([draw[1] for draw in part.draws]) < 0.3


def test_a_member_that_knows_nothing_gets_no_weight(fitting: Any) -> None:
    part, _ = fused(fitting, table(fitting, 4000, second=0.0))
    assert abs(part.weights[0] - 1.0) < 0.1
    new = table(fitting, 2000, seed=1, second=0.0)
    assert part.members == new.members
    # Its ratios are near 0 whatever its weight is.
    member = fitting.fit_member(new.scores[:, 1], new)
    assert np.abs(part.weights[1] * member.ratio(new.scores[:, 1])).max() < 0.6


def test_a_tenfold_family_counts_like_the_others(fitting: Any) -> None:
    made = table(fitting, 300)
    many = made.rows(np.concatenate([np.arange(300), np.repeat(np.arange(0, 300, 6), 10)]))
    weights = fitting.file_weights(many)
    for family in ("f0", "f1", "f2"):
        inside = [w for w, f in zip(weights, many.families, strict=True) if f == family]
        assert sum(inside) == pytest.approx(1 / 6)
    assert weights.sum() == pytest.approx(1.0)


def test_thresholds_hold_for_new_real_files(fitting: Any) -> None:
    rng = np.random.default_rng(0)
    passed = []
    for _ in range(200):
        people = np.array([f"p{n}" for n in range(199)])
        limits = fitting.conformal_thresholds(rng.standard_normal(199), people)
        passed.append(np.mean(rng.standard_normal(2000) >= limits["0.01"]))
    assert 0.006 < np.mean(passed) < 0.0115
    assert "0.001" not in limits and "0.005" in limits  # one in 1,000 takes 999 people


def test_many_files_of_few_people_promise_little(fitting: Any) -> None:
    scores = np.random.default_rng(0).standard_normal(2000)
    assert fitting.conformal_thresholds(scores, np.array(["a", "b", "c", "d"] * 500)) == {}


def test_few_people_teach_little(fitting: Any) -> None:
    many = table(fitting, 4000)
    few = fitting.Table(
        many.members, many.scores, many.synthetic,
        tuple(f"p{n % 4}" for n in range(len(many))), many.families,
    )  # fmt: skip
    slopes = [fitting.fit_member(t.scores[:, 0], t).slope for t in (many, few)]
    assert slopes[1] < 0.75 * slopes[0]
