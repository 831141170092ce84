"""The CaloChallenge's numbers against its definitions in plain NumPy, on small meshes like its data sets."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from caloforge.classifiers.features import challenge_high
from caloforge.data.showers import Showers
from caloforge.geometry.binning import Binning, Layer
from caloforge.metrics.challenge import published_fpd, published_kpd
from caloforge.validation.challenge import challenge_numbers, challenge_section
from caloforge.validation.sample import read_sample

NARROW = Binning(tuple(Layer(i, (0.0, 4.65, 9.3, 13.95), 8) for i in range(4)))
WIDE = Binning(
    (
        Layer(0, (0.0, 5.0, 10.0, 600.0), 1),
        Layer(1, (0.0, 50.0, 150.0), 10),
        Layer(12, (0.0, 100.0, 200.0, 2000.0), 5),
        Layer(14, (0.0, 400.0, 1000.0), 1),
    )
)
THRESHOLD = {NARROW: 0.5e-3 / 0.033, WIDE: 1.0}


def make_showers(mesh, n, seed, slope=1.0):
    """Random hits that fade with the radius; some layers and one shower are empty."""
    rng = np.random.default_rng(seed)
    reach = mesh.r_centres.max() / 2
    energy = rng.exponential(300.0, (n, mesh.n_voxels)) * np.exp(-slope * mesh.r_centres / reach)
    energy *= rng.random(energy.shape) < 0.5
    energy[::7, : mesh.layer_starts[1]] = 0
    energy[3] = 0
    incident = energy.sum(axis=1).mean() * rng.uniform(0.7, 1.5, n)
    return Showers.perpendicular(energy.astype(np.float32), incident.astype(np.float32), mesh)


def observables(showers):
    """The challenge's observables in plain NumPy, float64; each (N, columns)."""
    mesh = showers.binning
    lists = {name: [] for name in ("layer_energy", *(f"{w}_{q}" for w in ("centre", "width") for q in "xyr"))}
    for i, layer in enumerate(mesh.layers):
        a, b = mesh.layer_starts[i : i + 2]
        e = showers.energy[:, a:b].astype(np.float64)
        total = e.sum(axis=1)
        edges = np.array(layer.r_edges)
        r = np.tile((edges[1:] + edges[:-1]) / 2, layer.n_alpha)
        alpha = np.repeat(-math.pi + (np.arange(layer.n_alpha) + 0.5) * 2 * math.pi / layer.n_alpha, len(edges) - 1)
        lists["layer_energy"].append(total)
        places = {"r": r} | ({"x": r * np.cos(alpha), "y": r * np.sin(alpha)} if layer.n_alpha > 1 else {})
        for q, place in places.items():
            safe = np.where(total > 0, total, 1)
            centre, square = (e @ place) / safe, (e @ place**2) / safe
            lists[f"centre_{q}"].append(centre)
            lists[f"width_{q}"].append(np.sqrt(np.maximum(square - centre**2, 0)))
    values = {name: np.stack(columns, axis=1) for name, columns in lists.items()}
    values["response"] = (showers.energy.sum(axis=1, dtype=np.float64) / showers.incident_energy)[:, None]
    values["sparsity"] = (showers.energy <= 0).mean(axis=1)[:, None]
    values["voxel_energy"] = showers.energy.astype(np.float64).reshape(-1, 1)
    return values


def edges_of(mesh, name, column, layer):
    """The challenge's bins."""
    if name == "response":
        return np.linspace(0.5, 1.5, 101)
    if name == "sparsity":
        return np.linspace(0, 1, 21)
    if name in ("layer_energy", "voxel_energy"):
        return np.geomspace(THRESHOLD[mesh], column.max(), 40 if name == "layer_energy" else 50)
    which = 0 if mesh is NARROW else 2 if layer.id in (12, 13) else 1
    top = {
        "centre_x": (30, 100, 500),
        "width_x": (30, 100, 400),
        "centre_r": (42, 500, 1500),
        "width_r": (20, 500, 1500),
    }[name.replace("y", "x")][which]
    return np.linspace(-top if name in ("centre_x", "centre_y") else 0, top, 101)


