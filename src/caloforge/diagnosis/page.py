"""The diagnosis as one HTML page and as JSON: findings with evidence and remedy, then the pictures of what was lost."""

__all__ = ["write_diagnosis"]

from html import escape
from pathlib import Path

from caloforge.diagnosis.diagnose import Diagnosis
from caloforge.diagnosis.document import Document, findings_table, verdict
from caloforge.diagnosis.pictures import plots


def write_diagnosis(diagnosis: Diagnosis, folder: Path) -> Path:
    """Write ``diagnosis.json``, a self-contained ``diagnosis.html`` and ``plots/``; each appears only when complete.

    Raises:
        UnwritablePath: the folder cannot be made or written.
    """
    counted = "; ".join(f"{escape(name)}: {count:,}" for name, count in diagnosis.samples.sizes.items())
    top = (
        f'<p class="small">Showers: {counted}</p>{verdict(diagnosis.verdict, bool(diagnosis.alarms))}'
        f"{findings_table(diagnosis.findings)}"
    )
    document = Document("Diagnosis of a model", top, tuple(plots(diagnosis)), diagnosis.provenance)
    return document.write(folder, "diagnosis", diagnosis.to_dict())
