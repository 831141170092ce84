"""Laws of showers on bins whose means obey them exactly."""

import math

import numpy as np
import pytest

from caloforge.errors import BadValue, EmptySample
from caloforge.geometry.binning import Binning, Layer
from caloforge.metrics.shower_laws import NEEDED, BinMeans, Depths, columns_of, measure_laws
from caloforge.physics.laws import gamma_shares
from caloforge.units import GeV

MESH = Binning(tuple(Layer(i, (0.0, 5.0), 1, (10.0 * i + 3, 10.0 * i + 13)) for i in range(8)), "deep")


def test_what_is_averaged():
    """R, R^2, 1/E, 1/E^2 and ln E with E in GeV, six means, the profile."""
    table = {name: np.full((1, 1), float(i)) for i, name in enumerate(NEEDED)}
    table["response"], table["longitudinal_profile"] = np.array([[0.5]]), np.array([[0.25, 0.75]])
    columns = columns_of(table, np.array([4.0 * GeV]))
    assert columns[0, :5].tolist() == pytest.approx([0.5, 0.25, 0.25, 1 / 16, math.log(4)])
    assert columns[0, 5:11].tolist() == [2, 3, 4, 5, 6, 7]
    assert columns[0, 11:].tolist() == [0.25, 0.75]
    with pytest.raises(BadValue, match="needs centre_z"):
        columns_of({k: v for k, v in table.items() if k != "centre_z"}, np.array([1.0]))


def test_means_of_bins():
    """Row 0 is the sample: undefined values are left out, and bins that are not asked for."""
    columns = np.array([[1.0, np.nan], [3.0, 5.0], [10.0, np.nan], [20.0, np.nan], [99.0, 99.0]])
    means = BinMeans.draw(columns, np.array([0, 0, 1, 1, 2]), (2, 2), 50, np.random.default_rng(0)).values
    assert means.shape == (51, 2, 2)
    assert means[0, :, 0].tolist() == [2, 15]
    assert means[0, 0, 1] == 5
    assert np.isnan(means[:, 1, 1]).all()
    assert set(means[1:, 0, 0].tolist()) == {1, 2, 3}
    assert set(means[1:, 1, 0].tolist()) == {10, 15, 20}
    with pytest.raises(EmptySample, match="got 1"):
        BinMeans.draw(columns, np.array([0, 0, 0, 0, 1]), (4, 1), 5, np.random.default_rng(0))
    assert BinMeans.draw(columns, np.array([0, 0, 1, 1, 2]), (2, 2), 1, np.random.default_rng(0)).values.shape[0] == 2


def test_resamples_have_the_size_that_is_asked_for():
    columns = np.arange(100.0)[:, None]
    means = BinMeans.draw(columns, np.zeros(100, int), (400,), 2000, np.random.default_rng(1)).values
    assert means[1:].std() == pytest.approx(columns.std() / 20, rel=5 / math.sqrt(2 * 2000))


def test_depths():
    in_mm = Depths.of(MESH, None)
    assert (in_mm.unit, in_mm.edges[0].tolist(), in_mm.edges[-1].tolist()) == ("mm", [3, 13], [73, 83])
    in_x0 = Depths.of(MESH, 5.0)
    assert (in_x0.unit, in_x0.edges[0].tolist(), in_x0.edges[-1].tolist()) == ("X0", [0.6, 2.6], [14.6, 16.6])
    flat = Binning((Layer(2, (0.0, 5.0), 1), Layer(3, (0.0, 5.0), 1)), "flat")
    in_layers = Depths.of(flat, 5.0)
    assert (in_layers.unit, in_layers.edges.tolist()) == ("layer", [[0, 1], [1, 2]])


def exact(n_bins=4):
    """Three rows of bins that follow laws of their own without any scatter."""
    energy = np.array([1.0, 4.0, 20.0, 80.0])[:n_bins]
    rows = []
    for slope, offset, (a, b, c), deeper in (
        (0.03, 0.002, (0.2, 0.05, 0.1), 20.0),
        (0.031, 0.003, (0.21, 0.055, 0.11), 21.0),
        (0.029, 0.001, (0.19, 0.045, 0.09), 19.0),
    ):
        response = slope + offset / energy
        square = response**2 * (1 + a**2 / energy + b**2 + c**2 / energy**2)
        maximum = deeper + 5 * np.log(energy)
        shares = gamma_shares(1 + 0.12 * maximum, np.full(n_bins, 0.12), Depths.of(MESH, None).edges)
        means = np.arange(6.0) + np.arange(n_bins)[:, None]
        logs = np.column_stack([response, square, 1 / energy, 1 / energy**2, np.log(energy)])
        rows.append(np.hstack([logs, means, shares]))
    return BinMeans(np.stack(rows)), energy


