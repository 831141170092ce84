"""The diagnosis as one HTML page and as JSON: findings with evidence and remedy, then the pictures of what was lost."""

__all__ = ["write_diagnosis"]

import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from caloforge.diagnosis.diagnose import Diagnosis
from caloforge.diagnosis.finding import ALPHA, Finding, Status
from caloforge.diagnosis.latent import LatentUse
from caloforge.diagnosis.pictures import plots
from caloforge.errors import UnwritablePath
from caloforge.validation.markup import Cell, figure, listing, number, table, text
from caloforge.validation.report import write_files
from caloforge.validation.section import Plot

_KIND = {Status.HEALTHY: "pass", Status.ALARM: "fail", Status.CANNOT_TELL: "unsure"}
_NOTE = (
    f"Each test is set to raise a false alarm for {100 * ALPHA:g} % of healthy models. Healthy means that a defect of "
    "concern would have been seen; where it would not, the test cannot tell and says how many showers it would need."
)


def write_diagnosis(diagnosis: Diagnosis, folder: Path) -> Path:
    """Write ``diagnosis.json``, a self-contained ``diagnosis.html`` and ``plots/``; each appears only when complete.

    Raises:
        UnwritablePath: the folder cannot be made or written.
    """
    drawn = tuple(plots(diagnosis))
    images = {plot.name: plot.render()["png"] for plot in drawn}
    contents = {f"plots/{name}.png": image for name, image in images.items()}
    contents["diagnosis.html"] = _page(diagnosis, drawn, images).encode()
    contents["diagnosis.json"] = json.dumps(_finite(diagnosis.to_dict()), indent=1, allow_nan=False).encode() + b"\n"
    try:
        write_files(folder, contents)
    except OSError as error:
        raise UnwritablePath(folder, error.strerror or "writing failed") from error
    return folder / "diagnosis.html"


def _finite(value: Any) -> Any:
    """JSON has no infinity and no NaN."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _page(diagnosis: Diagnosis, drawn: Sequence[Plot], images: Mapping[str, bytes]) -> str:
    style = (files("caloforge.validation") / "report.css").read_text()
    latents = _latents(diagnosis.latent) if diagnosis.latent else ""
    names = [
        ("main", "Findings"),
        *((plot.name, plot.title) for plot in drawn),
        *([("latents", "Latents one by one")] if latents else []),
        ("provenance", "Provenance"),
    ]
    contents = "".join(f'<li><a href="#{escape(name)}">{escape(title)}</a></li>' for name, title in names)
    counted = "; ".join(f"{escape(name)}: {count:,}" for name, count in diagnosis.samples.sizes.items())
    failed = " failed" if diagnosis.alarms else ""
    pictures = "".join(
        f'<section id="{escape(plot.name)}"><h2>{escape(plot.title)}</h2>{figure(plot, images[plot.name])}</section>'
        for plot in drawn
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Diagnosis of a model</title><style>{style}</style></head>\n<body>\n"
        f'<nav aria-label="Contents"><ol>{contents}</ol></nav>\n<main id="main"><h1>Diagnosis of a model</h1>'
        f'<p class="small">Showers: {counted}</p><p class="verdict{failed}">{escape(diagnosis.verdict)}</p>'
        f'{_findings(diagnosis.findings)}<p class="small">{_NOTE}</p>\n{pictures}{latents}\n<section id="provenance">'
        f"<h2>Provenance</h2>{listing(diagnosis.provenance)}</section></main>\n</body></html>\n"
    )


def _findings(findings: Sequence[Finding]) -> str:
    rows = (
        (text(f.test), Cell(escape(f.status), _KIND[f.status]), text(f.evidence), text(f.remedy or "-"))
        for f in sorted(findings, key=lambda f: list(_KIND).index(f.status) != 1)
    )
    return table(("Test", "Finding", "Evidence", "Remedy"), rows)


def _latents(use: LatentUse) -> str:
    """Every measure of every latent, largest rate first, and their sums."""
    head = ("Latent", "Variance of mean", "Rate (nats)", "Lost alone (nats)", "Distance from prior")
    order = sorted(range(len(use.rate)), key=lambda k: -use.rate[k])
    measures = (use.variance_of_means, use.rate, use.sensitivity, use.from_prior)
    rows = [(text(k), *(number(f"{values[k]:.3f}") for values in measures)) for k in order]
    note = (
        f"All together: rate {sum(use.rate):.2f} nats; I(x; z) {use.information:.2f} nats; the average posterior at "
        f"most {use.average_from_normal:.2f} nats from N(0, 1); {use.lost:.2f} ± {use.lost_error:.2f} nats are "
        "lost with the latent of another shower of nearly the same energy. Distances from the prior are the largest "
        "differences of cumulative distributions."
    )
    return f'\n<section id="latents"><h2>Latents one by one</h2>{table(head, rows)}<p>{note}</p></section>'
