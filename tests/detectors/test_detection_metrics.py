"""Metrics of detection: closed forms, independent references, and what must not change them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn import metrics as theirs

from detectors import metrics
from detectors.metrics import bootstrap, eer, operating, ranking
from detectors.metrics.ranked import Ranked
from detectors.metrics.tandem import ADCF_ASVSPOOF5, ADCF_PACKAGE, AsvErrors

EERS = (metrics.eer_official, metrics.eer_interpolated, metrics.eer_rocch,
        metrics.eer_deepfakebench)  # fmt: skip
ASV = AsvErrors(0.0, 0.02, 0.03, 0.4, 0.025)


@st.composite
def scored(draw, ties=True):
    """Scores with labels of both classes; many of them equal when ``ties``."""
    score = st.integers(-4, 4) if ties else st.integers(-(10**6), 10**6)
    reals = draw(st.lists(score, min_size=1, max_size=25, unique=not ties))
    fakes = draw(st.lists(score, min_size=1, max_size=25, unique=not ties))
    values = np.array(reals + fakes, float) / 2
    order = np.array(draw(st.permutations(range(len(values)))))
    return values[order], (np.arange(len(values)) >= len(reals))[order]


def normal(seed, reals=400, fakes=300, shift=1.5):
    rng = np.random.default_rng(seed)
    scores = np.concatenate([rng.normal(-shift, 1, reals), rng.normal(shift, 1, fakes)])
    return scores, np.arange(reals + fakes) >= reals


@settings(deadline=None, max_examples=60)
@given(scored())
def test_ranking_agrees_with_scikit_learn(case):
    scores, labels = case
    assert metrics.auc(scores, labels) == pytest.approx(theirs.roc_auc_score(labels, scores))
    precision = theirs.average_precision_score(labels, scores)
    assert metrics.average_precision(scores, labels) == pytest.approx(precision)


@settings(deadline=None, max_examples=100)
@given(scored())
def test_deepfakebench_is_what_it_computes_with_scikit_learn(case):
    scores, labels = case
    fpr, tpr, thresholds = theirs.roc_curve(labels, scores, pos_label=1)
    at = np.nanargmin(np.abs((1 - tpr) - fpr))
    point = metrics.eer_deepfakebench(scores, labels)
    assert (point.rate, point.threshold) == (pytest.approx(fpr[at]), thresholds[at])


@settings(deadline=None, max_examples=60)
@given(scored())
def test_the_official_rate_counted_one_file_at_a_time(case):
    """As the evaluation code turns it: bona fide high and first among equals, rising thresholds.

    Where two gaps are equal, rounding decides there, so it is rounded alike here.
    """
    scores, labels = case
    trials = [(-s, 0) for s, fake in zip(scores, labels, strict=True) if not fake]
    trials += [(-s, 1) for s, fake in zip(scores, labels, strict=True) if fake]
    trials.sort(key=lambda trial: trial[0])
    rejected = [trials[:k] for k in range(len(trials) + 1)]
    frr = [sum(1 - fake for _, fake in some) / (~labels).sum() for some in rejected]
    far = [sum(fake for _, fake in trials[len(some) :]) / labels.sum() for some in rejected]
    at = int(np.argmin(np.abs(np.subtract(frr, far))))
    point = metrics.eer_official(scores, labels)
    assert point.rate == pytest.approx((frr[at] + far[at]) / 2)
    assert (point.frr, point.far) == (pytest.approx(frr[at]), pytest.approx(far[at]))
    assert point.threshold == pytest.approx(-(trials[at - 1][0] if at else trials[0][0] - 0.001))


@settings(deadline=None, max_examples=60)
@given(scored())
def test_interpolated_rate_is_the_root_of_the_linear_curve(case):
    scores, labels = case
    fpr, tpr, _ = theirs.roc_curve(labels, scores, drop_intermediate=False)
    rate = metrics.eer_interpolated(scores, labels).rate
    low, high = (
        0.0,
        1.0,
    )  # bisection along the curve, whose upright pieces interp1d would stumble on
    along = np.linspace(0, 1, len(fpr))
    for _ in range(60):
        middle = (low + high) / 2
        gap = np.interp(middle, along, fpr) - (1 - np.interp(middle, along, tpr))
        low, high = (middle, high) if gap < 0 else (low, middle)
    assert rate == pytest.approx(np.interp(high, along, fpr), abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(scored())
def test_convex_hull_is_the_best_of_all_priors(case):
    """The hull's rate is the largest, over weights, of the least weighted error."""
    scores, labels = case
    curve = Ranked.of(scores, labels).roc
    weights = np.linspace(0, 1, 4001)[:, None]
    least = (weights * curve.frr + (1 - weights) * curve.far).min(1)
    hull = metrics.eer_rocch(scores, labels)
    assert hull.rate == pytest.approx(least.max(), abs=3e-4)
    assert hull.rate <= metrics.eer_interpolated(scores, labels).rate + 1e-12


