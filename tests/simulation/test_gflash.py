"""The Grindhammer-Peters parametrisation: its own formulas, conservation of energy, and the bundled Geant4 sample."""

from dataclasses import replace

import numpy as np
import pytest

from caloforge.data.bundled import BUNDLED, showers_path
from caloforge.data.store import ShowerFile
from caloforge.errors import BadFile, BadValue
from caloforge.geometry.binning import Binning, Layer
from caloforge.geometry.detector import Detector, Slab, detector
from caloforge.geometry.readouts import readout
from caloforge.simulation.beam import Beam, parse_spectrum
from caloforge.simulation.gflash import showers as gflash
from caloforge.simulation.gflash.medium import medium
from caloforge.simulation.gflash.produce import produce, produce_task
from caloforge.simulation.gflash.profile import profile, radial
from caloforge.simulation.production.array import ArrayTask, merge_shards
from caloforge.simulation.production.request import Request
from caloforge.units import GeV

STACK, MESH = detector("par04-siw"), readout("siw-1080")
LEAD = Detector("lead", (Slab("G4_Pb", 2.8, sensitive=True),) * 120)


def primaries(n, energy="20GeV", seed=1, particle=11):
    return Beam(particle, parse_spectrum(energy)).primaries(n, seed)


def wide_mesh(stack, radius=10000.0, rings=()):
    edges = (0.0, *rings, radius)
    return Binning(tuple(Layer(i, edges, 1, (z, z + 1e-9)) for i, z in enumerate(_middles(stack))), "wide")


def _middles(stack):
    return ((stack.faces[:-1] + stack.faces[1:]) / 2)[stack.sensitive] - 5e-10


def test_effective_medium_against_the_volume_average():
    """The mean radiation length of the weights by mass is that of the thicknesses (PDG)."""
    stuff = medium(STACK)
    assert stuff.depths[-1] == pytest.approx(STACK.depth / STACK.radiation_length, rel=0.01)
    assert stuff.moliere_radius == pytest.approx(STACK.moliere_radius, rel=0.03)
    assert stuff.sampling_frequency == pytest.approx(STACK.radiation_length / 1.7, rel=0.01)
    assert stuff.e_mip == pytest.approx(1 / (1 + 0.007 * (74 - 14)))
    mips = np.array([1.4 * 1.930 * 1.145, 0.3 * 0.2329 * 1.664])
    assert stuff.mip_fractions[1:-1] == pytest.approx(np.full(88, mips[1] / mips.sum()), rel=1e-3)


def test_homogeneous_medium_has_no_sampling():
    stuff = medium(LEAD)
    assert (stuff.e_mip, stuff.sampling_frequency) == (1.0, float("inf"))
    assert stuff.mip_fractions == pytest.approx(np.ones(120))
    assert gflash.tuning_of(LEAD) == gflash.Tuning(1.0, 0.0)


@pytest.mark.parametrize("stack", [STACK, LEAD])
@pytest.mark.parametrize("energy", [2.0, 20.0, 200.0])
def test_maximum_of_the_average_profile(stack, energy):
    """T = ln y - 0.812 for one medium, less 0.55 / Fs + 0.69 (1 - ê) for a sampling one (hep-ex/0001020)."""
    stuff = medium(stack)
    shape = profile(stuff, np.array([energy * GeV]), np.zeros((1, 2)))
    expected = np.log(energy * GeV / stuff.critical_energy) - 0.812
    expected -= 0.55 / stuff.sampling_frequency + 0.69 * (1 - stuff.e_mip)
    depths = np.linspace(0, 40, 4001)
    steepest = depths[shape.share(depths)[0].argmax()] + 0.005
    assert steepest == pytest.approx(expected, abs=0.01)
    assert shape.share(depths).sum() == pytest.approx(1, abs=1e-4)


