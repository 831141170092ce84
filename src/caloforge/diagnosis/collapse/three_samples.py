"""The samples of a diagnosis: what a model was trained on, what was held out, and what it generates, as features.

Training, held-out and generated showers (these at the conditions of the held-out ones) are tabulated with the same
observables and standardised with the truth's dependence on energy (`ConditionalScale`, fitted to the training showers).
"""

__all__ = ["COLUMNS", "Samples", "draw_samples"]

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.data.splits import take_split
from caloforge.data.unseen import unseen_showers
from caloforge.diagnosis.collapse.conditional_scale import ConditionalScale, stacked
from caloforge.errors import EmptySample
from caloforge.generation.sampler import sample_showers
from caloforge.physics.observables import select, tabulate
from caloforge.training.run import Run

# Continuous, one number a shower, each telling something the others do not: energy, depth, radius, place, cells.
COLUMNS = (
    "response",
    "centre_z",
    "width_z",
    "skewness_z",
    "depth_90",
    "mean_r",
    "spread_r",
    "skewness_r",
    "barycentre_x",
    "barycentre_y",
    "sparsity",
    "hottest_share",
)
_FEWEST = 50

Features = tuple[Float[Array, "n f"], Float[Array, "m f"], Float[Array, "g f"]]


@dataclass(frozen=True, eq=False)
class Samples:
    """Showers with their features, row by row.

    Args:
        training: showers that the model was trained on, where the truth holds them.
        held_out: showers that it never saw.
        generated: showers of the model, in the order of the held-out conditions.
        features: of these three.
        names: of the features.
        trained_on: whether the model was trained on ``training``, or these merely stand for the truth.
        left_out: showers of the truth that the model has seen, which cannot be held out.
    """

    training: Showers
    held_out: Showers
    generated: Showers
    features: Features
    names: tuple[str, ...]
    trained_on: bool
    left_out: int = 0

    @property
    def sizes(self) -> dict[str, int]:
        """Numbers of showers."""
        return {"training": len(self.training), "held out": len(self.held_out), "generated": len(self.generated)}


def draw_samples(
    run: Run, truth: Showers, seed: int, n: int | None = None, observables: Sequence[str] = COLUMNS
) -> Samples:
    """Generate showers and tabulate all three samples.

    Args:
        run: the model.
        truth: showers of Geant4; those that trained the model are left out.
        seed: of the generated showers.
        n: showers to generate; as many as are held out if None.
        observables: names of the features.

    Raises:
        EmptySample: fewer than 50 showers in a split.
        BadValue: conditions that the model was not trained on.
    """
    held_out = unseen_showers(truth, run.training_ids.all)
    left_out = len(truth) - len(held_out)
    training = truth[np.isin(truth.ids, run.training_ids.train)]
    trained_on = len(training) >= _FEWEST
    if not trained_on:  # another file: its training split stands for the truth that the features are scaled with
        training, held_out = take_split(held_out, "train"), take_split(held_out, "test")
    if min(len(training), len(held_out)) < _FEWEST:
        raise EmptySample(f"a diagnosis needs {_FEWEST} showers in each split", len(training), len(held_out))
    incident = Incident.of(held_out)
    run.pipeline.condition.check_range(incident)
    generated = sample_showers(run.model, run.pipeline, incident.repeated(n or len(held_out)), seed)
    features, names = _standardised((training, held_out, generated), observables)
    return Samples(training, held_out, generated, features, names, trained_on, left_out)


def _standardised(
    samples: tuple[Showers, Showers, Showers], observables: Sequence[str]
) -> tuple[Features, tuple[str, ...]]:
    """Features with the energy dependence of the training split taken out; columns that never vary are left out."""
    training, held_out, generated = samples
    chosen = select(observables)
    tables = [stacked(tabulate(sample, chosen)) for sample in samples]
    varies = np.nanstd(tables[0][0], axis=0) > 0
    names = tuple(name for name, varying in zip(tables[0][1], varies, strict=True) if varying)
    scale = ConditionalScale.fit(tables[0][0][:, varies], training.incident_energy)
    first, second, third = (
        scale.apply(table[:, varies], sample.incident_energy)
        for (table, _), sample in zip(tables, (training, held_out, generated), strict=True)
    )
    return (first, second, third), names
