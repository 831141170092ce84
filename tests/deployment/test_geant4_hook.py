"""A model inside Geant4: whom it replaces, where its showers lie, and that all others are those of full simulation."""

import json
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

import caloforge as cf
from caloforge.api.engines import check_engine
from caloforge.api.fast import check_comparison, fast_sentences, with_fast
from caloforge.data.event_particles import EventParticles
from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.data.store import ShowerFile
from caloforge.data.writer import write_showers
from caloforge.deployment.fast_comparison import compare_files
from caloforge.deployment.geant4_hook import FastSimulation
from caloforge.errors import BadFile, BadValue, UnknownName, UnwritablePath
from caloforge.geometry.binning import Binning, Layer
from caloforge.geometry.detector import detector
from caloforge.geometry.readouts import readout
from caloforge.rng import integer_seeds
from caloforge.simulation.beam import Beam, parse_particle, parse_spectrum
from caloforge.simulation.physics_lists import Physics
from caloforge.simulation.primaries import Primaries
from caloforge.simulation.production.request import Request, produce
from caloforge.simulation.replacement import replaced_counts, shot_particles
from caloforge.simulation.timing import Timing

MESH = readout("siw-1080")
FINE = Binning(
    tuple(Layer(layer.id, tuple(2.0 * r for r in range(101)), 64, layer.z_edges) for layer in MESH.layers), "fine"
)


def request_of(energy="50MeV:200MeV:log", n=8, particle="e-", **options):
    beam = Beam(parse_particle(particle), parse_spectrum(energy))
    return Request(detector("par04-siw"), beam, MESH, n, 3, **options)


def events_of(*events):
    """Perpendicular particles of events from lists of (pdg, energy, x, y, theta, phi)."""
    rows = np.array([row for event in events for row in event], float)
    pdg, energy, x, y, theta, phi = rows.T.astype(np.float32)
    edges = np.concatenate([[0], np.cumsum([len(event) for event in events])])
    table = EventParticles(energy, pdg.astype(np.int32), theta, phi, x, y, edges, np.arange(len(events)))
    total = np.add.reduceat(energy, edges[:-1])
    n = len(events)
    return Primaries(np.zeros(n, np.int32), total, np.ones((n, 2), int), mesh="detector", events=table)


def added(fast, primaries, mesh, size=None):
    """What a model adds to empty showers, in parts of some size."""
    primaries = replace(primaries, replaced=fast.selects(shot_particles(primaries)))
    filler, n = fast.filler(primaries), len(primaries)
    parts = []
    for start in range(0, n, size or n):
        part = primaries[start : start + (size or n)]
        empty = Showers.perpendicular(np.zeros((len(part), mesh.n_voxels), np.float32), part.energy, mesh)
        parts.append(filler.add(empty).showers.energy)
    return np.concatenate(parts)


def centre_of(cells, mesh):
    """Mean x, y and z of the energy."""
    z = mesh.z_edges.mean(1)[mesh.layer_of_voxel]
    x, y = mesh.r_centres * np.cos(mesh.alpha_centres), mesh.r_centres * np.sin(mesh.alpha_centres)
    return np.stack([x, y, z]) @ cells / cells.sum()


@pytest.fixture(scope="module")
def geant4():
    if find_spec("geant4_pybind") is None:
        pytest.skip("needs geant4-pybind")


@pytest.mark.geant4
@pytest.mark.usefixtures("geant4")
def test_replaced_showers_are_the_models_and_all_others_those_of_full_simulation(toy, tmp_path):
    """Bit for bit, with two workers and small shards as in one go; and the file says which are which."""
    request, fast = request_of(), FastSimulation(toy(), seed=3)
    files = [tmp_path / f"{name}.h5" for name in ("full", "fast")]
    produce(request, files[0])
    produce(fast.of(request), files[1], workers=2, shard_size=3)
    with ShowerFile(files[0]) as full, ShowerFile(files[1]) as one:
        showers, plain = one.read(), full.read()
        replaced = showers.incident_energy >= 100
        assert 0 < replaced.sum() < len(showers)
        np.testing.assert_array_equal(showers.energy[~replaced], plain.energy[~replaced])
        expected = added(fast, request.primaries, MESH)
        np.testing.assert_array_equal(showers.energy[replaced], expected[replaced])
        np.testing.assert_array_equal(one._file["replaced_particles"][:], replaced)
        np.testing.assert_array_equal(one.training_ids, [7, 9])
        told = one.provenance.fast
        assert (told["model"], told["particles_replaced"], told["particles"]) == ("toy", replaced.sum(), 8)
        assert full.provenance.fast is None


