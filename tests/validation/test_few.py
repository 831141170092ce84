"""Samples that a classifier cannot work with: it is left out, and what asks for it cannot be told."""

import numpy as np

from caloforge.data.showers import Showers
from caloforge.geometry.binning import Binning, Layer
from caloforge.validation.finding import Status
from caloforge.validation.validate import validate

LINES = Binning(tuple(Layer(i, (0.0, 5.0), 1, (10.0 * i, 10.0 * i + 10)) for i in range(4)), "one cell a layer")


def line_showers(n, seed):
    rng = np.random.default_rng(seed)
    energy = rng.gamma(2.0, 3.0, (n, 4)).astype(np.float32)
    return Showers.perpendicular(energy, rng.uniform(1e3, 1e4, n).astype(np.float32), LINES)


def test_too_few_showers_leave_the_classifiers_out():
    """Half of a hundred true showers is too few for five folds. The mesh has no neighbours in r or alpha."""
    report = validate(line_showers(100, 0), line_showers(100, 1))
    (finding,) = [f for f in report.findings if f.test.startswith("auc/high")]
    assert finding.status is Status.CANNOT_TELL
    assert "200 showers of the truth" in finding.reason
    assert report.details.classifiers == {}
