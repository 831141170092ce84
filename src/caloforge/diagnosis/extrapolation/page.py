"""The test at chosen energies as one HTML page and as JSON: findings, all numbers with their floors, pictures."""

__all__ = ["write_extrapolation"]

from collections.abc import Iterator
from pathlib import Path

from markupsafe import Markup

from caloforge.diagnosis.extrapolation.deviation import TITLES, in_words
from caloforge.diagnosis.extrapolation.pictures import plots
from caloforge.diagnosis.extrapolation.study import MAIN, AtEnergy, Extrapolation
from caloforge.diagnosis.finding import findings_table
from caloforge.metrics.measured import Measured
from caloforge.reporting.document import Document
from caloforge.reporting.markup import Cell, number, table, text


def write_extrapolation(extrapolation: Extrapolation, folder: Path) -> Path:
    """Write ``extrapolation.json``, ``extrapolation.html`` and ``plots/``; each appears only when complete.

    Args:
        extrapolation: what to write.
        folder: where to.

    Raises:
        UnwritablePath: the folder cannot be made or written.
    """
    findings = [finding for at in extrapolation.energies for finding in at.findings]
    document = Document(
        "A model beside its training range",
        findings_table(findings) + _numbers(extrapolation),
        tuple(plots(extrapolation)),
        extrapolation.provenance,
        verdict=extrapolation.verdict,
        failed=bool(extrapolation.alarms),
    )
    return document.write(folder, "extrapolation", extrapolation.to_dict())


def _numbers(extrapolation: Extrapolation) -> Markup:
    head = ("", *(f"{at.label} ({at.place})" for at in extrapolation.energies))
    note = (
        "Value ± standard error, and in brackets what Geant4 against Geant4 gives at the same sizes (for the AUC: one "
        f"half against the other). Inside, above or below: the range of the training, {extrapolation.trained}."
    )
    return table(head, _rows(extrapolation), notes=(note,))


def _rows(extrapolation: Extrapolation) -> Iterator[list[Cell]]:
    """One for each number, a column for each energy."""
    yield [text("Showers of Geant4, generated"), *(number(_sizes(at)) for at in extrapolation.energies)]
    for name, title in TITLES.items():
        yield [text(title), *(_deviation(at, name) for at in extrapolation.energies)]
    yield [text("AUC of a classifier on observables"), *(_measured(at.auc, ".3f") for at in extrapolation.energies)]
    for name in MAIN:
        measured = (_measured(at.separations.get(name), ".2g") for at in extrapolation.energies)
        yield [text(f"Separation power of {name}"), *measured]


def _sizes(at: AtEnergy) -> str:
    return f"{at.n_truth:,}, {len(at.samples[1]) if at.samples else 0:,}"


def _deviation(at: AtEnergy, name: str) -> Cell:
    return text(in_words(name, at.deviations[name]) if name in at.deviations else "-")


def _measured(m: Measured | None, form: str) -> Cell:
    return number(f"{m.value:{form}} ± {m.error:{form}} ({m.floor:{form}})" if m else "-")
