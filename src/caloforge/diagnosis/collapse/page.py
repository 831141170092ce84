"""The diagnosis as one HTML page and as JSON: findings with evidence and remedy, then the pictures of what was lost."""

__all__ = ["write_diagnosis"]

from pathlib import Path

from markupsafe import Markup

from caloforge.diagnosis.collapse.diagnose import Diagnosis
from caloforge.diagnosis.collapse.latent import LatentUse
from caloforge.diagnosis.collapse.pictures import plots
from caloforge.diagnosis.finding import findings_table
from caloforge.reporting.document import Document
from caloforge.reporting.markup import number, paragraphs, table, text


def write_diagnosis(diagnosis: Diagnosis, folder: Path) -> Path:
    """Write ``diagnosis.json``, a self-contained ``diagnosis.html`` and ``plots/``; each appears only when complete.

    Args:
        diagnosis: what to write.
        folder: where to.

    Raises:
        UnwritablePath: the folder cannot be made or written.
    """
    latents = _latents(diagnosis.latent) if diagnosis.latent else Markup()
    document = Document(
        "Diagnosis of a model",
        findings_table(diagnosis.findings) + latents,
        tuple(plots(diagnosis)),
        diagnosis.provenance,
        diagnosis.samples.sizes,
        diagnosis.verdict,
        failed=bool(diagnosis.alarms),
    )
    return document.write(folder, "diagnosis", diagnosis.to_dict())


def _latents(use: LatentUse) -> Markup:
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
    return paragraphs(heading="Latents one by one") + table(head, rows) + paragraphs(note)
