"""The diagnosis as one HTML page and as JSON: findings with evidence and remedy, then the pictures of what was lost."""

__all__ = ["write_diagnosis"]

from html import escape
from pathlib import Path

from caloforge.diagnosis.collapse.diagnose import Diagnosis
from caloforge.diagnosis.collapse.latent import LatentUse
from caloforge.diagnosis.collapse.pictures import plots
from caloforge.diagnosis.finding import findings_table
from caloforge.reporting.document import Document, verdict
from caloforge.reporting.markup import number, table, text


def write_diagnosis(diagnosis: Diagnosis, folder: Path) -> Path:
    """Write ``diagnosis.json``, a self-contained ``diagnosis.html`` and ``plots/``; each appears only when complete.

    Raises:
        UnwritablePath: the folder cannot be made or written.
    """
    counted = "; ".join(f"{escape(name)}: {count:,}" for name, count in diagnosis.samples.sizes.items())
    top = (
        f'<p class="small">Showers: {counted}</p>{verdict(diagnosis.verdict, bool(diagnosis.alarms))}'
        f"{findings_table(diagnosis.findings)}{_latents(diagnosis.latent) if diagnosis.latent else ''}"
    )
    document = Document("Diagnosis of a model", top, tuple(plots(diagnosis)), diagnosis.provenance)
    return document.write(folder, "diagnosis", diagnosis.to_dict())


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
    return f"<h2>Latents one by one</h2>{table(head, rows)}<p>{note}</p>"
