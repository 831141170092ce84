"""Plots show what they are given: every axis is labelled, curves hold the numbers, the radar's ring is the floor."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from caloforge.data.showers import Showers
from caloforge.metrics.bins import energy_edges
from caloforge.metrics.measured import Measured
from caloforge.metrics.physics_summary import summarise_physics
from caloforge.metrics.response import compare_response
from caloforge.physics.observables import OBSERVABLES
from caloforge.reporting.curve import Curve
from caloforge.reporting.panels import depth_axis, reach_of
from caloforge.reporting.quoting import parameter_words
from caloforge.reporting.style import figure, look, pdf, png, power_label
from caloforge.validation.figures.laws import draw_laws, draw_quantities, laws_in
from caloforge.validation.figures.lineup import Lineup
from caloforge.validation.figures.matrices import correlations, layer_correlations
from caloforge.validation.figures.observables import SHOWN_BINS, draw_observable
from caloforge.validation.figures.radar import radar
from caloforge.validation.figures.response import draw_response
from caloforge.validation.sample import read_sample
from caloforge.validation.spokes import Spoke

RING = "floor: Geant4 against Geant4"


def scaled(showers, factor):
    names = ("incident_energy", "pdg", "theta", "phi")
    energy = (factor * showers.energy).astype(np.float32)
    return Showers(energy=energy, binning=showers.binning, **{n: getattr(showers, n) for n in names})


def line_up(truth, **generated):
    first = read_sample(truth)
    edges = {name: h.edges[0] for name, h in first.pooled.items()}
    others = {name: read_sample(showers, pooled_edges=edges) for name, showers in generated.items()}
    return Lineup(first, others, energy_edges(truth.incident_energy, truth.incident_energy))


@pytest.fixture(scope="module")
def one(halves):
    return line_up(halves[0], model=halves[1])


@pytest.fixture(scope="module")
def two(halves):
    return line_up(halves[0], first=halves[1], second=scaled(halves[1], 1.2))


def test_a_curve_shares_out_every_value():
    curve = Curve.of_values(np.array([-1.0, 0.5, 0.6, 1.0, 9.0, np.nan]), np.array([0.0, 1.0, 2.0]))
    assert curve.content.tolist() == pytest.approx([2 / 6, 1 / 6])
    assert (curve.below, curve.above, curve.undefined) == pytest.approx((1 / 6, 1 / 6, 1 / 6))
    assert curve.error[0] == pytest.approx(np.sqrt(1 / 3 * 2 / 3 / 6))


def test_means_leave_out_what_is_undefined():
    curve = Curve.of_means(np.arange(4.0), np.array([[1.0, np.nan, np.nan], [3.0, 4.0, np.nan]]))
    assert curve.content[:2].tolist() == [2.0, 4.0]
    assert np.isnan(curve.content[2])
    assert curve.error[0] == pytest.approx(1 / np.sqrt(2))
    assert not curve.empty
    assert Curve.of_values(np.zeros(0), np.arange(3.0)).empty


def test_the_axis_of_ratios_holds_the_points():
    truth = Curve(np.arange(4.0), np.full(3, 100.0), np.full(3, 1.0))
    for factor, reach in ((1.0, 0.05), (1.06, 0.1), (1.3, 0.5), (3.0, 0.95)):
        other = Curve(truth.edges, factor * truth.content, truth.error)
        assert reach_of([(truth, other)]) == reach


@pytest.mark.parametrize("name", list(OBSERVABLES))
def test_every_observable_has_a_figure_with_labels_and_units(name, two):
    observable = OBSERVABLES[name]
    fig = draw_observable(observable, replace(two, energy_edges=two.energy_edges[[0, 3, -1]]))
    lower, upper = fig.axes[:2]
    panels = len(fig.axes) // 2
    assert 2 <= panels <= 1 + SHOWN_BINS
    assert upper.get_ylabel()
    if observable.per in ("shower", "cell"):
        assert lower.get_xlabel() == observable.axis_label(two.binning)
    else:
        assert observable.quantity[1:] in upper.get_ylabel()
        assert any(axes.get_xlabel() == observable.axis_label(two.binning) for axes in fig.axes[2:])
    assert [text.get_text() for text in upper.get_legend().get_texts()] == ["Geant4", "first", "second"]


def test_a_figure_shows_the_shares_that_were_counted(one):
    fig = draw_observable(OBSERVABLES["response"], one)
    filled = fig.axes[1].patches[0].get_data()
    values = one.truth.table["response"][:, 0]
    expected = np.histogram(values, filled.edges)[0] / len(values)
    assert filled.values == pytest.approx(expected, abs=1.5 / len(values))


def test_small_multiples_are_the_energy_bins(one):
    fig = draw_observable(OBSERVABLES["response"], one)
    titles = [axes.get_title(loc="left") for axes in fig.axes if axes.get_title(loc="left")]
    assert titles == [label for label, _ in one.energy_bins(SHOWN_BINS)]
    counted = sum(masks[0] for _, masks in one.energy_bins(SHOWN_BINS))
    assert (counted == 1).all()


def test_one_energy_needs_no_small_multiples(halves):
    beam = halves[0][:200]
    names = ("pdg", "theta", "phi")
    same = Showers(
        energy=beam.energy,
        incident_energy=np.full(200, 5e4, np.float32),
        binning=beam.binning,
        **{n: getattr(beam, n) for n in names},
    )
    lineup = line_up(same, model=same)
    assert lineup.energy_bins(6)[0][0] == "50 GeV"
    assert len(draw_observable(OBSERVABLES["centre_z"], lineup).axes) == 2


def test_worst_columns_are_shown(one):
    fig = draw_observable(OBSERVABLES["layer_energy"], one, [2, 0, 1])
    assert {a.get_title(loc="left") for a in fig.axes} >= {"layer 0", "layer 1", "layer 4"}


def test_the_ring_of_the_radar_is_the_floor():
    for ideal, at in ((0.0, 0.02), (0.5, 0.51), (1.0, 0.97)):
        assert Spoke("same", Measured(at, 0.003, at, 0.004), ideal).value == 1
    assert Spoke("worse", Measured(0.2, 0.01, 0.02, 0.004)).value == pytest.approx(10)
    assert Spoke("worse", Measured(0.2, 0.01, 0.02, 0.004)).error == pytest.approx(0.5)
    assert Spoke("AUC", Measured(0.7, 0.01, 0.49, 0.01), 0.5).value == pytest.approx(20)
    assert Spoke("coverage", Measured(0.85, 0.01, 0.95, 0.01), 1.0).value == pytest.approx(3)
    assert Spoke("unbiased, around zero", Measured(1e-5, 1e-5, -1e-7, 1e-4)).value == 1


def test_identical_samples_lie_on_the_ring_of_the_radar():
    same = [Spoke(f"metric {i}", Measured(0.01 * i, 0.001, 0.01 * i, 0.002)) for i in range(1, 8)]
    fig = radar({"model": same})
    axes = fig.axes[0]
    ring, polygon = (next(line for line in axes.lines if line.get_label() == label) for label in (RING, "model"))
    assert polygon.get_ydata() == pytest.approx(np.full(8, ring.get_ydata()[0]))
    assert [label.get_text() for label in axes.get_xticklabels()] == [s.name for s in same]


def test_the_radar_stays_finite():
    spokes = [Spoke("wild", Measured(float("inf"), 1.0, 1.0, 0.1)), Spoke("tame", Measured(1.0, 0.1, 1.0, 0.1))]
    spokes.append(Spoke("third", Measured(5.0, 0.1, 1.0, 0.1)))
    axes = radar({"model": spokes}).axes[0]
    assert all(np.isfinite(line.get_ydata()).all() for line in axes.lines)


def test_differences_of_correlations_vanish_between_equal_samples(halves):
    same = line_up(halves[0], model=halves[0])
    for draw in (correlations, layer_correlations):
        images = [axes.images[0].get_array() for axes in draw(same).axes if axes.images]
        assert len(images) == 3
        assert np.allclose(images[0].diagonal(), 1)
        assert np.abs(images[2]).max() < 1e-6


def test_several_samples_show_differences_only(two):
    titles = [axes.get_title() for axes in layer_correlations(two).axes if axes.images]
    assert titles == ["Geant4", "first − Geant4", "second − Geant4"]


def test_the_physics_summary_is_drawn_with_its_parameters(two):
    rng = np.random.default_rng(0)
    found = {
        name: summarise_physics(two.truth, s, (two.truth.table, s.table), rng, repeats=20)
        for name, s in two.generated.items()
    }
    fig = draw_laws(found)
    legends = [a.get_legend() for a in fig.axes if a.get_legend()]
    assert len(legends) == len(laws_in(found)) == 3
    slope = found["second"].laws["linearity"].parameters["slope"]
    words = f"slope {parameter_words('linearity', 'slope', slope.generated, slope.generated_error)}"
    assert any(words in text.get_text() for legend in legends for text in legend.get_texts())
    labelled = [a.get_xlabel() for a in (*fig.axes, *draw_quantities(found).axes) if a.get_ylabel() == "pull"]
    assert labelled
    assert all("GeV" in label for label in labelled)


def test_looks_differ_in_more_than_colour():
    looks = [look(i) for i in range(6)]
    for part in ("colour", "line", "marker"):
        assert len({str(getattr(one, part)) for one in looks}) == 6


def test_any_name_can_stand_in_a_legend(one):
    odd = Lineup(one.truth, {"_a $1 file": one.generated["model"]}, one.energy_edges)
    fig = draw_observable(OBSERVABLES["response"], odd)
    assert fig.axes[1].get_legend().get_texts()[1].get_text() == r" _a \$1 file"
    assert png(fig).startswith(b"\x89PNG")


def test_labels_of_logarithmic_axes():
    assert [power_label(x) for x in (0.01, 1.0, 1000.0)] == ["0.01", "1", "1000"]
    assert power_label(1e-5) == "$10^{-5}$"


def test_files_of_a_figure():
    def draw():
        with figure(2.0, 1.0) as fig:
            fig.add_subplot().plot([0, 1], color=look(0).colour)
            return fig

    fig = draw()
    image = Image.open(io.BytesIO(png(fig)))
    assert image.size == (260, 130)
    assert image.mode == "P"
    assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    assert pdf(fig).startswith(b"%PDF")
    assert pdf(draw()) == pdf(draw())


def test_one_energy_is_one_tick_and_angles_are_in_degrees():
    rng = np.random.default_rng(4)
    energy, theta = np.full(400, 5e4), rng.uniform(0, 0.5, 400)
    sample = energy, 1 + 0.1 * rng.normal(size=400)
    summary = compare_response(sample, sample, rng, repeats=3, theta=(theta, theta))
    upper = draw_response({"model": summary.bins}).axes[0]
    assert upper.get_xticks(minor=False).tolist() == pytest.approx([50])
    assert len(upper.get_xticks(minor=True)) == 0
    lower = draw_response({"model": summary.angles}).axes[1]
    assert lower.get_xlabel().endswith("[deg]")
    assert lower.get_xlim() == pytest.approx((np.degrees(theta.min()), np.degrees(theta.max())), abs=0.01)


def test_a_depth_axis_on_top_is_the_one_below_over_the_radiation_length():
    with figure(3, 3) as fig:
        axes = fig.subplots()
        axes.set_xlim(0, 150)
        depth_axis(axes, 15.0)
        png(fig)
        assert axes.child_axes[0].get_xlim() == pytest.approx((0, 10))
        depth_axis(axes, None)
        assert len(axes.child_axes) == 1
