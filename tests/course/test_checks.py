"""Checkers of the course: right answers pass, and what is wrong with others is said in a sentence."""

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

from caloforge.course import chapters, check, swapped_cables
from caloforge.course.swapped import swapped_rows
from caloforge.errors import EmptySample

NUMBERS = [page.number for page in chapters()]


def _images(energy):
    return energy.reshape(-1, 15, 8, 9)


def _mean(values):
    return np.mean(values), np.std(values, ddof=1) / np.sqrt(len(values))


def _independent(first, second):
    return np.mean(second) - np.mean(first), np.hypot(_mean(first)[1], _mean(second)[1])


_SECOND = {
    "expectation": _mean,
    "difference_independent": _independent,
    "difference_common": lambda first, second: _mean(second - first),
    "gain": 4.0,
}
_THIRD = {
    "rate": lambda mean, std: 0.5 * (mean**2 + std**2 - 1 - 2 * np.log(std)).sum(1),
    "total_variance": lambda mean, std: (std**2).mean(0) + mean.var(0),
    "worst": 0.01,
}
_FOURTH = {
    "rank": lambda observed, drawn: (drawn < observed[:, None]).mean(1),
    "tail_probability": lambda observed, drawn: (1 + (drawn >= observed[:, None]).sum(1)) / (drawn.shape[1] + 1),
    "interval": lambda drawn, level: tuple(np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=1)),
    "tampered": swapped_rows(80)[::-1],
}


def _slopes(critic, points):
    points = points.clone().requires_grad_()
    return torch.autograd.grad(critic(points).sum(), points)[0].norm(dim=1)


def _distance(critic, real, fake):
    return (critic(real).mean() - critic(fake).mean()) / _slopes(critic, (real + fake) / 2).mean()


def _keep(rare, true_share, shown_share):
    a = np.where(rare, true_share / shown_share, (1 - true_share) / (1 - shown_share))
    return a / a.max()


def _least(s):
    return 0.5 * (s**2 - 1) - np.log(s)


