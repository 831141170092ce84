"""Does a model hold where it was not trained? Response, resolution, depth and shapes at an energy, against Geant4.

Deviations with their goals: `caloforge.diagnosis.extrapolation.deviation`; separation powers and AUC are those of the
validation.
"""

__all__ = ["MAIN", "AtEnergy", "Extrapolation", "extrapolate"]

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from caloforge.classifiers.protocol import STANDARD, measure
from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.data.unseen import left_out_sentences, unseen_showers
from caloforge.diagnosis.extrapolation.deviation import GOALS, TITLES, Deviation, deviations, judge_deviation
from caloforge.errors import EmptySample
from caloforge.generation.sampler import sample_showers
from caloforge.metrics.measured import Measured
from caloforge.metrics.separation import Resamples, measure_separation
from caloforge.physics.observables import OBSERVABLES
from caloforge.rng import integer_seeds, stream
from caloforge.training.run import Run
from caloforge.units import format_energy
from caloforge.validation.finding import Finding, Status, cannot_tell
from caloforge.validation.parts import whole
from caloforge.validation.sample import Sample, read_sample
from caloforge.validation.univariate import fill

SCHEMA = 3
Progress = Callable[[float, str], None]
Place = Literal["inside", "above", "below"]

MAIN = (
    "response",
    "centre_z",
    "width_z",
    "depth_90",
    "longitudinal_profile",
    "mean_r",
    "spread_r",
    "radial_profile",
    "hits",
    "hottest_share",
    "voxel_energy",
)
_FEWEST = 20
_COPIES = 4  # generated showers for each true one
_ROUNDING = 1e-3


@dataclass(frozen=True, eq=False)
class AtEnergy:
    """What a model does at one energy (MeV), beside the range of its training; nothing is measured for want of truth.

    Args:
        energy: that was asked for.
        trained: lowest and highest energy of the training showers.
        n_truth: showers of the truth at this energy that the model was not trained on.
        left_out: showers of the truth there that it was trained on.
        samples: truth and generated showers, where there are enough.
        deviations: of response, resolution and depth, see the module.
        separations: separation power of the main observables.
        auc: of a classifier on all observables, where there are enough showers for it.
        findings: what they say against the goals.
    """

    energy: float
    trained: tuple[float, float]
    n_truth: int
    left_out: int
    findings: tuple[Finding, ...]
    samples: tuple[Sample, Sample] | None = None
    deviations: Mapping[str, Deviation] = field(default_factory=dict)
    separations: Mapping[str, Measured] = field(default_factory=dict)
    auc: Measured | None = None

    @property
    def place(self) -> Place:
        """Where the energy lies to the range of the training."""
        low, high = self.trained
        if self.energy < low * (1 - _ROUNDING):
            return "below"
        return "above" if self.energy > high * (1 + _ROUNDING) else "inside"

    @property
    def label(self) -> str:
        """The energy in words."""
        return format_energy(self.energy)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "energy": self.energy,
            "place": self.place,
            "truth_showers": self.n_truth,
            "left_out": self.left_out,
            "generated_showers": len(self.samples[1]) if self.samples else 0,
            **{name: asdict(d) for name, d in self.deviations.items()},
            "separation": {name: m.to_dict() for name, m in self.separations.items()},
            "auc_high": self.auc.to_dict() if self.auc else None,
            "findings": [f.to_dict() for f in self.findings],
        }