def test_fluctuations_of_shape_are_those_of_the_paper():
    stuff = medium(STACK)
    energy, normal = np.full(20000, 20 * GeV), np.random.default_rng(0).standard_normal((20000, 2))
    shape = profile(stuff, energy, normal)
    ln_y = np.log(20 * GeV / stuff.critical_energy)
    t, a = np.log(shape.maximum), np.log(shape.alpha)
    assert t.std() == pytest.approx(1 / (-2.5 + 1.25 * ln_y), rel=0.03)
    assert a.std() == pytest.approx(1 / (-0.82 + 0.79 * ln_y), rel=0.03)
    assert np.corrcoef(t, a)[0, 1] == pytest.approx(0.784 - 0.023 * ln_y, abs=0.02)


@pytest.mark.parametrize("stack", [STACK, LEAD])
def test_energy_is_conserved(stack):
    """In a mesh wider than any shower, visible energy is E x visible share, less what leaks behind."""
    stuff, beam = medium(stack), primaries(200)
    showers = gflash.simulate(stack, beam, wide_mesh(stack), tuning=gflash.Tuning(1.0, 0.0))
    response = showers.total_energy / showers.incident_energy
    visible = stuff.mip_fractions[1:-1].mean() * stuff.e_mip
    assert 0.97 * visible < response.min()
    assert response.max() < 1.002 * visible


def test_one_block_is_a_stack_of_slices():
    """A block of lead in one piece and in 120: the same profiles, along and across."""
    block = Detector("block", (Slab("G4_Pb", 336.0, sensitive=True),))
    mesh = Binning(tuple(Layer(i, (0.0, 10.0, 20.0, 1e4), 1, (14.0 * i, 14.0 * i + 14)) for i in range(24)))
    one, many = (
        gflash.simulate(stack, primaries(300), mesh, tuning=gflash.Tuning(1.0, 0.0)) for stack in (block, LEAD)
    )
    for share in (lambda s: s.layer_energy, lambda s: s.energy.reshape(300, 24, 3).sum(axis=1)):
        first, second = (share(showers).mean(axis=0) / 20000 for showers in (one, many))
        np.testing.assert_allclose(first, second, atol=0.004)
    assert one.total_energy.mean() > 0.97 * 20000


def test_resolution_is_the_sampling_constant():
    """sigma / E = c / sqrt(E): the only fluctuation of the sum when nothing leaks."""
    showers = gflash.simulate(STACK, primaries(1500, "4GeV"), wide_mesh(STACK), tuning=gflash.Tuning(2.0, 0.2))
    response = showers.total_energy / showers.incident_energy
    assert response.std() / response.mean() == pytest.approx(0.1, rel=0.08)
    assert response.mean() == pytest.approx(2 * medium(STACK).mip_fractions[5] * medium(STACK).e_mip, rel=0.02)


def test_radial_containment():
    """Energy within r of the axis, against p r2/(r2+RC2) + (1-p) r2/(r2+RT2) summed over the depths."""
    stuff, rings = medium(STACK), (2.0, 5.0, 10.0, 20.0)
    still = gflash.Tuning(1.0, 0.0)
    showers = gflash.simulate(STACK, primaries(300), wide_mesh(STACK, 1e7, rings), tuning=still)
    inside = np.cumsum(showers.energy.reshape(300, 90, 5).sum(axis=(0, 1))[:4]) / showers.energy.sum()
    normal = np.random.default_rng(1).standard_normal((4000, 2))
    energy = np.full(4000, 20 * GeV)
    shape = profile(stuff, energy, normal)
    middle = (stuff.depths[:-1] + stuff.depths[1:]) / 2
    weight, core, tail = radial(stuff, energy[:, None], shape.scaled(middle))
    share = shape.share(stuff.depths) * stuff.mip_fractions
    for ring, found in zip(rings, inside, strict=True):
        r2 = (ring / stuff.moliere_radius) ** 2
        within = weight * r2 / (r2 + core**2) + (1 - weight) * r2 / (r2 + tail**2)
        assert found == pytest.approx(float((within * share).sum() / share.sum()), abs=0.01)


