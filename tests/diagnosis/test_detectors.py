"""Detectors on samples with a known defect: healthy ones stay quiet, provoked ones are seen, small ones cannot tell."""

import numpy as np
import pytest

from caloforge.diagnosis.collapse.conditional_scale import ConditionalScale, stacked
from caloforge.diagnosis.collapse.diversity import lost_variance, near_duplicates, rare_coverage
from caloforge.diagnosis.collapse.memorisation import copies_of_training
from caloforge.diagnosis.collapse.modes import judge_modes, measure_modes
from caloforge.diagnosis.finding import ALPHA, Effect, judge
from caloforge.errors import EmptySample
from caloforge.metrics.neighbours import nearest
from caloforge.rng import stream
from caloforge.validation.finding import Status

WIDTH = 4


def mixture(n, rare, rng):
    """A wide mode at zero and a rare one far away, with labels."""
    labels = (rng.random(n) < rare).astype(np.int64)
    return rng.normal(size=(n, WIDTH)) + 5.0 * labels[:, None], labels


def test_an_effect_needs_significance_and_size():
    assert judge("t", Effect(0.3, 0.05, 100, 0.1, 0.5), "", "").status is Status.FAIL
    assert judge("t", Effect(0.05, 0.001, 100, 0.1, 0.5), "", "").status is Status.PASS
    assert judge("t", Effect(0.3, 0.3, 100, 0.1, 0.5), "", "").status is Status.CANNOT_TELL


def test_the_number_of_showers_needed_is_enough():
    effect = Effect(0.0, 1.0, 100, 0.1, 0.5)
    needed = effect.showers_needed()
    error = np.sqrt(100 / needed)
    seen = np.random.default_rng(0).normal(0.5, error, 20_000) > 2.326 * error
    assert seen.mean() == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize("kept", [3.0, 1.0, 0.5, 0.0])
def test_the_recovered_fraction_is_measured(kept):
    rng = stream(1, "modes")
    truth, labels = mixture(6000, 0.05, rng)
    made, _ = mixture(6000, 0.05 * kept, rng)
    rare = measure_modes(truth, labels, made, rng)[1]
    assert rare.ratio_interval[0] <= max(kept, 0.01)
    assert rare.ratio_interval[1] >= kept
    finding = judge_modes((rare,))[0]
    assert finding.status is (Status.PASS if kept == 1 else Status.FAIL)


def test_a_classifier_that_errs_is_corrected():
    """Modes 1.5 sigma apart: a fifth of them is taken for the other mode, the fractions are right all the same."""
    rng = stream(2, "modes")
    labels = (rng.random(8000) < 0.3).astype(np.int64)
    truth = rng.normal(size=(8000, 1)) + 1.5 * labels[:, None]
    made = rng.normal(size=(8000, 1)) + 1.5 * (rng.random(8000) < 0.3)[:, None]
    rare = measure_modes(truth, labels, made, rng)[1]
    assert 0.6 < rare.efficiency < 0.9
    assert rare.ratio == pytest.approx(1, abs=3 * rare.ratio_error)
    assert rare.ratio_error < 0.1


def test_showers_of_neither_mode_do_not_count_as_one():
    rng = stream(6, "modes")
    truth, labels = mixture(6000, 0.05, rng)
    made = np.concatenate([rng.normal(size=(5700, WIDTH)), rng.normal(size=(300, WIDTH)) + 9.5])
    common, rare = measure_modes(truth, labels, made, rng)
    assert common.ratio == pytest.approx(1, abs=0.05)
    assert rare.generated < 0.005
    assert judge_modes((rare,))[0].status is Status.FAIL


def test_too_few_showers_of_a_rare_mode_cannot_tell():
    rng = stream(3, "modes")
    truth, labels = mixture(4000, 0.01, rng)
    made, _ = mixture(300, 0.01, rng)
    finding = judge_modes(measure_modes(truth, labels, made, rng))[1]
    assert finding.status is Status.CANNOT_TELL
    assert finding.needed > 300
    with pytest.raises(EmptySample, match="each mode"):
        measure_modes(truth[:50], np.append(labels[:49] * 0, 1), made, rng)


