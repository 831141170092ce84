"""Time of drawing a report, with PDFs and without, and the size of its page: two halves of the bundled sample."""

import argparse
import tempfile
import time
from pathlib import Path

from caloforge.data.bundled import BUNDLED, showers_path
from caloforge.data.store import ShowerFile
from caloforge.validation.validate import validate


def main() -> None:
    """Print seconds of CPU and megabytes."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with ShowerFile(showers_path(BUNDLED)) as file:
        showers = file.read()
    half = len(showers) // 2
    report = validate(showers[:half], showers[half:], quick=True)
    with tempfile.TemporaryDirectory() as folder:
        for pdf in (False, True):
            start = time.process_time()
            page = report.write(Path(folder), pdf=pdf)
            kinds = "PNG and PDF" if pdf else "PNG"
            print(f"{len(report.plots)} figures as {kinds}: {time.process_time() - start:.1f} s of one core")
        print(f"page {page.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