def test_same_seed_same_showers_on_any_shard():
    beam = primaries(150, "1GeV:50GeV:log")
    together = gflash.simulate(STACK, beam, MESH)
    for rows in (slice(0, 1), slice(60, 70), slice(149, 150)):
        np.testing.assert_array_equal(gflash.simulate(STACK, beam[rows], MESH).energy, together.energy[rows])
    assert (gflash.simulate(STACK, primaries(150, "1GeV:50GeV:log", seed=2), MESH).energy != together.energy).any()
    assert (together.pdg == 11).all()


def test_parts_of_an_array_make_the_file_of_one_call(tmp_path):
    """Called again it makes nothing anew; merged with fewer bits, and refused where a part is missing."""
    output = tmp_path / "fast.h5"
    request = Request(STACK, Beam(11, parse_spectrum("1GeV:2GeV:uniform")), MESH, 7, seed=3)
    reports = []
    for i, left in ((2, 2), (1, 0), (1, 0)):
        status = produce_task(request, ArrayTask(i, 2), output, shard_size=2, mantissa_bits=11, progress=reports.append)
        assert len(status.missing) == left
    assert [(p.showers, p.n) for p in reports[:3]] == [(0, 3), (2, 3), (3, 3)]
    merge_shards(tmp_path / "fast.h5.shards", output)
    produce(request, tmp_path / "one.h5", mantissa_bits=11)
    with ShowerFile(output) as merged, ShowerFile(tmp_path / "one.h5") as whole:
        first, second = merged.read(), whole.read()
        assert merged.provenance.facts["engine"] == gflash.NAME
        assert set(merged.provenance.facts) == set(whole.provenance.facts) - {"core_seconds"}
    for name in ("energy", "incident_energy", "pdg", "theta", "phi"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    produce_task(replace(request, seed=4), ArrayTask(1, 2), tmp_path / "more.h5", shard_size=2)
    with pytest.raises(BadFile, match="2 of 4 shards are missing"):
        merge_shards(tmp_path / "more.h5.shards", tmp_path / "more.h5")


def test_every_finished_shower_is_reported():
    finished = []
    gflash.simulate(STACK, primaries(70, "1GeV"), MESH, finished.append)
    assert finished == list(range(70))


@pytest.mark.parametrize("energy", [10.0, 50.0])
def test_close_to_geant4(energy):
    """Response and resolution are tuned; depth is within a tenth and radius within a fifth, without tuning."""
    with ShowerFile(showers_path(BUNDLED)) as file:
        sample = file[:3000]
    truth = sample[abs(sample.incident_energy / (energy * GeV) - 1) < 0.15]
    fast = gflash.simulate(STACK, replace(primaries(len(truth)), energy=truth.incident_energy.copy()), MESH)
    response, resolution, depth, radius = [], [], [], []
    for showers in (truth, fast):
        share, total = showers.total_energy / showers.incident_energy, showers.total_energy
        response.append(share.mean())
        resolution.append(share.std() / share.mean())
        depth.append((showers.energy @ MESH.z_edges.mean(axis=1)[MESH.layer_of_voxel] / total).mean())
        radius.append((showers.energy @ MESH.r_centres / total).mean())
    assert response[1] == pytest.approx(response[0], rel=0.015)
    assert resolution[1] == pytest.approx(resolution[0], rel=0.25)
    assert depth[1] == pytest.approx(depth[0], rel=0.10)
    assert radius[1] == pytest.approx(radius[0], rel=0.20)


def test_what_it_does_not_describe_is_refused():
    with pytest.raises(BadValue, match=r"e- and e\+"):
        gflash.simulate(STACK, primaries(1, particle=22), MESH)
    for energy in ("100MeV", "2TeV"):
        with pytest.raises(BadValue, match="holds between 500MeV and 1TeV"):
            gflash.simulate(STACK, primaries(1, energy), MESH)
