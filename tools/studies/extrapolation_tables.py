"""Tables of the extrapolation study: deviations and shapes of every arm, and what the laws alone would give."""

__all__ = ["Results", "laws_alone", "shape_table", "table", "values"]

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from shower_laws import violation

from caloforge.data.showers import Showers
from caloforge.diagnosis.extrapolation.deviation import GOALS
from caloforge.training.draws import binned
from caloforge.training.laws import LAWS

Results = dict[tuple[str, str, str], list[dict[str, Any]]]  # family, conditioning, arm -> one entry a seed


def values(entries: list[dict[str, Any]], label: str, name: str) -> np.ndarray:
    return np.array([entry[label][name]["value"] for entry in entries])


_FORMS = {"response_bias": (100.0, "+.2f"), "resolution_ratio": (1.0, ".3f"), "depth_shift": (1.0, "+.3f")}
_HEADS = {"response_bias": "bias [%]", "resolution_ratio": "resolution ratio", "depth_shift": "depth shift [X0]"}


def table(results: Results, labels: Iterable[str]) -> str:
    """Deviations at these labels, mean ± spread over the seeds; below, Geant4 against Geant4, and the goal."""
    columns = [(label, name) for label in labels for name in GOALS]
    rows = {
        key: [str(len(entries)), *(_cell(values(entries, label, name), *_FORMS[name]) for label, name in columns)]
        for key, entries in results.items()
    }
    first = next(iter(results.values()))[0]
    floors = ["", *(f"{_FORMS[name][0] * first[label][name]['floor']:.2g}" for label, name in columns)]
    goals = ["", *(f"{_FORMS[name][0] * GOALS[name]:g}" for _, name in columns)]
    return _markdown(["seeds", *(f"{label} {_HEADS[name]}" for label, name in columns)], rows, floors, goals)


def shape_table(results: Results, labels: Sequence[str]) -> str:
    """What a classifier on all observables sees at these labels, and the separation power of the mean radius."""

    def cells(entries: list[dict[str, Any]], what: str) -> list[str]:
        found = [[(e[label]["auc"][what], e[label]["separation"]["mean_r"][what]) for label in labels] for e in entries]
        return [_cell(column, 1.0, ".3f") for column in np.array(found).reshape(len(entries), -1).T]

    rows = {key: cells(entries, "value") for key, entries in results.items()}
    head = [f"{label} {what}" for label in labels for what in ("AUC", "separation of mean_r")]
    return _markdown(head, rows, cells(next(iter(results.values()))[:1], "floor"))


def _markdown(
    head: list[str], rows: Mapping[tuple[str, str, str], list[str]], floors: list[str], goals: Sequence[str] = ()
) -> str:
    lines = [["model", "arm", *head], ["---"] * (len(head) + 2)]
    lines += [[f"{family}, {conditioning}", arm, *cells] for (family, conditioning, arm), cells in rows.items()]
    lines += [["Geant4 against Geant4", "", *floors]]
    lines += [["goal (distance)", "", *goals]] if goals else []
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(values: np.ndarray, factor: float, form: str) -> str:
    spread = f" ± {factor * values.std(ddof=1):{form.replace('+', '')}}" if len(values) > 1 else ""
    return f"{factor * values.mean():{form}}{spread}"


def laws_alone(training: Showers, judged: Mapping[str, Showers], radiation_length: float) -> str:
    """What a model would get that obeys the laws, as fitted to the training showers, exactly."""
    fits = {name: LAWS[name].fit(binned(training)) for name in ("linear_response", "resolution", "depth")}
    said = []
    for label, truth in judged.items():
        g = {name: violation(name, truth, fit) for name, fit in fits.items()}
        bias, ratio = 100 * (1 / (1 + g["linear_response"]) - 1), (1 + 2 * g["resolution"]) ** -0.5
        shift = -g["depth"] * fits["depth"][2] / radiation_length
        said.append(f"{label}: bias {bias:+.2f} %, ratio {ratio:.3f}, shift {shift:+.3f} X0")
    return f"Laws alone, fitted to the training showers, against Geant4: {'; '.join(said)}"