@pytest.mark.geant4
@pytest.mark.usefixtures("geant4")
def test_of_an_event_only_the_particles_that_the_model_knows_are_replaced(toy, tmp_path):
    """A photon beside electrons: what it leaves alone, and the electrons' showers on top."""
    pyhepmc = pytest.importorskip("pyhepmc")
    for name, particles in (("both", ((11, 0.3), (22, 0.2), (11, 0.15))), ("alone", ((22, 0.2),))):
        event = pyhepmc.GenEvent(pyhepmc.Units.GEV, pyhepmc.Units.MM)
        for pdg, energy in particles:
            vertex = pyhepmc.GenVertex((0, 0, -1, 0))
            vertex.add_particle_in(pyhepmc.GenParticle((0, 0, energy, energy), pdg, 4))
            vertex.add_particle_out(pyhepmc.GenParticle((0, 0, energy, energy), pdg, 1))
            event.add_vertex(vertex)
        with pyhepmc.open(tmp_path / f"{name}.hepmc3", "w") as file:
            file.write(event)
    ask = {"output": tmp_path / "fast.h5", "binning": MESH, "fast_above": "120MeV"}
    model = toy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("caloforge.deployment.open_model.open_shower_model", lambda name: model)
        with cf.simulate("par04-siw", events=tmp_path / "both.hepmc3", fast="toy", **ask) as file:
            both = file.read()
    with cf.simulate("par04-siw", events=tmp_path / "alone.hepmc3", output=tmp_path / "full.h5", binning=MESH) as file:
        alone = file.read()
    assert both.events.multiplicity.tolist() == [3]
    lit = (MESH.layer_of_voxel == 2) & (MESH.ring_of_voxel == 0)
    extra = both.energy - alone.energy
    assert 0.9 * 0.03 * 450 < extra[0, lit].sum() < 1.1 * 0.03 * 450  # the noise of the model
    assert alone.energy.sum() > 1
    # the photon comes second, so its random numbers follow those of nobody: its shower is the same
    np.testing.assert_array_equal(both.energy[0, ~lit], alone.energy[0, ~lit])


def test_whom_it_replaces(toy):
    fast = FastSimulation(toy(particles=(-11, 11), theta=(0.0, 0.3)), above=500.0)
    energy = np.array([499.0, 500.0, 1e5, 1.1e5, 600.0, 600.0, 600.0, 600.0])
    pdg = np.array([11, -11, 11, 11, 22, 211, 11, 11])
    theta = np.array([0, 0, 0, 0, 0, 0, 0.25, 0.5])
    mask = fast.selects(Incident(energy, pdg, theta, np.full(8, 2.0)))
    assert mask.tolist() == [False, True, True, False, False, False, True, False]


def test_a_perpendicular_model_takes_any_azimuth_of_nearly_perpendicular_particles(toy):
    """Who comes at a hundredth of a radian has an azimuth, of which a model of one direction knows nothing."""
    trained = replace(toy(theta=(0.0, 0.0)).trained, phi=(0.0, 0.0))
    incident = Incident(np.full(2, 500.0), np.full(2, 11), np.array([0.01, 0.1]), np.full(2, 2.0))
    assert trained.holds(incident).tolist() == [True, False]
    asked = trained.nearest(incident[:1])
    assert (asked.theta[0], asked.phi[0]) == (0.0, 0.0)


def test_a_shower_lies_where_its_particle_enters_along_its_direction(toy):
    """The centre of its energy is the entry plus the depth along the axis, for any direction and place."""
    x, y, theta, phi = 30.0, -50.0, 0.5, 2.0
    primaries = events_of([(11, 1000, x, y, theta, phi)], [(11, 1000, x, y, 0, 0)])
    depth = MESH.z_edges[2].mean()
    for frame, s in (("axis", depth), ("detector", depth)):
        fast = FastSimulation(toy(frame=frame))
        inclined, straight = added(fast, primaries, FINE)
        way = np.array([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)])
        expected = np.array([x, y, 0]) + s * (way if frame == "axis" else np.array([0.0, 0.0, 1.0]))
        np.testing.assert_allclose(centre_of(straight, FINE), [x, y, depth], atol=2)
        np.testing.assert_allclose(centre_of(inclined, FINE)[:2], expected[:2], atol=2)
        np.testing.assert_allclose(inclined.sum(), straight.sum(), rtol=0.1)