def separation(truth, generated, edges):
    h, g = (np.histogram(x, edges)[0] for x in (truth, generated))
    h, g = h / h.sum(), g / g.sum()
    return 0.5 * sum((a - b) ** 2 / (a + b) for a, b in zip(h, g, strict=True) if a + b > 0)


@pytest.mark.parametrize("mesh", [NARROW, WIDE])
def test_separations_and_precision_are_those_of_the_definitions(mesh):
    truth, generated = make_showers(mesh, 60, 1), make_showers(mesh, 50, 2, slope=1.4)
    samples = [read_sample(x, seed=1) for x in (truth, generated)]
    numbers = {n.name: n for n in challenge_numbers(*samples, seed=1, classifiers={})}
    first, second = observables(truth), observables(generated)
    for name, columns in first.items():
        layers = [x for x in mesh.layers if x.n_alpha > 1 or name[-2:] not in ("_x", "_y")]
        expected = [
            separation(column, second[name][:, i], edges_of(mesh, name, column, layers[i]))
            for i, column in enumerate(columns.T)
        ]
        assert numbers[f"separation/{name}"].value == pytest.approx(np.mean(expected), abs=1e-6), name
        assert 0 < np.mean(expected) < 1
        if len(columns.T) > 1:
            assert numbers[f"separation/{name}"].layers == pytest.approx(expected, abs=1e-6)
    t, g = (np.log10(np.where(x.energy > 0, x.energy, 0.1))[:50].astype(np.float64) for x in (truth, generated))
    within_t, within_g, across = (((x[:, None] - y[None]) ** 2).sum(2) for x, y in ((t, t), (g, g), (t, g)))
    ball_t, ball_g = (np.sort(x, axis=1)[:, 5] for x in (within_t, within_g))  # the shower itself comes first
    inside = across < ball_t[:, None]
    expected = (
        inside.any(axis=0).mean(),
        (across < ball_g).any(axis=1).mean(),
        inside.sum(axis=0).mean() / 5,
        (across.min(axis=1) < ball_t).mean(),
    )
    values = [numbers[name].value for name in ("precision", "recall", "density", "coverage")]
    assert values == pytest.approx(expected, abs=1e-6)


def high_features(showers):
    """The challenge's high-level features in plain NumPy, each divided by nothing yet."""
    values = observables(showers)
    lengths = [values[f"{w}_{q}"] / 100 for q in "xyr" for w in ("centre", "width")]
    mesh = showers.binning
    parts = np.split(showers.energy <= 0, mesh.layer_starts[1:-1], axis=1)
    total = showers.energy.sum(axis=1, dtype=np.float64)[:, None]
    energies = [np.log10(x + 1e-8) for x in (values["layer_energy"], total)]
    empty = np.stack([part.mean(axis=1) for part in parts], axis=1)
    return np.concatenate([np.log10(showers.incident_energy)[:, None], *energies, empty, *lengths], axis=1)


