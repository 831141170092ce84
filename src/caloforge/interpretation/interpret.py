"""What a trained model has learned: latents, variance, modulation, slopes in energy, and what a classifier sees."""

__all__ = ["Interpretation", "interpret_run"]

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from caloforge.classifiers.auc import FAST, ClassifierSettings
from caloforge.data.showers import Showers
from caloforge.interpretation.attribution import Attribution
from caloforge.interpretation.information import Dependence
from caloforge.interpretation.latents import latents_of
from caloforge.interpretation.modulation import Modulation
from caloforge.interpretation.slopes import Sensitivity
from caloforge.interpretation.study import Study
from caloforge.interpretation.traversal import Traversal
from caloforge.interpretation.variance import VarianceShares
from caloforge.training.run import Run

SCHEMA = 2
Progress = Callable[[float, str], None]


@dataclass(frozen=True, eq=False)
class Interpretation:
    """What was learned; a part that does not apply to the model is empty and has its reason in ``absent``.

    Args:
        shapes: observables looked at.
        unusable: observables that are undefined or never vary on this mesh.
        generated: what the noise of generated showers tells of their shapes.
        encoded: what the posterior means of held-out Geant4 showers tell of theirs.
        variance: which part of the noise the variance comes from.
        traversals: the latents that tell most, moved.
        modulations: what FiLM layers do at each energy.
        sensitivity: slopes against the incident energy.
        attribution: what a classifier sees.
        absent: parts that do not apply, or only in part, and why.
        sizes: numbers of showers.
        left_out: showers of the truth that the model was trained on.
        provenance: what was interpreted with what.
    """

    shapes: tuple[str, ...]
    unusable: tuple[str, ...]
    generated: Dependence | None
    encoded: Dependence | None
    variance: VarianceShares | None
    traversals: tuple[Traversal, ...]
    modulations: tuple[Modulation, ...]
    sensitivity: Sensitivity | None
    attribution: Attribution
    absent: Mapping[str, str]
    sizes: Mapping[str, int]
    left_out: int = 0
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """What ``interpretation.json`` holds."""
        parts = ("generated", "encoded", "variance", "sensitivity", "attribution")
        return {
            "schema": SCHEMA,
            "samples": dict(self.sizes),
            "shapes": list(self.shapes),
            "left_out": self.left_out,
            "unusable": list(self.unusable),
            "absent": dict(self.absent),
            **{name: None if (part := getattr(self, name)) is None else part.to_dict() for name in parts},
            "traversals": [t.to_dict() for t in self.traversals],
            "modulations": [m.to_dict() for m in self.modulations],
            "provenance": dict(self.provenance),
        }


def interpret_run(
    run: Run,
    truth: Showers,
    seed: int,
    n: int = 5000,
    energy: float | None = None,
    observables: Sequence[str] | None = None,
    provenance: Mapping[str, Any] | None = None,
    classifier: ClassifierSettings = FAST,
    progress: Progress = lambda done, text: None,
) -> Interpretation:
    """Everything that applies to a trained model, against the showers of the truth that it was not trained on.

    Args:
        run: the model.
        truth: showers of Geant4; those that trained the model are left out.
        seed: of noise, networks and resamples.
        n: generated showers of the matrix, of each sample of the variances and of each slope.
        energy: incident energy of the traversals, MeV; the geometric middle of the training range if not said.
        observables: names of shower shapes; those of `caloforge.diagnosis.collapse.three_samples` if not said.
        provenance: what is interpreted with what.
        classifier: size and training of its networks.
        progress: called with the share of the work done.

    Raises:
        BadObservable: an observable that is no single number a shower, is undefined on this mesh, or never varies.
        BadValue: conditions that the model was not trained on.
        BinningMismatch: a truth of another mesh.
        EmptySample: fewer than 400 showers that did not train the model.
    """
    study = Study.of(run, truth, seed, n, observables)
    at = study.traversed_energy(energy)
    latents, absent = latents_of(run.model), dict[str, str]()
    progress(0.0, "latents")
    generated, variance = (None, None) if latents is None else study.latents(latents)
    read = study.encoded()
    progress(0.3, "traversals")
    traversals = () if generated is None else tuple(study.traversals(generated, at))
    progress(0.4, "sensitivity")
    films, sensitivity = study.of_energy(lambda done: progress(0.4 + 0.3 * done, "sensitivity"))
    progress(0.7, "classifier")
    attribution = study.attribution(classifier, lambda done: progress(0.7 + 0.3 * done, "classifier"))
    if latents is None:
        absent["latents"] = "this model has no latent of its own, only noise in the size of a shower"
    if read is None:
        absent["encoder"] = "only a variational autoencoder reads latents from given showers; this model has no encoder"
    if not study.has_range:
        absent["sensitivity"] = "the model or the truth knows one energy only, so there is no slope to compare"
    if not films:
        absent["modulation"] = "no layer on the way from noise to shower is modulated (FiLM) over a range of energies"
    if run.model.keep_probability is not None:
        absent["balance"] = (
            "trained with training.balance: latents, variances, traversals and modulation are those of the balanced "
            "mixture, before showers are kept or drawn again; slopes and the classifier are those of the kept showers"
        )
    sizes = {"held-out Geant4": len(study.held_out), "generated": n}
    return Interpretation(
        tuple(study.shapes), study.unusable, generated, read, variance, traversals, films, sensitivity, attribution,
        absent, sizes, study.left_out, provenance or {},
    )  # fmt: skip