_FIFTH = {"slopes": _slopes, "distance": _distance, "measured": 1.95, "value": -2 * np.log(2)}
_SIXTH = {"upper_limit": lambda n: 1 - 0.05 ** (1 / n), "keep_probability": _keep, "share": 0.011}
_SEVENTH = {
    "active_units": lambda mean: (mean.var(0) > 0.01).sum(),
    "least_rate": _least,
    "widest": lambda delta: brentq(lambda s: _least(s) - delta, 1e-6, 1),
    "collapsed": "sees layers before",
}
RIGHT = {
    1: [{"to_images": _images, "slope": 1.03}],
    2: [_SECOND],
    3: [_THIRD],
    4: [_FOURTH],
    5: [_FIFTH],
    6: [_SIXTH, _SIXTH | {"upper_limit": lambda n: 3 / n}],
    7: [_SEVENTH],
}
WRONG = {  # chapter -> answers and words of what is said of them
    1: [
        ({"to_images": lambda energy: energy.reshape(-1, 15, 9, 8).swapaxes(2, 3), "slope": 1}, "ring runs fastest"),
        ({"to_images": lambda energy: energy.reshape(-1, 8, 15, 9).swapaxes(1, 2), "slope": 1}, "another order"),
        ({"to_images": lambda energy: energy.reshape(15, 8, 9), "slope": 1}, "Your function failed: ValueError"),
        ({"to_images": lambda energy: None, "slope": 1}, "returns nothing yet"),
        ({"to_images": _images}, "no entry 'slope'"),
        ({"to_images": _images, "slope": ...}, "three dots of the slope"),
        ({"to_images": _images, "slope": 4.22}, "in mm"),
        ({"to_images": _images, "slope": 2.3}, "natural logarithm"),
        ({"to_images": _images, "slope": 0.414}, "in layers"),
        ({"to_images": _images, "slope": -1.0}, "Geant4's showers give about 1"),
        ({"to_images": _images, "slope": float("nan")}, "finite"),
        ({"to_images": _images, "slope": np.ones(3)}, "one number"),
        ({"to_images": "images", "slope": 1}, "as a function"),
        (7, "dictionary with the names to_images, slope"),
    ],
    2: [
        (_SECOND | {"expectation": lambda v: (v.mean(), v.std(ddof=1))}, "spread of single showers"),
        (_SECOND | {"expectation": lambda v: (v.mean(), v.var(ddof=1) / len(v))}, "variance of the mean"),
        (_SECOND | {"expectation": lambda v: (v.mean(), v.std() / np.sqrt(len(v)))}, "ddof=1"),
        (_SECOND | {"expectation": lambda v: v.mean()}, "with the shape (2,)"),
        (_SECOND | {"difference_independent": lambda a, b: _independent(b, a)}, "the sign is wrong"),
        (_SECOND | {"difference_independent": lambda a, b: (np.mean(b - a), _mean(a)[1])}, "add in squares"),
        (_SECOND | {"difference_common": _independent}, "pair by pair"),
        (_SECOND | {"gain": 0.2}, "divide the error of independent noise"),
        (_SECOND | {"gain": 1.0}, "the same pairs"),
        (_SECOND | {"gain": ...}, "three dots of the gain"),
    ],
    3: [
        (_THIRD | {"rate": lambda m, s: (m**2 + s**2 - 1 - 2 * np.log(s)).sum(1)}, "one half"),
        (_THIRD | {"rate": lambda m, s: 0.5 * (1 + 2 * np.log(s) - m**2 - s**2).sum(1)}, "never negative"),
        (_THIRD | {"rate": lambda m, s: 0.5 * (m**2 + s**2 - 1 - np.log(s)).sum(1)}, "2 ln sigma"),
        (_THIRD | {"rate": lambda m, s: 0.5 * (m**2 + s**2 - 1 - 2 * np.log(s)).mean(1)}, "do not average"),
        (_THIRD | {"rate": lambda m, s: 0.5 * (m**2 + s - 1 - np.log(s)).sum(1)}, "sigma squared"),
        (_THIRD | {"rate": lambda m, s: m.sum(1)}, "it has to be 0"),
        (_THIRD | {"rate": lambda m, s: m.sum()}, "with the shape (50,)"),
        (_THIRD | {"total_variance": lambda m, s: m.var(0)}, "std squared comes on top"),
        (_THIRD | {"total_variance": lambda m, s: (s**2).mean(0)}, "variance of the means comes on top"),
        (_THIRD | {"total_variance": lambda m, s: m.var(0) + s.mean(0)}, "mean of std squared plus"),
        (_THIRD | {"worst": 20}, "stays near N(0, 1)"),
        (_THIRD | {"worst": 3}, "none of the three"),
    ],
    4: [
        (_FOURTH | {"rank": lambda o, d: (d > o[:, None]).mean(1)}, "yours counts the others"),
        (_FOURTH | {"rank": lambda o, d: (d < o[:, None]).sum(1)}, "divide by the number"),
        (_FOURTH | {"rank": lambda o, d: (d < o[0]).mean(1)}, "its own draws"),
        (_FOURTH | {"tail_probability": lambda o, d: (d >= o[:, None]).mean(1)}, "(1 + #)/(m + 1)"),
        (_FOURTH | {"tail_probability": lambda o, d: (1 + (d < o[:, None]).sum(1)) / (d.shape[1] + 1)}, "as large as"),
        (_FOURTH | {"interval": lambda d, level: np.quantile(d, [1 - level, level], axis=1)}, "lie 60 %"),
        (_FOURTH | {"interval": lambda d, level: np.quantile(d, [0.05, 0.95], axis=1)}, "quantile 0.1 to"),
        (_FOURTH | {"interval": lambda d, level: np.quantile(d, [0.1, 0.9])}, "with the shape (2, 7)"),
        (_FOURTH | {"tampered": [1, 1, 2, 3, 4]}, "twice"),
        (
            _FOURTH | {"tampered": [*swapped_rows(80)[:4], -1]},
            "4 of your five",
        ),
        (_FOURTH | {"tampered": ...}, "nothing yet"),
    ],
    5: [
        (_FIFTH | {"slopes": lambda critic, p: _slopes(critic, p) ** 2}, "take the root"),
        (_FIFTH | {"slopes": lambda critic, p: _slopes(critic, p) / len(p)}, "take that of the sum"),
        (_FIFTH | {"slopes": lambda critic, p: _slopes(critic, p).mean()}, "with the shape (40,)"),
        (_FIFTH | {"slopes": lambda critic, p: p.sum(1)}, "so its norm is |x|"),
        (_FIFTH | {"distance": lambda critic, x, y: _distance(critic, y, x)}, "the sign is wrong"),
        (_FIFTH | {"distance": lambda critic, x, y: critic(x).mean() - critic(y).mean()}, "difference of the scores"),
        (_FIFTH | {"distance": lambda critic, x, y: critic(x)}, "as one number"),
        (_FIFTH | {"distance": lambda critic, x, y: 4.0}, "has to read 3"),
        (_FIFTH | {"value": np.log(4)}, "which is negative"),
        (_FIFTH | {"value": 0.5}, "put D = 1/2"),
        (_FIFTH | {"measured": 3.1}, "moved by 2"),
    ],
    6: [
        (_SIXTH | {"upper_limit": lambda n: 1 - 0.95 ** (1 / n)}, "0.05, not 0.95"),
        (_SIXTH | {"upper_limit": lambda n: 0.05 ** (1 / n)}, "you have 1 - f"),
        (_SIXTH | {"upper_limit": lambda n: 1 / n}, "about 3/n"),
        (_SIXTH | {"upper_limit": lambda n: 0.5}, "about 3 %"),
        (_SIXTH | {"keep_probability": lambda rare, t, s: np.full(len(rare), 0.5)}, "proportional to p(x)"),
        (_SIXTH | {"keep_probability": lambda rare, t, s: _keep(rare, t, s) * (1 - t) / (1 - s)}, "no probabilities"),
        (_SIXTH | {"keep_probability": lambda rare, t, s: np.where(rare, t / s, 1)}, "for the common kind"),
        (_SIXTH | {"keep_probability": lambda rare, t, s: np.where(rare, 1, _keep(rare, t, s).min())}, "exchanged"),
        (_SIXTH | {"share": 0.49}, "among those that are kept"),
        (_SIXTH | {"share": 1.0}, "0.01 for 1 %"),
        (_SIXTH | {"share": 0.0}, "near the 1 %"),
    ],
    7: [
        (_SEVENTH | {"active_units": lambda mean: (abs(mean).mean(0) > 0.1).sum()}, "does not move"),
        (_SEVENTH | {"active_units": lambda mean: 4}, "two are active, not 4"),
        (_SEVENTH | {"least_rate": lambda s: -_least(s)}, "never negative"),
        (_SEVENTH | {"least_rate": lambda s: 2 * _least(s)}, "one half"),
        (_SEVENTH | {"least_rate": lambda s: 0.5 * (s**2 - 1 - np.log(s))}, "2 ln s"),
        (_SEVENTH | {"least_rate": lambda s: s}, "at s = 0.3"),
        (_SEVENTH | {"widest": lambda delta: brentq(lambda s: _least(s) - delta, 1, 9)}, "narrower than the prior"),
        (_SEVENTH | {"widest": lambda delta: 0.5}, "is not 0.1 nats"),
        (_SEVENTH | {"collapsed": "committed rate"}, "well above zero"),
        (_SEVENTH | {"collapsed": 2}, "one of the names"),
    ],
}