@pytest.mark.parametrize("place", ["centre", "uniform"])
def test_a_mesh_that_holds_all_of_a_shower_gets_all_of_its_energy(toy, place):
    primaries = events_of([(11, 1000, 20, 10, 0.2, 1.0), (22, 500, 0, 0, 0, 0)], [(11, 2000, -40, 0, 0, 0)])
    model = toy()
    fast = FastSimulation(model, place=place, seed=4)
    straight = Incident(np.array([1000.0, 2000.0]), np.full(2, 11), np.zeros(2), np.zeros(2))
    given = model.sample(straight, integer_seeds(4, "fast", 0)[0]).sum(1)
    np.testing.assert_allclose(added(fast, primaries, FINE).sum(1), given, rtol=1e-5)


def test_on_its_own_mesh_a_shower_is_what_the_model_gave(toy):
    """Whether it is taken as it is, or taken apart into points and put together again."""
    fast, energy = FastSimulation(toy(), seed=5), np.linspace(200, 900, 7).astype(np.float32)
    n = len(energy)
    angles = np.stack([np.linspace(0, 0.5, n), np.linspace(-3, 3, n)], 1).astype(np.float32)
    primaries = Primaries(np.full(n, 11, np.int32), energy, np.ones((n, 2), int), angles)
    as_it_is = added(fast, primaries, MESH)
    renamed = replace(toy(), frame="detector")  # the frames differ, so points are made; perpendicular ones lie the same
    straight = replace(primaries, angles=np.zeros_like(angles))
    np.testing.assert_array_equal(as_it_is, added(FastSimulation(renamed, seed=5), straight, MESH))
    via_points = _through_points(fast, primaries)
    np.testing.assert_allclose(via_points, as_it_is, rtol=1e-6)


def _through_points(fast, primaries):
    filler_of = fast.filler

    class Apart(FastSimulation):
        def filler(self, shot):
            filler = filler_of(shot)
            filler._as_they_are = lambda *_: False
            return filler

    return added(Apart(fast.model, fast.above, fast.place, fast.seed), primaries, MESH)


def test_a_shower_does_not_depend_on_the_parts_of_a_production(toy):
    """Two thousand and more particles: several blocks of the model, cut in other places than parts."""
    rng = np.random.default_rng(6)
    events = [
        [(11 if rng.random() < 0.8 else 22, rng.uniform(50, 900), *rng.uniform(-30, 30, 2), 0, 0) for _ in range(k)]
        for k in rng.integers(1, 60, 60)
    ]
    primaries, fast = events_of(*events), FastSimulation(toy(), seed=2, place="uniform")
    whole = added(fast, primaries, MESH)
    counts = replaced_counts(replace(primaries, replaced=fast.selects(shot_particles(primaries))))
    assert counts.sum() > 1000
    np.testing.assert_array_equal(added(fast, primaries, MESH, size=7), whole)
    assert not np.array_equal(added(replace(fast, seed=3), primaries, MESH), whole)


@pytest.mark.parametrize(
    ("options", "request_options", "words"),
    [
        ({"detector": "par04-scipb"}, {}, "the showers that toy was trained on are of par04-scipb"),
        ({"binning": Binning(tuple(replace(layer, z_edges=None) for layer in MESH.layers), "flat")}, {}, "which depth"),
        ({}, {"timing": Timing(True)}, "--time"),
    ],
    ids=["detector", "depth", "times"],
)
def test_what_it_cannot_do_is_refused(toy, options, request_options, words):
    with pytest.raises(BadValue, match=words):
        FastSimulation(toy(**options)).of(request_of(**request_options))


@pytest.mark.parametrize("above", [2e5, 0.0, -1.0, np.nan, np.inf])
def test_a_threshold_outside_the_training_is_refused(toy, above):
    with pytest.raises(BadValue, match="trained from 100MeV to 100GeV"):
        FastSimulation(toy(), above=above)


