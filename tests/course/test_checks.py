"""Checkers of the course: right answers pass, and what is wrong with others is said in a sentence."""

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from scipy.stats import ks_2samp, norm, t

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
_EIGHTH = {
    "film": lambda h, gamma, delta: (1 + gamma) * h + delta,
    "gamma_for": lambda energy, a: a / np.sqrt(energy) - 1,
    "parameters": lambda kind, i, o, c, h: i * o + o + (c * o if kind == "concat" else (c + 1) * h + 2 * (h + 1) * o),
    "ratio": np.float32(1),
}


def _predict(energy, depth, at):
    return np.polyval(np.polyfit(np.log(energy), depth, 1), np.log(at))


def _residual(energy, depth):
    return depth - _predict(energy, depth, energy)


_NINTH = {
    "resolution": lambda energy, a, b: np.hypot(a / np.sqrt(energy), b),
    "predict": _predict,
    "penalty": lambda energy, depth: (_residual(energy, depth) ** 2).mean(),
    "closer": "taught",
}


def _auc(real, fake):
    return (real[:, None] > fake).mean() + 0.5 * (real[:, None] == fake).mean()


_TENTH = {
    "ks": lambda first, second: ks_2samp(first, second).statistic,
    "auc": _auc,
    "weight": lambda probability: probability / (1 - probability),
    "by_energies": 0.51,
    "by_neighbours": 0.82,
}


def _errors(values):
    return (values.mean(0).var(ddof=1) / values.shape[1]) ** 0.5, values.mean(1).std(ddof=1)


def _interval(values, level, quantile=None, more=1):
    monte_carlo, model = _errors(values)
    quantile = t.ppf((1 + level) / 2, len(values) - 1) if quantile is None else quantile
    half = quantile * np.hypot(model * (1 + more / len(values)) ** 0.5, monte_carlo)
    return values.mean() - half, values.mean() + half


def _coverage(low, high, truth):
    share = ((low <= truth) & (truth <= high)).mean()
    return share, (share * (1 - share) / len(truth)) ** 0.5


_ELEVENTH = {"errors": _errors, "interval": _interval, "coverage": _coverage, "held": 7}


def _frozen(z, columns, fresh):
    pair = fresh.copy()
    pair[:, columns] = z[:, columns]
    return pair


_TWELFTH = {
    "information": lambda rho: -0.5 * np.log(1 - rho**2),
    "sobol": lambda first, second: np.corrcoef(first, second)[0, 1],
    "frozen": _frozen,
    "index": 0.45,
}


def _euler(field, x, steps):
    for k in range(steps):
        x = x + field(x, k / steps) / steps
    return x


def _midpoint(field, x, steps, ahead=0.5):
    for k in range(steps):
        x = x + field(x + ahead * field(x, k / steps) / steps, (k + ahead) / steps) / steps
    return x


def _in_place(field, x, steps):
    for k in range(steps):
        x += field(x, k / steps) / steps
    return x


_THIRTEENTH = {
    "target": lambda x0, x1, t: x1 - x0,
    "euler": _euler,
    "midpoint": _midpoint,
    "order": lambda steps, errors: -np.polyfit(np.log(steps), np.log(errors), 1)[0],
}


def _turned(points, theta, phi):
    about_y = np.array([[np.cos(theta), 0, np.sin(theta)], [0, 1, 0], [-np.sin(theta), 0, np.cos(theta)]])
    about_z = np.array([[np.cos(phi), -np.sin(phi), 0], [np.sin(phi), np.cos(phi), 0], [0, 0, 1]])
    return points @ (about_z @ about_y).T


