"""Trials of known spoils: samples of rising size, drawn from one truth, until every metric has seen every spoil."""

__all__ = ["SIZES", "measure_power", "possible_spoils", "sizes_for"]

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from caloforge.data.showers import Showers
from caloforge.errors import BadValue, EmptySample, UnknownName
from caloforge.rng import stream
from caloforge.validation.compare import Progress
from caloforge.validation.conditions import FEWEST
from caloforge.validation.power.result import NOTHING, NULL_TRIALS, Power, TrialKey, sense_of
from caloforge.validation.power.scores import DEFAULT, METRICS, score
from caloforge.validation.sample import Sample, read_sample
from caloforge.validation.spoils import Spoil

SIZES = (250, 500, 1000, 2000, 4000)
_LOOKED_AT = 100  # showers on which a spoil is tried

Scores = Mapping[str, float]
Keep = Callable[[TrialKey, Scores], None]


def sizes_for(showers: int) -> tuple[int, ...]:
    """The usual sizes that a truth has showers for, two samples each.

    Args:
        showers: of the truth.

    Raises:
        EmptySample: not even for the smallest.
    """
    sizes = tuple(size for size in SIZES if 2 * size <= showers)
    if not sizes:
        raise EmptySample(f"a study of the power needs two samples of {SIZES[0]} showers", showers)
    return sizes


def possible_spoils(spoils: Mapping[str, Spoil], showers: Showers) -> tuple[dict[str, Spoil], tuple[str, ...]]:
    """The spoils that change anything on a mesh, and a sentence on each of the others.

    Args:
        spoils: by name.
        showers: some showers on the mesh.
    """
    possible, notes = {}, []
    some = showers[:_LOOKED_AT]
    for name, spoil in spoils.items():
        try:
            changed = not np.array_equal(spoil(some, 1).energy, some.energy)
        except BadValue as error:
            notes.append(f"{name} left out: {error}")
            continue
        if changed:
            possible[name] = spoil
        else:
            notes.append(f"{name} left out: it changes nothing on this mesh")
    return possible, tuple(notes)


def measure_power(
    truth: Showers,
    spoils: Mapping[str, Spoil],
    sizes: Sequence[int] | None = None,
    trials: int = 8,
    seed: int = 1,
    metrics: Sequence[str] = DEFAULT,
    level: float = 0.5,
    earlier: Mapping[TrialKey, Scores] | None = None,
    keep: Keep = lambda key, scores: None,
    provenance: Mapping[str, Any] | None = None,
    progress: Progress = lambda done, text: None,
) -> Power:
    """How many showers every metric needs to see every spoil, see `caloforge.validation.power.result`.

    A trial draws two samples without common showers at random from the truth. The second is spoiled together with all
    showers that are not in the first, so that a spoil finds showers of like energy also for a small sample. Sizes rise
    until a metric has seen a spoil; larger ones are left out for this pair. A trial depends on seed, size, spoil and
    its number alone, so that ``earlier`` ones need not be run again. Trials share showers: where twice the size comes
    near to the whole truth they are less independent than they look.

    Args:
        truth: showers that are left as they are, and those that are spoiled.
        spoils: by name.
        sizes: showers of each sample; `sizes_for` the truth when not given.
        trials: of each spoil and size.
        seed: same seed, same numbers.
        metrics: of `METRICS`.
        level: share of the trials in which a spoil must be seen.
        earlier: scores of trials that were run before.
        keep: called with each new trial, at once.
        provenance: of the truth.
        progress: called with the share of the work done and what comes next.

    Raises:
        EmptySample: too few showers in the truth.
        BadValue: sizes or trials that make no sense.
        UnknownName: no such metric.
    """
    steps = tuple(sorted(set(sizes))) if sizes else sizes_for(len(truth))
    _check(len(truth), steps, trials, level, metrics)
    scores = dict(earlier or {})
    power = Power(scores, tuple(metrics), tuple(spoils), steps, trials, level, provenance or {})
    whole, done = sum(steps) * (NULL_TRIALS + trials * len(spoils)), 0

    for size in steps:
        blind = {name: [m for m in metrics if power.needed(name, m) is None] for name in spoils}
        wanted = {m for of_spoil in blind.values() for m in of_spoil if sense_of(m) != "p-value"}
        for number in range(NULL_TRIALS + trials):  # the unspoiled pairs first: their scores are the threshold
            i = number if number < NULL_TRIALS else number - NULL_TRIALS
            names = {NOTHING: wanted} if number < NULL_TRIALS else blind
            pair: _Pair | None = None
            for name, asked in names.items():
                progress(done / whole, f"{size} showers, {name}")
                done += size
                key = TrialKey(name, size, i)
                missing = set(asked) - set(scores.get(key, {}))
                if not missing:
                    continue
                pair = pair or _Pair(truth, size, i, seed)
                new = score(pair.first, pair.second(spoils.get(name), seed), missing, seed)
                scores[key] = {**scores.get(key, {}), **new}
                keep(key, scores[key])
    progress(1.0, "done")
    return power


class _Pair:
    """Two samples of one trial."""

    def __init__(self, truth: Showers, size: int, number: int, seed: int) -> None:
        rows = stream(seed, "power", size, number).permutation(len(truth))
        self.others, self.size, self.number = truth[rows[size:]], size, number
        self.first = read_sample(truth[rows[:size]], keep=size, seed=seed)

    def second(self, spoil: Spoil | None, seed: int) -> Sample:
        showers = self.others if spoil is None else spoil(self.others, 1000 * seed + self.number)
        edges = {name: histograms.edges[0] for name, histograms in self.first.pooled.items()}
        return read_sample(showers[: self.size], pooled_edges=edges, keep=self.size, seed=seed)


def _check(showers: int, sizes: Sequence[int], trials: int, level: float, metrics: Sequence[str]) -> None:
    if min(sizes) < FEWEST:
        raise BadValue("size of a sample", min(sizes), f"give {FEWEST} showers or more, as a comparison needs")
    if 2 * max(sizes) > showers:
        raise BadValue("size of a sample", max(sizes), f"give {showers // 2} at most: the truth has {showers} showers")
    if trials < 1:
        raise BadValue("number of trials", trials, "give at least one")
    if not 0 < level <= 1:
        raise BadValue("power", level, "give a share of the trials, above 0 and up to 1")
    for metric in metrics:
        if metric not in METRICS:
            raise UnknownName("metric", metric, METRICS)