def test_laws_that_hold_exactly_are_recovered():
    means, energy = exact()
    laws = measure_laws(means, Depths.of(MESH, None))
    line = laws.laws["linearity"]
    assert line.parameters["slope"] == pytest.approx([0.03, 0.031, 0.029])
    assert line.parameters["offset"] / GeV == pytest.approx([0.002, 0.003, 0.001])
    assert line.chi2 == pytest.approx(0, abs=1e-12)
    assert line.degrees_of_freedom == 2
    assert laws.bins["nonlinearity"] == pytest.approx(np.zeros((3, 4)), abs=1e-12)
    terms = laws.laws["resolution"]
    assert terms.parameters["stochastic"] == pytest.approx([0.2, 0.21, 0.19], rel=1e-5)
    assert terms.parameters["constant"] == pytest.approx([0.05, 0.055, 0.045], rel=1e-5)
    assert terms.parameters["noise"] == pytest.approx([0.1, 0.11, 0.09], rel=1e-5)
    assert terms.degrees_of_freedom == 1
    assert terms.chi2 == pytest.approx(0, abs=1e-9)
    expected = np.sqrt(0.2**2 / energy + 0.05**2 + 0.1**2 / energy**2)
    assert laws.bins["resolution"][0] == pytest.approx(expected)
    assert laws.bins["response"][0] == pytest.approx(0.03 + 0.002 / energy)
    deepest = laws.laws["shower_maximum"]
    assert deepest.parameters["slope"] == pytest.approx([5, 5, 5], rel=1e-3)
    assert deepest.parameters["offset"] == pytest.approx([20, 21, 19], rel=1e-3)
    assert deepest.degrees_of_freedom == 2
    assert laws.bins["beta"] == pytest.approx(np.full((3, 4), 0.12), rel=1e-3)
    assert laws.bins["shower_max"][0] == pytest.approx(20 + 5 * np.log(energy), rel=1e-3)
    names = ["leakage_back", "leakage_side", "mean_depth", "mean_radius", "radius_50", "radius_90"]
    assert [laws.bins[name][0].tolist() for name in names] == [[i, i + 1, i + 2, i + 3] for i in range(6)]


def test_a_bin_off_the_line_has_its_chi2():
    """Three bins, the middle one off by d: residuals of the best line are those of the closed form."""
    means, _ = exact(3)
    means.values[0, 1, 0] += 0.01
    line = measure_laws(means, Depths.of(MESH, None)).laws["linearity"]
    x, y = means.values[0, :, 2], means.values[0, :, 0]
    sigma = means.values[1:, :, 0].std(axis=0, ddof=1)
    slope, offset = np.polyfit(x, y, 1, w=1 / sigma)
    assert line.parameters["offset"][0] / GeV == pytest.approx(slope)
    assert line.parameters["slope"][0] == pytest.approx(offset)
    assert line.chi2 == pytest.approx((((y - offset - slope * x) / sigma) ** 2).sum())


@pytest.mark.parametrize(
    ("n_bins", "laws"),
    [(1, set()), (2, {"linearity", "shower_maximum"}), (3, {"linearity", "shower_maximum", "resolution"})],
)
def test_what_the_bins_allow(n_bins, laws):
    measured = measure_laws(exact(n_bins)[0], Depths.of(MESH, None))
    assert set(measured.laws) == laws
    assert ("nonlinearity" in measured.bins) == (n_bins > 1)
    assert "alpha" in measured.bins


def test_two_layers_have_no_profile():
    means = BinMeans(exact()[0].values[..., :13])
    measured = measure_laws(means, Depths(Depths.of(MESH, None).edges[:2], "mm"))
    assert "alpha" not in measured.bins
    assert set(measured.laws) == {"linearity", "resolution"}
    three = measure_laws(BinMeans(exact()[0].values[..., :14]), Depths(Depths.of(MESH, None).edges[:3], "mm"))
    assert "alpha" in three.bins