@pytest.mark.parametrize("number", NUMBERS)
def test_right_answers_pass(number):
    for answer in RIGHT[number]:
        assert (mark := check(number, answer)).right, mark.text


@pytest.mark.parametrize("number", NUMBERS)
def test_what_is_wrong_is_said(number):
    for answer, words in [*WRONG[number], (..., "Replace the three dots"), (None, ""), ("", ""), ({}, ""), ([], "")]:
        mark = check(number, answer)
        assert not mark.right
        assert words in mark.text
        assert "\n" not in mark.text
        assert mark.text.endswith((".", "'")) or "failed" in mark.text


def test_a_mark_shows_itself_in_a_notebook_without_trusting_the_answer():
    html = check(1, "<script>")._repr_html_()
    assert "<script>" not in html
    assert "not yet" in html


def test_swapped_cables_change_five_showers_and_no_sum_of_a_layer(showers):
    swapped = swapped_cables(showers[:80])
    changed = np.flatnonzero((swapped.energy != showers[:80].energy).any(1))
    np.testing.assert_array_equal(changed, swapped_rows(80))
    np.testing.assert_allclose(swapped.layer_energy, showers[:80].layer_energy, rtol=1e-6)
    with pytest.raises(EmptySample):
        swapped_cables(showers[:19])


class _Strange:
    """An answer whose comparison and text fail."""

    def __eq__(self, other):
        raise RuntimeError("no\nway")

    __hash__ = None

    def __repr__(self):
        raise RuntimeError


@pytest.mark.parametrize("number", NUMBERS)
def test_strange_answers_get_a_sentence(number):
    names = RIGHT[number][0]
    for answer in (
        _Strange(),
        dict.fromkeys(names, _Strange()),
        dict.fromkeys(names, len),
        dict.fromkeys(names, 10**400),
    ):
        mark = check(number, answer)
        assert not mark.right
        assert "\n" not in repr(mark)