@settings(deadline=None, max_examples=40)
@given(scored(), st.sampled_from([lambda x: 3 * x - 7, np.exp, lambda x: x**3, np.arctan]))
def test_monotone_maps_change_no_rank_metric(case, through):
    scores, labels = case
    mapped = through(scores)
    for metric in (metrics.auc, metrics.average_precision):
        assert metric(mapped, labels) == pytest.approx(metric(scores, labels))
    for metric in EERS:
        assert metric(mapped, labels).rate == pytest.approx(metric(scores, labels).rate)
    assert metrics.min_dcf(mapped, labels).cost == metrics.min_dcf(scores, labels).cost


@settings(deadline=None, max_examples=40)
@given(scored(ties=False))
def test_turning_everything_round_changes_nothing(case):
    scores, labels = case
    assert metrics.auc(-scores, ~labels) == pytest.approx(metrics.auc(scores, labels))
    assert metrics.auc(-scores, labels) == pytest.approx(1 - metrics.auc(scores, labels))
    for metric in (metrics.eer_interpolated, metrics.eer_rocch):
        assert metric(-scores, ~labels).rate == pytest.approx(metric(scores, labels).rate)
    assert metrics.cllr(-scores, ~labels) == pytest.approx(metrics.cllr(scores, labels))
    assert metrics.ece(-scores, ~labels) == pytest.approx(metrics.ece(scores, labels), abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(scored())
def test_the_order_of_files_is_of_no_matter(case):
    scores, labels = case
    order = np.random.default_rng(0).permutation(len(scores))
    for metric in EERS:
        assert metric(scores[order], labels[order]) == metric(scores, labels)


def test_perfect_and_useless():
    labels = np.repeat([False, True], 50)
    perfect, flat = np.repeat([-20.0, 20.0], 50), np.zeros(100)
    assert metrics.auc(perfect, labels) == metrics.average_precision(perfect, labels) == 1
    assert [metric(perfect, labels).rate for metric in EERS] == [0, 0, 0, 0]
    assert metrics.min_dcf(perfect, labels).cost == metrics.act_dcf(perfect, labels).cost == 0
    assert metrics.cllr(perfect, labels) == pytest.approx(0, abs=1e-8)
    assert metrics.auc(flat, labels) == metrics.average_precision(flat, labels) == 0.5
    assert metrics.eer_interpolated(flat, labels).rate == 0.5
    assert metrics.cllr(flat, labels) == 1 and metrics.min_dcf(flat, labels).cost == 1
    assert metrics.ece(flat, labels) == pytest.approx(0, abs=1e-12)
    assert metrics.cllr(-perfect, labels) > 20


def test_normal_scores_have_the_rates_of_the_normal_distribution():
    scores, labels = normal(0, 40_000, 40_000, shift=1.0)
    assert metrics.auc(scores, labels) == pytest.approx(0.92135, abs=0.002)  # Phi(sqrt 2)
    for metric in EERS:
        assert metric(scores, labels).rate == pytest.approx(0.15866, abs=0.003)  # Phi(-1)
    point = metrics.eer_official(scores, labels)
    assert (point.frr, point.far) == (pytest.approx(0.1587, abs=0.003),) * 2
    assert point.threshold == pytest.approx(0, abs=0.03)
    ratios = 2 * scores  # of two unit normals at -1 and 1
    assert metrics.ece(ratios, labels) < 0.01 < metrics.ece(4 * ratios, labels)
    assert metrics.act_dcf(ratios, labels).cost == pytest.approx(
        metrics.min_dcf(ratios, labels).cost, rel=0.03
    )


def test_costs_against_all_thresholds_tried():
    scores, labels = normal(1, 60, 50, shift=0.7)
    tries = np.concatenate([np.sort(scores), [np.inf]])
    frr = np.array([(scores[~labels] >= t).mean() for t in tries])
    far = np.array([(scores[labels] < t).mean() for t in tries])
    wanted = (0.95 * frr + 0.5 * far).min() / 0.5
    assert metrics.min_dcf(scores, labels).cost == pytest.approx(wanted)
    actual = metrics.act_dcf(scores, labels)
    assert actual.threshold == pytest.approx(np.log(1.9))
    called = scores >= np.log(1.9)
    by_hand = (0.95 * called[~labels].mean() + 0.5 * (~called[labels]).mean()) / 0.5
    assert actual.cost == pytest.approx(by_hand) and actual.cost >= wanted
    c0 = 0.9405 * 0.03 + 0.0095 * 10 * 0.02
    c1, c2 = 0.9405 - c0, 0.05 * 10 * 0.6
    revised = metrics.min_tdcf(scores, labels, ASV)
    least = (c0 + c1 * frr + c2 * far).min() / (c0 + min(c1, c2))
    assert revised.cost == pytest.approx(least)
    assert (revised.c0, revised.c1, revised.c2) == pytest.approx((c0, c1, c2))
    legacy = metrics.min_tdcf_legacy(scores, labels, ASV)
    assert legacy.cost == pytest.approx((c1 * frr + c2 * far).min() / min(c1, c2))
    assert legacy.c0 == 0


def test_cllr_by_hand():
    scores, labels = np.array([-1.0, 0.5, 2.0]), np.array([False, False, True])
    reals = (np.log2(1 + np.exp(-1)) + np.log2(1 + np.exp(0.5))) / 2
    assert metrics.cllr(scores, labels) == pytest.approx((reals + np.log2(1 + np.exp(-2))) / 2)


def test_tandem_cost_wants_scores_and_a_verifier_that_is_of_use():
    scores, labels = normal(2, 20, 20)
    with pytest.raises(ValueError, match="decisions"):
        metrics.min_tdcf(np.sign(scores), labels, ASV)
    with pytest.raises(ValueError, match="negative"):
        metrics.min_tdcf_legacy(scores, labels, AsvErrors(0, 1.0, 1.0, 0.4, 0.5))


def test_agnostic_cost_against_all_thresholds_tried():
    rng = np.random.default_rng(3)
    own, other, spoof = (rng.normal(mean, 1, 40) for mean in (2, -2, 0.5))
    tries = np.concatenate([np.concatenate([own, other, spoof]), [-np.inf, np.inf]])
    for costs in (ADCF_ASVSPOOF5, ADCF_PACKAGE):
        paid = [
            costs.miss * costs.target * (own <= t).mean()
            + costs.nontarget_accepted * costs.nontarget * (other > t).mean()
            + costs.spoof_accepted * costs.spoof * (spoof > t).mean()
            for t in tries
        ]
        everybody = costs.nontarget_accepted * costs.nontarget + costs.spoof_accepted * costs.spoof
        cost, threshold = metrics.min_adcf(own, other, spoof, costs)
        assert cost == pytest.approx(min(paid) / min(everybody, costs.miss * costs.target))
        assert threshold == pytest.approx(tries[int(np.argmin(paid))])
    first, second = (
        metrics.min_adcf(own, other, spoof, c)[0] for c in (ADCF_ASVSPOOF5, ADCF_PACKAGE)
    )
    assert first != pytest.approx(second)
    assert metrics.min_adcf([5.0, 6.0], [-1.0], [0.0], ADCF_PACKAGE) == (0, 0)


def test_calibration_is_free_of_how_many_fakes_there_are():
    scores, labels = normal(4, 30_000, 3_000, shift=1.0)
    ratios = 2 * scores
    bins = metrics.reliability(ratios, labels)
    assert sum(each.weight for each in bins) == pytest.approx(1)
    assert sum(each.files for each in bins) == len(scores)
    assert metrics.ece(ratios, labels) < 0.02
    assert metrics.ece(ratios, labels, prior=None) < 0.02
    assert metrics.ece(ratios + 2, labels) > 0.1
    plain = np.abs(  # the textbook's, on probabilities at the set's own share
        [b.weight * (b.predicted - b.observed) for b in metrics.reliability(ratios, labels, None)]
    )
    probability = 1 / (1 + np.exp(-(ratios + np.log(1 / 10))))
    place = np.minimum((probability * 15).astype(int), 14)
    wanted = [
        (place == b).mean() * abs(probability[place == b].mean() - labels[place == b].mean())
        for b in range(15)
    ]
    assert np.nansum(plain) == pytest.approx(np.nansum(wanted))


def test_operating_points():
    reals = np.arange(1000) / 1000
    at = metrics.threshold_at_fpr(reals, 0.01)
    assert (reals >= at).sum() == 10 and reals[989] < at < reals[990]
    assert (np.ones(200) >= metrics.threshold_at_fpr(np.ones(200), 0.01)).sum() == 0
    with pytest.raises(ValueError, match="99 real files"):
        metrics.threshold_at_fpr(reals[:99], 0.01)
    scores = np.concatenate([reals, [0.5, 0.995, 2.0]])
    labels = np.arange(1003) >= 1000
    point = metrics.operating_point(scores, labels, 0.01)
    assert (point.alarms, point.caught, point.fpr) == (10, 2, 0.01)
    assert point.tpr == pytest.approx(2 / 3)
    fixed = metrics.operating_point(scores, labels, 0.01, threshold=0.5)
    assert (fixed.threshold, fixed.alarms, fixed.caught) == (0.5, 500, 3)
    assert operating.enough_for(0.001, 1000) and not operating.enough_for(0.001, 999)


@pytest.mark.parametrize(("hits", "of"), [(0, 30), (3, 30), (30, 30)])
def test_exact_intervals_are_those_of_scipy(hits, of):
    wanted = binomtest(hits, of).proportion_ci(0.95, "exact")
    assert operating.binomial_interval(hits, of) == pytest.approx((wanted.low, wanted.high))


def test_a_bootstrap_is_the_metric_on_what_was_drawn():
    scores, labels = normal(5, 30, 20, shift=0.5)
    ranked = Ranked.of(scores, labels)
    counts = np.random.default_rng(0).integers(0, 4, len(scores))
    again = Ranked.of(np.repeat(ranked.scores, counts), np.repeat(ranked.synthetic, counts))
    drawn = ranked.resampled(counts)
    assert ranking.auc_of(drawn) == ranking.auc_of(again)
    assert eer.official_of(drawn) == eer.official_of(again)


def test_intervals_by_file_cover_as_often_as_they_say():
    true, hits = 0.7602, 0  # Phi(1 / sqrt 2), of normals one apart
    for seed in range(60):
        scores, labels = normal(seed, 100, 100, shift=0.5)
        found = bootstrap.by_file(scores, labels, {"auc": ranking.auc_of}, 120, seed)["auc"]
        hits += found.low <= true <= found.high
    assert 50 <= hits <= 60


def test_intervals_by_person_are_wider_when_files_of_a_person_are_alike():
    rng = np.random.default_rng(6)
    people = np.repeat(np.arange(12), 40)
    labels = np.tile(np.repeat([False, True], 20), 12)
    scores = 2.0 * labels + 2 * rng.normal(size=12)[people] + 0.3 * rng.normal(size=480)
    names = [f"p{number}" for number in people]
    statistic = {"auc": ranking.auc_of}
    files = bootstrap.by_file(scores, labels, statistic, 200, 0)["auc"]
    persons = bootstrap.by_person(scores, labels, names, statistic, 200, 0)["auc"]
    assert persons.units == 12 and persons.draws == 200
    assert persons.high - persons.low > 1.5 * (files.high - files.low)
    assert bootstrap.by_person(scores, labels, names, statistic, 200, 0)["auc"] == persons
    assert bootstrap.by_person(scores, labels, names, statistic, 200, 1)["auc"] != persons
    with pytest.raises(ValueError, match="two"):
        bootstrap.by_person(scores, labels, ["one"] * 480, statistic, 10, 0)


def test_draws_that_miss_a_class_are_counted_out():
    scores, labels = np.array([0.0, 1.0, 2.0]), np.array([False, False, True])
    found = bootstrap.by_person(scores, labels, list("abc"), {"auc": ranking.auc_of}, 100, 0)
    assert 30 < found["auc"].draws < 100


def test_fakes_against_their_originals():
    found = metrics.share_above_original([1, 2, 3, 0], [0, 2, 1, 1], ["a", "b", "a", "c"])
    assert (found.pairs, found.above, found.ties, found.originals) == (4, 2, 1, 3)
    assert found.share == 0.5 and found.interval.low < 0.5 < found.interval.high
    assert metrics.share_above_original([1], [0], ["a"]).interval is None
    with pytest.raises(ValueError, match="no fake"):
        metrics.share_above_original([], [], [])


def test_same_source_auc_does_not_profit_from_the_source():
    rng = np.random.default_rng(7)
    sources = np.repeat(np.arange(20), 10)
    labels = rng.random(200) < np.where(sources < 10, 0.2, 0.8)
    scores = 5.0 * (sources >= 10) + rng.normal(size=200)
    found = metrics.same_source_auc(scores, labels, [str(s) for s in sources])
    assert metrics.auc(scores, labels) > 0.7
    assert found.value == pytest.approx(0.5, abs=0.1)
    assert found.sources + found.left_out == 20 and found.interval.units == found.sources
    two = metrics.same_source_auc([0, 1, 5, 4, 9], [0, 1, 0, 1, 1], ["a", "a", "b", "b", "c"])
    assert (two.value, two.sources, two.left_out) == (0.5, 2, 1)
    with pytest.raises(ValueError, match="no source"):
        metrics.same_source_auc([0, 1], [0, 1], ["a", "b"])


def test_the_door():
    assert metrics.from_polarity([1.0, -2.0], "bona-fide").tolist() == [-1, 2]
    assert metrics.from_polarity([1.0, -2.0], "synthetic").tolist() == [1, -2]
    assert metrics.from_celeb_df(["1", "0"]).tolist() == [False, True]
    with pytest.raises(ValueError, match="'2'"):
        metrics.from_celeb_df(["1", "2"])
    ratios = metrics.from_probability([0, 1e-300, 0.5, 0.75, 1])
    assert np.isfinite(ratios).all() and (np.diff(ratios) > 0).all()
    assert ratios[2:4] == pytest.approx([0, np.log(3)])
    assert metrics.from_probability([0.2], prior=0.2) == pytest.approx(0)
    with pytest.raises(ValueError, match="outside"):
        metrics.from_probability([1.1])
    with pytest.raises(ValueError, match="outside"):
        metrics.from_probability([float("nan")])


def test_frames_become_videos():
    assert metrics.pool([1.0, 3.0]) == 2 and metrics.pool([1.0, 3.0], "max") == 3
    both = metrics.pool([0.0, np.log(3)], "mean-probability")
    assert both == pytest.approx(np.log(0.625 / 0.375))
    assert metrics.pool([-50.0], "mean-probability") == pytest.approx(-50)
    assert metrics.pool([]) is None


@pytest.mark.parametrize(
    ("scores", "labels", "said"),
    [
        ([1.0, np.nan], [0, 1], "finite"),
        ([1.0, np.inf], [0, 1], "finite"),
        ([1.0, 2.0], [1, 1], "without a real"),
        ([1.0, 2.0], [0, 0], "without a real"),
        ([], [], "without a real"),
        ([1.0, 2.0], [0, 1, 1], "2"),
    ],
)
def test_what_no_metric_takes(scores, labels, said):
    for metric in (metrics.auc, metrics.eer_official, metrics.cllr, metrics.min_dcf):
        with pytest.raises(ValueError, match=said):
            metric(scores, labels)