@dataclass(frozen=True, eq=False)
class Extrapolation:
    """A model at several energies.

    Args:
        energies: what the model does at each of them.
        provenance: what was compared with what.
    """

    energies: tuple[AtEnergy, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def alarms(self) -> tuple[Finding, ...]:
        """What misses its goal."""
        return tuple(f for at in self.energies for f in at.findings if f.status is Status.FAIL)

    @property
    def trained(self) -> str:
        """The range of the training in words."""
        return " to ".join(map(format_energy, self.energies[0].trained))

    @property
    def verdict(self) -> str:
        """One sentence an energy, and how many showers the model was trained on."""
        left_out = left_out_sentences(sum(at.left_out for at in self.energies))
        return " ".join([f"Trained on {self.trained}.", *map(_sentence, self.energies), *(f"{s}." for s in left_out)])

    def to_dict(self) -> dict[str, Any]:
        """What ``extrapolation.json`` holds."""
        return {
            "schema": SCHEMA,
            "verdict": self.verdict,
            "alarms": len(self.alarms),
            "trained_on": list(self.energies[0].trained),
            "goals": GOALS,
            "energies": [at.to_dict() for at in self.energies],
            "provenance": dict(self.provenance),
        }


def _sentence(at: AtEnergy) -> str:
    places = {"inside": "inside that range", "above": "above it", "below": "below it"}
    by = {s: [f.test.split(" at ")[0].lower() for f in at.findings if f.status is s] for s in Status}
    words = {Status.PASS: "within the goal", Status.FAIL: "outside the goal", Status.CANNOT_TELL: "cannot tell"}
    sentences = "; ".join(f"{', '.join(tests)} {words[s]}" for s, tests in by.items() if tests)
    return f"{at.label}, {places[at.place]}: {sentences}."


def extrapolate(
    run: Run,
    truth: Mapping[float, Showers],
    seed: int,
    radiation_length: float | None = None,
    n: int | None = None,
    provenance: Mapping[str, Any] | None = None,
    progress: Progress = lambda done, text: None,
) -> Extrapolation:
    """Judge a model at several energies, inside or outside the range of its training.

    Args:
        run: the model.
        truth: showers of full simulation at (about) each energy, MeV; those that trained the model are left out.
        seed: of the generated showers, the resamples and the classifiers.
        radiation_length: mean X0 of the detector, mm; without it a shift in depth has no goal.
        n: showers to generate at each energy; four times those of the truth if not said.
        provenance: what was compared with what.
        progress: called with the share of the work done.
    """
    judged = []
    for i, (energy, showers) in enumerate(truth.items()):
        progress(i / len(truth), format_energy(energy))
        judged.append(_at(run, energy, showers, integer_seeds(seed, "extrapolation")[0], radiation_length, n))
    return Extrapolation(tuple(judged), provenance or {})


def _at(run: Run, energy: float, given: Showers, seed: int, radiation_length: float | None, n: int | None) -> AtEnergy:
    low, high = run.pipeline.condition.energy_range.tolist()
    truth = unseen_showers(given, run.training_ids.all)
    left_out = len(given) - len(truth)
    if len(truth) < _FEWEST:
        reason = f"{len(truth)} showers of Geant4 are too few"
        tests = [cannot_tell(f"{title} at {format_energy(energy)}", reason, _FEWEST) for title in TITLES.values()]
        return AtEnergy(energy, (low, high), len(truth), left_out, tuple(tests))
    incident = Incident.of(truth).repeated(n or _COPIES * len(truth))
    generated = sample_showers(run.model, run.pipeline, incident, seed)
    first = read_sample(truth)
    second = read_sample(generated, pooled_edges={name: h.edges[0] for name, h in first.pooled.items()})
    measured = deviations(truth, generated, seed, radiation_length)
    return AtEnergy(
        energy,
        (low, high),
        len(truth),
        left_out,
        tuple(judge_deviation(name, d, format_energy(energy), len(truth)) for name, d in measured.items()),
        (first, second),
        measured,
        _separations(first, second, seed),
        _auc(first, second, seed),
    )


def _separations(truth: Sample, generated: Sample, seed: int) -> dict[str, Measured]:
    resamples = Resamples.draw(len(truth), len(generated), stream(seed, "resamples"))
    part = whole(truth, generated)
    return {name: measure_separation(*fill(OBSERVABLES[name], truth, generated, part), resamples)[0] for name in MAIN}


def _auc(truth: Sample, generated: Sample, seed: int) -> Measured | None:
    inputs = [(s.cells, s.table_of_cells) for s in (truth, generated)]
    try:
        return measure(STANDARD, "high", inputs[0], inputs[1], seed)[0].auc
    except EmptySample:
        return None