@pytest.mark.parametrize("mesh", [NARROW, WIDE])
def test_frechet_and_kernel_distance_are_those_of_the_definitions(mesh):
    truth, generated = make_showers(mesh, 400, 1), make_showers(mesh, 300, 2, slope=1.4)
    features = [challenge_high(x, {}).values for x in (truth, generated)]
    plain = [high_features(x) for x in (truth, generated)]
    assert features[0].shape == plain[0].shape
    largest = np.abs(plain[0]).max(axis=0)
    plain = [x / largest for x in plain]
    rng = np.random.default_rng(5)
    sizes = [round(1 / x) for x in np.linspace(1 / 80, 1 / 240, 10)]
    means = []
    for size in sizes:
        distances = []
        for _ in range(20):
            t, g = (x[rng.integers(len(x), size=size)] for x in plain)
            shift, (a, b) = t.mean(axis=0) - g.mean(axis=0), (np.cov(x.T) for x in (t, g))
            values = np.linalg.eigvals(a @ b)
            distances.append(shift @ shift + np.trace(a) + np.trace(b) - 2 * np.sqrt(np.abs(values.real)).sum())
        means.append(np.mean(distances))
    inverse = 1 / np.array(sizes)
    slope = np.cov(inverse, means)[0, 1] / inverse.var(ddof=1)
    expected = 1000 * (np.mean(means) - slope * inverse.mean())
    fpd, _ = published_fpd(*features, np.random.default_rng(5), sizes=(80, 240))
    assert fpd == pytest.approx(expected, rel=1e-6)

    rng, distances = np.random.default_rng(6), []
    for _ in range(10):
        t, g = (x[rng.integers(len(x), size=100)] for x in plain)
        tt, gg, tg = ((x @ y.T / x.shape[1] + 1) ** 4 for x, y in ((t, t), (g, g), (t, g)))
        within = sum((k.sum() - np.trace(k)) / (100 * 99) for k in (tt, gg))
        distances.append(within - 2 * tg.mean())
    kpd, _ = published_kpd(*features, np.random.default_rng(6), size=100)
    assert kpd == pytest.approx(1000 * np.median(distances), rel=1e-6)


def test_what_lies_outside_the_bins_is_not_called_equal():
    """Responses beyond 1.5 fill no bin; a layer that only one sample fills is told apart for certain."""
    truth = make_showers(NARROW, 30, 1)
    truth = replace(truth, incident_energy=truth.incident_energy / 10)
    energy = truth.energy.copy()
    energy[:, NARROW.layer_starts[2] : NARROW.layer_starts[3]] = 0
    samples = [read_sample(x, seed=1) for x in (truth, replace(truth, energy=energy))]
    rows = {n.name: n for n in challenge_numbers(*samples, seed=1, classifiers={})}
    assert rows["separation/response"].value is None
    assert rows["separation/layer_energy"].layers == (0, 0, 1, 0)
    assert rows["separation/layer_energy"].value == 0.25
    both = [read_sample(replace(truth, energy=energy), seed=1)] * 2
    layers = {n.name: n for n in challenge_numbers(*both, seed=1, classifiers={})}["separation/layer_energy"].layers
    assert np.isnan(layers[2])
    assert "nothing within its bins" in challenge_section({"model": tuple(rows.values())})[0].html


def test_what_needs_more_showers_is_not_measured():
    sample = read_sample(make_showers(NARROW, 30, 1), seed=1)
    numbers = challenge_numbers(sample, sample, 1, {})
    rows = {n.name: n for n in numbers}
    for name in ("fpd", "kpd"):
        assert rows[name].value is None
        assert rows[name].to_dict()["needs"] == 50_000
    assert all(n.value == 0 for name, n in rows.items() if name.startswith("separation/"))
    (section,) = challenge_section({"model": numbers, "again": numbers})
    assert section.html.count("not measured, needs 50,000 showers") == 4
    assert challenge_section({"model": ()}) == ()


def test_enough_showers_are_measured(monkeypatch):
    monkeypatch.setattr("caloforge.validation.challenge.LARGEST_BATCH", 20)
    monkeypatch.setattr("caloforge.validation.challenge.published_fpd", partial(published_fpd, sizes=(20, 40)))
    monkeypatch.setattr("caloforge.validation.challenge.published_kpd", partial(published_kpd, size=20))
    showers = make_showers(NARROW, 40, 1)
    truth, generated = (read_sample(x, seed=1) for x in (showers, replace(showers, energy=2 * showers.energy)))
    rows = {n.name: n for n in challenge_numbers(truth, generated, 1, {})}
    assert rows["fpd"].value > 0
    assert rows["kpd"].value > 0
    assert "needs" not in rows["fpd"].to_dict()
