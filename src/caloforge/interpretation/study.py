"""One model, held-out showers with their shapes at fixed energy, and every question that is asked of them."""

__all__ = ["Study"]

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor

from caloforge.classifiers.auc import ClassifierSettings
from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.data.unseen import unseen_showers
from caloforge.diagnosis.collapse.conditional_scale import ConditionalScale
from caloforge.diagnosis.collapse.three_samples import COLUMNS
from caloforge.errors import BadObservable, BadValue, EmptySample
from caloforge.generation.sampler import sample_showers
from caloforge.geometry.binning import require_one_mesh
from caloforge.interpretation.attribution import Attribution, attribute
from caloforge.interpretation.information import Dependence, measure_dependence
from caloforge.interpretation.latents import Latents, draw_noise, encoded, showers_from
from caloforge.interpretation.modulation import Modulation, modulations
from caloforge.interpretation.slopes import Sensitivity, measure_sensitivity
from caloforge.interpretation.traversal import Traversal, traverse
from caloforge.interpretation.variance import VarianceShares, measure_variance
from caloforge.physics.definition import Observable
from caloforge.physics.observables import select, tabulate
from caloforge.training.run import Run
from caloforge.units import format_energy

_FEWEST = 400  # held-out showers
_TRAVERSED = 2  # latents of a kind
_SMALLEST_RANGE = 1.5  # of trained energies, last over first