def test_fast_against_full(tmp_path):
    """Response, resolution and layers of both, by hand."""
    rng, n = np.random.default_rng(8), 40
    energy = rng.uniform(1000, 2000, n).astype(np.float32)
    cells = (rng.gamma(2, 0.015 / MESH.n_voxels, (n, MESH.n_voxels)) * energy[:, None]).astype(np.float32)
    for name, factor, ms in (("fast", 1.1, 2.0), ("full", 1.0, 100.0)):
        showers = Showers.perpendicular(np.float32(factor) * cells, energy, MESH)
        write_showers(tmp_path / f"{name}.h5", showers, "par04-siw", {"host_ms_per_shower": ms})
    write_showers(tmp_path / "other.h5", Showers.perpendicular(cells, energy[::-1], MESH), "par04-siw", {})
    with ShowerFile(tmp_path / "fast.h5") as fast, ShowerFile(tmp_path / "full.h5") as full:
        result = compare_files(fast, full)
        response = cells.sum(1) / energy
        assert result.time_ratio == 50
        np.testing.assert_allclose(result.response_bias[0], 0.1, rtol=1e-5)
        np.testing.assert_allclose(result.full.response, [response.mean(), response.std(ddof=1) / n**0.5], rtol=1e-4)
        np.testing.assert_allclose(result.fast.resolution[0], result.full.resolution[0], rtol=1e-4)
        np.testing.assert_allclose(sum(m for m, _ in result.full.layers), cells.sum() / energy.sum(), rtol=1e-5)
        assert "50.0 times faster" in result.text
        with ShowerFile(tmp_path / "other.h5") as other, pytest.raises(BadFile, match="other incident particles"):
            compare_files(fast, other)


def test_options_of_fast_showers_need_a_model_and_a_model_the_whole_request(tmp_path):
    for options in ({"above": "1GeV"}, {"place": "uniform"}):
        with pytest.raises(BadValue, match="name the model too"):
            with_fast(request_of(), None, **options)
    assert with_fast(request := request_of(), None) is request
    with pytest.raises(UnknownName, match="centre, uniform"):
        with_fast(request_of(), "vae-siw-1080", place="middle")
    with pytest.raises(BadFile, match="no such run folder"):
        with_fast(request_of(), "no-such-model")
    with pytest.raises(BadValue, match="--fast MODEL"):
        check_comparison("full.h5", None, None)
    with pytest.raises(UnwritablePath, match="folder is missing"):
        check_comparison(tmp_path / "none" / "full.h5", "vae-siw-1080", None)
    (tmp_path / "full.h5").write_text("no showers")
    with pytest.raises(BadFile):
        check_comparison(tmp_path / "full.h5", "vae-siw-1080", None)
    with pytest.raises(BadValue, match="--workers"):
        check_comparison(None, "vae-siw-1080", "1/2")
    with pytest.raises(BadValue, match="leave out --fast"):
        check_engine("gflash", {"--fast": "vae-siw-1080"}, False)


def test_physics_other_than_that_of_the_training_is_said(toy):
    class Trained(type(toy())):
        @property
        def facts(self):
            data = {"physics_list": request_of().physics.facts["physics_list"], "production_cut_mm": 0.7}
            return {"training": {"data": data}}

    fast = FastSimulation(Trained(MESH, toy().trained))
    assert fast.differences(request_of().physics.facts) == ["range cut, mm: 0.7 in the training of toy, 1.0 here"]
    hadronic = fast.differences(Physics("FTFP_BERT", 0.7).facts)
    assert len(hadronic) == 1
    assert hadronic[0].startswith("physics list")


def test_how_many_particles_are_replaced_is_said_before(toy):
    request = FastSimulation(toy(), above=120.0).of(request_of())
    (sentence,) = fast_sentences(request)
    count = int((request.primaries.energy >= 120).sum())
    assert sentence == f"toy makes the showers of {count} of 8 particles (PDG 11, 120MeV to 100GeV)"
    assert fast_sentences(request_of()) == []


@pytest.mark.geant4
@pytest.mark.usefixtures("geant4")
def test_one_command_simulates_fast_and_full_and_compares(call, toy, tmp_path, monkeypatch):
    """The full file is made once; a second call with it compares the same numbers."""
    monkeypatch.setattr("caloforge.deployment.open_model.open_shower_model", lambda name: toy())
    words = ["simulate", "--energy", "150MeV", "-n", 3, "--fast", "toy", "--compare", tmp_path / "full.h5", "--json"]
    code, out, err = call(*words, "-o", tmp_path / "fast.h5")
    assert code == 0
    assert "toy makes the showers of 3 of 3 particles" in err
    first = json.loads(out)["comparison"]
    with ShowerFile(tmp_path / "full.h5") as full:
        assert full.provenance.fast is None
        assert first["full"]["response"][0] == pytest.approx(full.read().total_energy.mean() / 150, rel=1e-5)
    code, out, _ = call(*words, "-o", tmp_path / "again.h5")
    again = json.loads(out)["comparison"]
    assert {side: again[side]["layers"] for side in ("fast", "full")} == {
        side: first[side]["layers"] for side in ("fast", "full")
    }
