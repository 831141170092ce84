"""All numbers of one sample as they stand at the end of the page: response, distances, and the columns of both."""

__all__ = ["columns_list", "distances_table", "numbers", "response_table"]

from collections.abc import Iterator, Mapping

from markupsafe import Markup

from caloforge.metrics.measured import Measured
from caloforge.metrics.response import ResponseSummary
from caloforge.reporting.markup import Cell, number, render, table, text
from caloforge.validation.evidence import Evidence, columns_of, numbers_of
from caloforge.validation.key import Key


def numbers(evidence: Mapping[Key, Evidence], response: ResponseSummary | None, name: str = "") -> Markup:
    """The whole section.

    Args:
        evidence: of one sample, by key.
        response: of the sample, where it was measured.
        name: of the sample, where there are several.
    """
    return render(
        "numbers.html",
        name=name,
        response=response_table(response) if response else "",
        distances=distances_table(evidence),
        columns=columns_list(evidence),
    )


def response_table(response: ResponseSummary) -> Markup:
    """Bias and resolution in each bin of energy, and of theta where it varies.

    Args:
        response: of one sample.
    """
    rows = (
        (
            text(b.label),
            number(f"{b.n_truth:,} | {b.n_generated:,}"),
            number(f"{100 * b.bias:+.2f} ± {100 * b.bias_error:.2f} %"),
            number(f"{100 * b.resolution_truth:.2f} | {100 * b.resolution_generated:.2f} %"),
            number(f"{b.ratio:.3f} ± {b.ratio_error:.3f}"),
        )
        for b in (*response.bins, *response.angles)
    )
    head = (
        "Energy or angle",
        "Showers (G4 | gen.)",
        "Response bias",
        "Resolution (G4 | gen.)",
        "Ratio of resolutions",
    )
    return table(head, rows)


def distances_table(evidence: Mapping[Key, Evidence]) -> Markup:
    """Every distance of every observable, the mean over its columns, with a link to its figure.

    Args:
        evidence: of one sample, by key.
    """
    wasserstein, ks = (numbers_of(evidence, metric) for metric in ("wasserstein", "ks"))
    rows = (
        (
            Cell(name, link=f"observable_{name}"),
            number(f"{m.value:.3g} ± {m.error:.1g}"),
            number(f"{m.floor:.2g} ± {m.floor_spread:.1g}"),
            number(f"{m.significance:+.1f} σ"),
            *(_with_floor(family[name].measured) if name in family else text("–") for family in (wasserstein, ks)),
            number(f"{ks[name].p_value:.2g}") if name in ks else text("–"),
        )
        for name, m in ((o, item.measured) for o, item in numbers_of(evidence, "separation").items())
    )
    head = (
        "Observable",
        "Separation power",
        "Floor",
        "Above floor",
        "Wasserstein [std. dev.] (floor)",
        "Kolmogorov-Smirnov (floor)",
        "Smallest p",
    )
    return table(head, rows)


def _with_floor(m: Measured) -> Cell:
    return number(f"{m.value:.2g} ({m.floor:.2g})")


def columns_list(evidence: Mapping[Key, Evidence]) -> Iterator[tuple[str, str, str]]:
    """Observables with several columns: name, what each column is, separation powers with their floors.

    Args:
        evidence: of one sample, by key.
    """
    for name in numbers_of(evidence, "separation"):
        columns = columns_of(evidence, "separation", name)
        if len(columns) > 1:
            values = ", ".join(f"{c.measured.value:.4f} ({c.measured.floor:.4f})" for c in columns)
            yield name, columns[0].key.place.kind, values