_FOURTEENTH = {
    "solid_angle": lambda u, theta_max: np.arccos(1 - u * (1 - np.cos(theta_max))),
    "radiation_lengths": lambda d, x0, theta: d / x0 / np.cos(theta),
    "turned": _turned,
    "pull": -1.2,
}
_FIFTEENTH = {
    "replaced": lambda pdg, e, theta: (pdg == 11) & (e >= 1_000) & (e <= 100_000) & (theta <= 0.02),
    "speedup": lambda f, r: 1 / (1 - f + f / r),
    "deposit": lambda x, energy, edges: np.histogram(x, edges, weights=energy)[0],
    "showers_needed": lambda resolution, d, k: 2 * (k * resolution / d) ** 2,
}
RIGHT = {
    1: [{"to_images": _images, "slope": 1.03}],
    2: [_SECOND],
    3: [_THIRD],
    4: [_FOURTH],
    5: [_FIFTH],
    6: [_SIXTH, _SIXTH | {"upper_limit": lambda n: 3 / n}],
    7: [_SEVENTH],
    8: [_EIGHTH],
    9: [_NINTH],
    10: [_TENTH],
    11: [_ELEVENTH],
    12: [_TWELFTH],
    13: [_THIRTEENTH],
    14: [_FOURTEENTH],
    15: [_FIFTEENTH],
}
WRONG = {  # chapter -> answers and words of what is said of them
    1: [
        ({"to_images": lambda energy: energy.reshape(-1, 15, 9, 8).swapaxes(2, 3), "slope": 1}, "ring runs fastest"),
        ({"to_images": lambda energy: energy.reshape(-1, 8, 15, 9).swapaxes(1, 2), "slope": 1}, "another order"),
        ({"to_images": lambda energy: energy.reshape(15, 8, 9), "slope": 1}, "to_images failed: ValueError"),
        ({"to_images": lambda energy: None, "slope": 1}, "to_images returns nothing yet"),
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
    8: [
        (_EIGHTH | {"film": lambda h, gamma, delta: gamma * h + delta}, "the scale is 1 + gamma"),
        (_EIGHTH | {"film": lambda h, gamma, delta: (1 + gamma) * (h + delta)}, "the shift is not scaled"),
        (_EIGHTH | {"film": lambda h, gamma, delta: h + delta}, "unit by unit"),
        (_EIGHTH | {"gamma_for": lambda energy, a: a / np.sqrt(energy)}, "so take 1 off"),
        (_EIGHTH | {"gamma_for": lambda energy, a: a / energy - 1}, "root of the energy"),
        (_EIGHTH | {"parameters": lambda kind, i, o, c, h: i * o}, "the matrix W alone"),
        (_EIGHTH | {"parameters": lambda kind, i, o, c, h: (i + c) * o}, "biases of concat are missing"),
        (
            _EIGHTH | {"parameters": lambda kind, i, o, c, h: (i + c + 1) * o if kind == "concat" else 5},
            "film with 64 in",
        ),
        (_EIGHTH | {"ratio": 4.5}, "that of FiLM"),
        (_EIGHTH | {"ratio": 0.2}, "divide the first by the last"),
    ],
    9: [
        (_NINTH | {"resolution": lambda energy, a, b: a / np.sqrt(energy) + b}, "add in squares"),
        (_NINTH | {"resolution": lambda energy, a, b: a**2 / energy + b**2}, "take the root"),
        (_NINTH | {"resolution": lambda energy, a, b: np.hypot(a / energy, b)}, "root of the energy"),
        (_NINTH | {"resolution": lambda energy, a, b: np.hypot(a / np.sqrt(energy / 1000), b)}, "in GeV already"),
        (_NINTH | {"predict": lambda e, d, at: np.polyval(np.polyfit(e, d, 1), at)}, "fit it to ln E"),
        (_NINTH | {"predict": lambda e, d, at: np.exp(_predict(e, np.log(d), at))}, "a power law"),
        (_NINTH | {"penalty": lambda e, d: (_residual(e, d) ** 2).sum()}, "the number of energies"),
        (_NINTH | {"penalty": lambda e, d: abs(_residual(e, d)).mean()}, "square the residuals"),
        (_NINTH | {"penalty": lambda e, d: _residual(e, d).mean()}, "with their signs"),
        (_NINTH | {"closer": "free"}, "as a ratio"),
        (_NINTH | {"closer": 1}, "one of the names"),
    ],
    10: [
        (_TENTH | {"ks": lambda a, b: 5 * ks_2samp(a, b).statistic}, "divide the counts"),
        (_TENTH | {"ks": lambda a, b: abs(a.mean() - b.mean()) / 9}, "the largest gap is 0.6"),
        (_TENTH | {"auc": lambda real, fake: _auc(fake, real)}, "yours are the others"),
        (_TENTH | {"auc": lambda real, fake: (real[:, None] > fake).mean()}, "count one half"),
        (_TENTH | {"auc": lambda real, fake: (real[:, None] > fake).sum()}, "n times m"),
        (_TENTH | {"weight": lambda probability: (1 - probability) / probability}, "upside down"),
        (_TENTH | {"weight": lambda probability: np.log(probability / (1 - probability))}, "logarithm of the weight"),
        (_TENTH | {"by_energies": 0.8}, "near one half"),
        (_TENTH | {"by_neighbours": 0.18}, "below one half"),
        (_TENTH | {"by_neighbours": 0.5}, "look again"),
        (_TENTH | {"by_neighbours": 82}, "between 0 and 1"),
    ],
    11: [
        (_ELEVENTH | {"errors": lambda v: _errors(v)[::-1]}, "Monte-Carlo error first"),
        (_ELEVENTH | {"errors": lambda v: (v.mean(0).std(ddof=1), 1)}, "divide by sqrt(n)"),
        (_ELEVENTH | {"errors": lambda v: (v.std(ddof=1) / v.size**0.5, 1)}, "share their noise"),
        (_ELEVENTH | {"errors": lambda v: (_errors(v)[0], _errors(v)[1] / len(v) ** 0.5)}, "not the error of their"),
        (_ELEVENTH | {"errors": lambda v: (_errors(v)[0], v.mean(1).std())}, "divide by K - 1"),
        (_ELEVENTH | {"interval": lambda v, level: _interval(v, level, norm.ppf((1 + level) / 2))}, "Student's t"),
        (_ELEVENTH | {"interval": lambda v, level: _interval(v, level, t.ppf((1 + level) / 2, 5))}, "degrees of free"),
        (_ELEVENTH | {"interval": lambda v, level: _interval(v, level, t.ppf(level, 4))}, "a tenth lies beyond"),
        (_ELEVENTH | {"interval": lambda v, level: _interval(v, level, None, 0)}, "1 + 1/K"),
        (_ELEVENTH | {"coverage": lambda low, high, truth: ((truth <= high).mean(), 0)}, "above and below"),
        (_ELEVENTH | {"coverage": lambda low, high, truth: (8, 0)}, "by the number of intervals"),
        (_ELEVENTH | {"coverage": lambda low, high, truth: (0.8, 0.4)}, "the error of a share"),
        (_ELEVENTH | {"held": 0.95}, "a whole number"),
        (_ELEVENTH | {"held": 0}, "of the same energy"),
    ],
    12: [
        (_TWELFTH | {"information": lambda rho: 0.5 * np.log(1 - rho**2)}, "never negative"),
        (_TWELFTH | {"information": lambda rho: -np.log(1 - rho**2)}, "one half"),
        (_TWELFTH | {"information": lambda rho: -0.5 * np.log2(1 - rho**2)}, "in nats"),
        (_TWELFTH | {"information": lambda rho: -0.5 * np.log(1 - rho)}, "is squared"),
        (_TWELFTH | {"sobol": lambda a, b: np.corrcoef(a, b)[0, 1] ** 2}, "not squared"),
        (_TWELFTH | {"sobol": lambda a, b: np.cov(a, b)[0, 1]}, "divide the covariance"),
        (_TWELFTH | {"sobol": lambda a, b: 1 - np.corrcoef(a, b)[0, 1]}, "share of all the others"),
        (_TWELFTH | {"frozen": lambda z, columns, fresh: _frozen(fresh, columns, z)}, "the other way round"),
        (_TWELFTH | {"frozen": lambda z, columns, fresh: z}, "in all others fresh"),
        (_TWELFTH | {"index": 1.0}, "nearly 1"),
        (_TWELFTH | {"index": 0.01}, "keep the latents"),
        (_TWELFTH | {"index": 45}, "between 0 and 1"),
    ],
    13: [
        (_THIRTEENTH | {"target": lambda x0, x1, t: x0 - x1}, "leads back"),
        (_THIRTEENTH | {"target": lambda x0, x1, t: (1 - t) * x0 + t * x1}, "its derivative"),
        (_THIRTEENTH | {"euler": lambda field, x, steps: _euler(field, x, 1)}, "each step has to multiply"),
        (_THIRTEENTH | {"euler": lambda field, x, steps: x + field(x, 0) / steps}, "only one step"),
        (_THIRTEENTH | {"euler": _in_place}, "not x += ..."),
        (_THIRTEENTH | {"euler": lambda field, x, n: _euler(lambda y, s: field(y, 0), x, n)}, "the times at which"),
        (_THIRTEENTH | {"midpoint": _euler}, "this is Euler's method"),
        (_THIRTEENTH | {"midpoint": lambda field, x, n: _midpoint(field, x, n, 1)}, "half a step ahead"),
        (_THIRTEENTH | {"order": lambda n, e: np.polyfit(np.log(n), np.log(e), 1)[0]}, "the sign is wrong"),
        (_THIRTEENTH | {"order": lambda n, e: 1}, "with the square of the steps"),
    ],
    14: [
        (_FOURTEENTH | {"solid_angle": lambda u, top: 1 - u * (1 - np.cos(top))}, "take arccos"),
        (_FOURTEENTH | {"solid_angle": lambda u, top: u * top}, "crowds at the axis"),
        (_FOURTEENTH | {"solid_angle": lambda u, top: np.degrees(np.arccos(1 - u * (1 - np.cos(top))))}, "give rad"),
        (_FOURTEENTH | {"radiation_lengths": lambda d, x0, theta: d / x0 * np.cos(theta)}, "inclined way is longer"),
        (_FOURTEENTH | {"radiation_lengths": lambda d, x0, theta: d / x0}, "angle is missing"),
        (_FOURTEENTH | {"radiation_lengths": lambda d, x0, theta: d / x0 / np.sin(theta)}, "to the normal"),
        (_FOURTEENTH | {"turned": lambda points, theta, phi: _turned(points, -theta, phi)}, "the wrong way round"),
        (_FOURTEENTH | {"turned": lambda points, theta, phi: _turned(points, theta, -phi)}, "the wrong way round"),
        (_FOURTEENTH | {"turned": lambda points, theta, phi: points}, "first about y"),
        (_FOURTEENTH | {"pull": 240}, "too far"),
    ],
    15: [
        (_FIFTEENTH | {"replaced": lambda pdg, e, theta: pdg == 11}, "50 MeV is below"),
        (_FIFTEENTH | {"replaced": lambda pdg, e, theta: (pdg == 11) & (e >= 1) & (e <= 100)}, "one that the model"),
        (_FIFTEENTH | {"replaced": lambda pdg, e, theta: (abs(pdg) == 11) & (e >= 1e3) & (e <= 1e5)}, "a positron"),
        (_FIFTEENTH | {"replaced": lambda pdg, e, theta: (pdg == 11) & (e >= 1e3) & (e <= 1e5)}, "too inclined"),
        (_FIFTEENTH | {"replaced": lambda pdg, e, theta: (pdg == 11) & (e > 1e3) & (theta < 0.02)}, "the ends of"),
        (_FIFTEENTH | {"speedup": lambda f, r: 1 - f + f / r}, "one over it"),
        (_FIFTEENTH | {"speedup": lambda f, r: 1 - f + f * r}, "times add up"),
        (_FIFTEENTH | {"speedup": lambda f, r: 1 / (f + (1 - f) / r)}, "exchanged"),
        (_FIFTEENTH | {"speedup": lambda f, r: 1 / (1 - f)}, "takes no time"),
        (_FIFTEENTH | {"deposit": lambda x, energy, edges: np.histogram(x, edges)[0]}, "counts the model's cells"),
        (
            _FIFTEENTH | {"deposit": lambda x, e, edges: np.bincount(np.digitize(x, edges[1:-1]), e, 3)},
            "outermost cells",
        ),
        (_FIFTEENTH | {"showers_needed": lambda resolution, d, k: (k * resolution / d) ** 2}, "a factor of two"),
        (_FIFTEENTH | {"showers_needed": lambda resolution, d, k: 2 * (resolution / d) ** 2}, "in the square as well"),
        (_FIFTEENTH | {"showers_needed": lambda resolution, d, k: 2 * k * resolution / d}, "root of n"),
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