@dataclass(frozen=True, eq=False)
class Study:
    """A model, held-out showers with their shapes, and how the energy is taken out of these.

    Args:
        run: the model.
        held_out: N showers of Geant4 that it was not trained on.
        shapes: T observables of one number a shower, by name.
        unusable: observables that are undefined or never vary on this mesh.
        truth: shapes of the held-out showers in units of their mean and spread at their energy.
        scale: these means and spreads.
        n: showers to generate for each question.
        seed: of all draws.
        left_out: showers of the truth that the model was trained on.
    """

    run: Run
    held_out: Showers
    shapes: Mapping[str, Observable]
    unusable: tuple[str, ...]
    truth: Float[Array, "N T"]
    scale: ConditionalScale
    n: int
    seed: int
    left_out: int

    @classmethod
    def of(cls, run: Run, truth: Showers, seed: int, n: int, names: Sequence[str] | None) -> "Study":
        """The showers that the model was not trained on, with their shapes, the dependence on the energy fitted.

        Args:
            run: the model.
            truth: showers of Geant4; those that trained the model are left out.
            seed: of all draws.
            n: showers to generate for each question.
            names: observables; those of `COLUMNS` that this mesh has if None.

        Raises:
            BinningMismatch: a truth of another mesh.
            EmptySample: fewer than 400 showers that did not train the model.
            BadValue: conditions that the model was not trained on.
            BadObservable: one that was asked for has no single number a shower, is undefined on this mesh, or never
                varies.
        """
        require_one_mesh(run.pipeline.binning, truth.binning)
        held_out = unseen_showers(truth, run.training_ids.all)
        if len(held_out) < _FEWEST:
            raise EmptySample(f"an interpretation needs {_FEWEST} showers that did not train the model", len(held_out))
        run.pipeline.condition.check_range(Incident.of(held_out))
        shapes, unusable = _usable(held_out, names)
        table = _columns(held_out, shapes)
        scale = ConditionalScale.fit(table, held_out.incident_energy)
        left_out = len(truth) - len(held_out)
        values = scale.apply(table, held_out.incident_energy)
        return cls(run, held_out, shapes, unusable, values, scale, n, seed, left_out)

    @property
    def particles(self) -> Incident:
        """The conditions of generated showers: those of the held-out ones, over and over."""
        return Incident.of(self.held_out).repeated(self.n)

    @property
    def has_range(self) -> bool:
        """Whether model and truth know more than one energy."""
        low, high = self.run.pipeline.condition.energy_range.tolist()
        energies = self.held_out.incident_energy
        return bool(min(high / low, energies.max() / energies.min()) > _SMALLEST_RANGE)

    def traversed_energy(self, asked: float | None) -> float:
        """The energy asked for, or the middle of the training range.

        Args:
            asked: MeV; None for the geometric middle.

        Raises:
            BadValue: an energy outside the training range.
        """
        low, high = self.run.pipeline.condition.energy_range.tolist()
        energy = float(np.sqrt(low * high)) if asked is None else asked
        if not low * 0.999 <= energy <= high * 1.001:
            trained = f"the model was trained on {format_energy(low)} to {format_energy(high)}"
            raise BadValue("energy of the traversals", format_energy(energy), f"{trained}; give one in that range")
        return energy

    def latents(self, latents: Latents) -> tuple[Dependence, VarianceShares]:
        """What the noise tells of the shapes, and what varies them, about the model's own mean at each energy.

        Args:
            latents: how the noise of the model is made up.

        Raises:
            BadObservable: a shape that exists in no generated shower.
            EmptySample: fewer than 100 showers with all shapes.
        """
        noise, independent = (draw_noise(self.run.model, self.n, self.seed, k) for k in (0, 4))
        energy, table = self.particles.energy, self._shapes_of(noise)
        own = ConditionalScale.fit(table, energy)
        base, names = own.centred(table, energy), (latents.names, tuple(self.shapes))
        dependence = measure_dependence(noise[:, : len(latents.names)].double().numpy(), base, names, self.seed)
        variance = measure_variance(
            lambda z: own.centred(self._shapes_of(z), energy),
            base,
            (noise, independent),
            latents.groups,
            self.truth,
            names[1],
        )
        return dependence, variance

    def _shapes_of(self, noise: Tensor) -> Float[Array, "n T"]:
        """Shapes of the showers made of noise, in units of Geant4's mean and spread at their energy.

        Raises:
            BadObservable: one that exists in no generated shower.
        """
        showers = showers_from(self.run, noise, self.particles)
        table = _columns(showers, self.shapes)
        for name, values in zip(self.shapes, table.T, strict=True):
            if np.isnan(values).all():
                raise BadObservable(name, "is undefined in every generated shower", "leave it out")
        return self.scale.apply(table, showers.incident_energy)

    def encoded(self) -> Dependence | None:
        """What the encoder reads from Geant4's showers."""
        means = encoded(self.run, self.held_out, self.seed)
        if means is None:
            return None
        names = [f"z{i}" for i in range(means.shape[1])]
        return measure_dependence(means, self.truth, (names, tuple(self.shapes)), self.seed)

    def traversals(self, dependence: Dependence, energy: float) -> list[Traversal]:
        """Of the latents that tell most, each of another shape.

        Args:
            dependence: what each latent tells of each shape.
            energy: incident energy, MeV.
        """
        particles, n = Incident.of(self.held_out), min(self.n, 2000)
        return [
            traverse(
                self.run, z, (dependence.latents[z], dependence.shapes[t]), particles, energy, self.shapes, n, self.seed
            )
            for z, t in dependence.most_telling(_TRAVERSED)
        ]

    def of_energy(self, progress: Callable[[float], None]) -> tuple[tuple[Modulation, ...], Sensitivity | None]:
        """Modulation and slopes; nothing where there is one energy only.

        Args:
            progress: called with the share of the work done.

        Raises:
            EmptySample: too few showers of Geant4.
        """
        if not self.has_range:
            return (), None
        films = modulations(self.run, Incident.of(self.held_out), self.seed)
        wanted = select(["response"]) | dict(self.shapes)
        return films, measure_sensitivity(self.run, self.held_out, wanted, self.n, self.seed, progress)

    def attribution(self, classifier: ClassifierSettings, progress: Callable[[float], None]) -> Attribution:
        """Of as many generated showers as are held out, at their conditions.

        Args:
            classifier: size and training of its networks.
            progress: called with the share of the work done.

        Raises:
            EmptySample: fewer than 20 showers a fold.
        """
        generated = sample_showers(self.run.model, self.run.pipeline, Incident.of(self.held_out), self.seed)
        return attribute(self.held_out, generated, self.seed, classifier, progress)


def _usable(held_out: Showers, names: Sequence[str] | None) -> tuple[dict[str, Observable], tuple[str, ...]]:
    """The observables asked for; of the usual ones those that this mesh has, and what it has not."""
    chosen = select(names or COLUMNS)
    problems = {name: problem for name, o in chosen.items() if (problem := _problem(held_out, o))}
    if names is not None and problems:
        name, problem = next(iter(problems.items()))
        raise BadObservable(name, problem, "leave it out")
    return {name: o for name, o in chosen.items() if name not in problems}, tuple(problems)


def _problem(held_out: Showers, observable: Observable) -> str:
    """Why an observable cannot be told of; empty where it can."""
    if observable.width(held_out.binning) != 1:
        return "has several columns, not one number a shower"
    values = observable(held_out)[:, 0]
    defined = values[np.isfinite(values)]
    if len(defined) < len(values) / 2:
        return "is undefined in most of the truth's showers on this mesh"
    return "is the same in all of the truth's showers" if np.ptp(defined) == 0 else ""


def _columns(showers: Showers, shapes: Mapping[str, Observable]) -> Float[Array, "N T"]:
    return np.concatenate([values[:, :1] for values in tabulate(showers, shapes).values()], axis=1, dtype=np.float64)