def test_mode_intervals_cover_the_truth():
    covered = 0
    for trial in range(40):
        rng = stream(trial, "coverage")
        truth, labels = mixture(2000, 0.05, rng)
        made, _ = mixture(1500, 0.05, rng)
        low, high = measure_modes(truth, labels, made, rng)[1].ratio_interval
        covered += low <= 1 <= high
    assert covered >= 34  # 95 % of 40, within three binomial errors


def test_neighbours_agree_with_all_pairs():
    rng = stream(4, "neighbours")
    x, y = rng.normal(size=(700, 3)), rng.normal(size=(600, 3))
    pairs = np.sqrt(((x[:, None] - y) ** 2).sum(-1))
    assert np.allclose(nearest(x, y, 3), np.sort(pairs, axis=1)[:, 2])
    own = np.sqrt(((x[:, None] - x) ** 2).sum(-1)) + np.diag(np.full(700, np.inf))
    assert np.allclose(nearest(x, x, same=True), own.min(axis=1), atol=1e-6)


def healthy(trial, n=1500):
    rng = stream(trial, "healthy")
    return [mixture(n, 0.03, rng)[0] for _ in range(3)]


def diversity(reference, control, generated):
    names = tuple(f"t{k}" for k in range(WIDTH))
    return (
        rare_coverage(reference, control, generated),
        near_duplicates(control, generated),
        *lost_variance(control, generated, names),
        *copies_of_training(reference, control, generated),
    )


def test_healthy_samples_rarely_alarm():
    findings = [f for trial in range(25) for f in diversity(*healthy(trial))]
    alarms = sum(f.status is Status.FAIL for f in findings)
    assert len(findings) == 125
    assert alarms <= 125 * ALPHA + 3 * np.sqrt(125 * ALPHA)


def test_a_lost_mode_leaves_the_rare_region_uncovered():
    reference, control, _ = healthy(0)
    finding = rare_coverage(reference, control, stream(9, "lost").normal(size=(1500, WIDTH)))
    assert finding.status is Status.FAIL


def test_a_generator_with_few_outputs_repeats_itself():
    _reference, control, generated = healthy(1)
    repeated = generated[stream(9, "few").integers(0, 300, 1500)]
    finding = near_duplicates(control, repeated)
    assert finding.status is Status.FAIL
    assert 50 < finding.numbers["different"] < 5000


def test_lost_variance_names_the_feature():
    _, control, generated = healthy(2)
    generated[:, 2] *= 0.6
    findings = lost_variance(control, generated, ("a", "b", "c", "d"))
    assert [f.test for f in findings if f.status is Status.FAIL] == ["Variance of c"]


def test_copies_are_seen_among_new_showers():
    reference, control, generated = healthy(3)
    generated[:150] = reference[:150] + 1e-3
    findings = copies_of_training(reference, control, generated)
    assert findings[1].status is Status.FAIL
    assert all(f.status is Status.FAIL for f in copies_of_training(reference, control, reference[:1500] + 1e-3))


def test_few_showers_cannot_tell():
    reference, control, generated = (sample[:100] for sample in healthy(4))
    assert {f.status for f in diversity(reference, control, generated)} == {Status.CANNOT_TELL}


def test_the_scale_takes_the_energy_out():
    rng = stream(5, "scale")
    energy = np.exp(rng.uniform(np.log(1e3), np.log(1e5), 20_000))
    logarithm = np.log(energy / 1e4)
    values = np.stack([3 * logarithm + (1 + 0.2 * logarithm) * rng.normal(size=20_000), np.full(20_000, np.nan)], 1)
    values[::7, 0] = np.nan
    scale = ConditionalScale.fit(values, energy)
    t = scale.apply(values, energy)
    for low, high in ((1e3, 5e3), (5e3, 2e4), (2e4, 1e5)):
        part = t[(energy > low) & (energy < high), 0]
        assert np.nanmean(part) == pytest.approx(0, abs=0.05)
        assert np.nanstd(part) == pytest.approx(1, abs=0.05)
    assert np.isnan(t[:, 1]).all()
    assert stacked({"a": np.ones((2, 1)), "b": np.ones((2, 2))})[1] == ("a", "b[0]", "b[1]")
