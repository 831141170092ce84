"""`caloforge amplification`, what it says: which samples can be asked, figures and a table."""

__all__ = ["observables_asked", "showers_of_training", "require_independent", "plots_of", "worth_table"]

from collections.abc import Sequence

import numpy as np

from caloforge.data.mesh_file import MeshFile
from caloforge.diagnosis.amplification.plots import draw_factors, draw_saturation
from caloforge.diagnosis.amplification.worth import Amplification
from caloforge.errors import BadValue
from caloforge.physics.observables import Observable, select
from caloforge.reporting.style import pdf, png
from caloforge.validation.conditions import ConditionsDiffer, differences
from caloforge.validation.sample import Sample


def observables_asked(names: Sequence[str]) -> dict[str, Observable]:
    """Observables of one value a shower.

    Args:
        names: of the observables.

    Raises:
        BadValue: one has several.
    """
    chosen = select(names)
    for name, o in chosen.items():
        if o.per != "shower":
            raise BadValue("--observable", name, "it has several values a shower; choose one of one value")
    return chosen


def showers_of_training(showers: MeshFile) -> int:
    """How many showers the model of a file was trained on.

    Args:
        showers: the file, open.

    Raises:
        BadValue: it does not say.
    """
    training = showers.provenance.training
    if training is None or training.training_showers is None:
        raise BadValue("--training-showers", None, f"{showers.path} does not say how many its model was trained on")
    return training.training_showers


def require_independent(truth: Sample, generated: Sample) -> None:
    """Same spectrum, but not the same energies: with those, chance that both share would pass for precision.

    Args:
        truth: Geant4's.
        generated: the model's.

    Raises:
        BadValue: the energies are the same.
        ConditionsDiffer: the spectra are not.
    """
    advice = "generate with the truth's spectrum: caloforge generate RUN --energy 1GeV:100GeV:log -n 100000, say"
    if differing := differences(truth, generated):
        raise ConditionsDiffer(differing, advice)
    energies, counts = np.unique(truth.incident_energy, return_counts=True)
    continuous = counts.max() < max(3, 0.01 * len(truth))
    if continuous and np.isin(generated.incident_energy, energies).mean() > 0.01:
        raise BadValue("incident energies", "those of the truth", f"they must be drawn anew; {advice}")


def plots_of(amplifications: Sequence[Amplification]) -> dict[str, bytes]:
    """Figures by file.

    Args:
        amplifications: one for each observable.
    """
    figures = {"saturation": draw_saturation(amplifications), "factors": draw_factors(amplifications)}
    return {f"plots/{name}.{end}": of(f) for name, f in figures.items() for end, of in (("png", png), ("pdf", pdf))}


def worth_table(amplifications: Sequence[Amplification]) -> str:
    """One line for each observable.

    Args:
        amplifications: one for each observable.
    """
    first = amplifications[0]
    lines = [
        f"{first.worth.generated} generated showers of a model trained on {first.training}, against "
        f"{first.worth.truth} true ones, by which a perfect generator is known to be worth {first.worth.limit:.0f}",
        f"{'observable':16}{'worth':>9}{'95 % interval':>20}{'most, if more are made':>26}",
    ]
    for amplified in amplifications:
        w = amplified.worth
        lines.append(
            f"{amplified.name:16}{_number(w.value):>9}{_interval(w.interval):>20}"
            f"{_number(w.ceiling) + _interval(w.ceiling_interval):>26}   {amplified.text}"
        )
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:.0f}" if np.isfinite(value) else "inf"


def _interval(pair: tuple[float, float]) -> str:
    return f" [{_number(pair[0])}, {_number(pair[1])}]"
