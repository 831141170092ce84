"""Events of a generator at the calorimeter: where particles meet it, which do not, and what they leave together."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from particle import Particle

import caloforge as cf
from caloforge.data.formats.hepmc import Events
from caloforge.data.store import ShowerFile
from caloforge.errors import BadFile, BadValue
from caloforge.geometry.detector import detector
from caloforge.geometry.face import Face, parse_face
from caloforge.geometry.gdml import GdmlDetector
from caloforge.geometry.readouts import readout
from caloforge.simulation.beam import Beam, parse_spectrum
from caloforge.simulation.directions import Angles
from caloforge.simulation.event_selection import event_beam
from caloforge.simulation.physics_lists import SECONDARY_HADRONS, Physics, default_physics
from caloforge.simulation.production.request import Request, simulate

FACE = Face((0.0, 0.0, 0.0), (0.0, 0.0, 1.0))
SIW, BARREL = detector("par04-siw"), detector("lar-barrel")


def events_of(*events):
    """Events from lists of (pdg, momentum, vertex) in MeV and mm."""
    rows = [row for event in events for row in event]
    pdg = np.array([row[0] for row in rows], np.int64)
    momentum, vertex = (np.array([row[i] for row in rows], float).reshape(-1, 3) for i in (1, 2))
    offsets = np.concatenate([[0], np.cumsum([len(event) for event in events])]).astype(np.int64)
    energy = np.hypot(np.hypot(*momentum.T[:2]), momentum[:, 2])
    return Events(Path("some.hepmc"), "00ff", "MEV MM", np.arange(len(events)), offsets, pdg, momentum, energy, vertex)


def test_a_straight_line_from_the_vertex_to_the_face():
    beam = event_beam(events_of([(22, (30.0, -40.0, 120.0), (1.0, 2.0, -60.0))]), SIW, FACE)
    table = beam.events
    np.testing.assert_allclose([table.x[0], table.y[0]], [1 + 15, 2 - 20])
    np.testing.assert_allclose(table.energy, [130])
    np.testing.assert_allclose(table.theta, [np.arccos(12 / 13)], rtol=1e-6)
    np.testing.assert_allclose(table.phi, [np.arctan2(-4, 3)], rtol=1e-6)
    assert beam.origin["particles_left_out"] == {}


def test_turned_and_moved_together_with_the_face_nothing_changes():
    rng = np.random.default_rng(1)
    rows = [(22, rng.normal(size=3) * 100, rng.normal(size=3) * 5) for _ in range(60)]
    face = parse_face("100,-50,20:0.3,-0.5,0.8")
    turned = [(pdg, p @ face.rotation, face.to_world(v[None])[0]) for pdg, p, v in rows]
    plain, moved = (event_beam(events_of(r[:30], r[30:]), SIW, f).events for r, f in ((rows, FACE), (turned, face)))
    assert len(plain.energy) > 10
    for name in ("energy", "pdg", "theta", "phi", "x", "y", "offsets", "index"):
        np.testing.assert_allclose(getattr(moved, name), getattr(plain, name), rtol=1e-4, atol=1e-4, err_msg=name)


def test_a_barrel_is_met_at_its_inner_radius():
    """From the middle of its axis all that flies outwards arrives in the plane of the normal where it enters."""
    radius, rng = BARREL.inner_radius, np.random.default_rng(2)
    rows = [(22, (*p[:2], 0.3 * p[2]), (0, 0, 0)) for p in rng.normal(size=(40, 3)) * 100]
    face = parse_face(f"0,{radius}mm,0:y")
    beam = event_beam(events_of(rows), BARREL, face)
    table, left = beam.events, beam.origin["particles_left_out"]
    outwards = [p for _, p, _ in rows if p[1] > 0]
    taken = [p for p in outwards if radius * abs(p[2]) < BARREL.half_width * np.hypot(*p[:2])]
    assert left == {"fly away from the face": 40 - len(outwards), "pass beside the face": len(outwards) - len(taken)}
    assert len(taken) > 10
    for i, p in enumerate(taken):
        z, normal = BARREL.face_at(float(table.x[i]))
        across = np.array(p) / np.hypot(*p[:2])
        np.testing.assert_allclose([table.x[i], z + radius], [radius * across[0], radius * across[1]], rtol=1e-4)
        np.testing.assert_allclose(table.y[i], -radius * across[2], rtol=1e-4)  # the barrel's y is along the beam
        np.testing.assert_allclose(normal[::2], across[:2], rtol=1e-4)


def test_kinetic_energy_is_that_of_the_momentum():
    """Whatever energy the file says: a generator may take a muon as massless."""
    mass = Particle.from_pdgid(13).mass
    beam = event_beam(events_of([(13, (0, 0, 100.0), (0, 0, 0))]), SIW, FACE)
    np.testing.assert_allclose(beam.events.energy, np.hypot(100, mass) - mass, rtol=1e-6)


def test_what_is_left_out_is_counted():
    up, far = (0, 0, 500.0), (0, 0, -1000.0)
    one = [
        (22, up, (0, 0, 0)),
        (12, up, (0, 0, 0)),
        (-14, up, (0, 0, 0)),
        (1000020040, up, (0, 0, 0)),
        (22, (0, 0, 5e-4), (0, 0, 0)),
        (22, up, (0, 0, 0.5)),
        (22, (0, 0, -500.0), far),
        (22, (0, 0, 0), far),
        (22, (300, 0, 400.0), far),
        (22, (100, 0, 1.0), (0, 0, 0)),
        (211, up, far),
    ]
    beam = event_beam(events_of(one, [one[1]], [], [one[0], one[6]]), SIW, FACE)
    assert beam.origin["particles_left_out"] == {
        "neutrinos": 3,
        "He4, not simulated": 1,
        "below 1 keV": 2,
        "begin behind the face": 1,
        "fly away from the face": 2,
        "pass beside the face": 1,
        "steeper than 85deg": 1,
    }
    assert (beam.origin["events"], beam.origin["events_that_miss"], beam.origin["particles"]) == (4, 2, 3)
    assert beam.events.index.tolist() == [0, 3]
    assert beam.events.multiplicity.tolist() == [2, 1]
    assert beam.events.pdg.tolist() == [22, 211, 22]
    assert "3 neutrinos" in beam.sentence
    assert "2 events without any that reaches" in beam.sentence


def test_of_a_gdml_file_the_face_ends_with_the_world():
    """Its coordinates are those of the events."""
    face = Face((0.0, 0.0, -50.0), (1.0, 0.0, 0.0))
    corners = ((-100.0, -100.0, -100.0), (100.0, 100.0, 100.0))
    gdml = GdmlDetector("box", "", "00ff", "SensDet", (), face, (), (), world=corners)
    rows = [(22, (9.0, 0, 0), (-5, y, z)) for y, z in ((0, -50), (30, -20), (0, -101), (99, 99), (-101, 0))]
    beam = event_beam(events_of(rows), gdml, face)
    assert beam.origin["particles_left_out"] == {"pass beside the face": 2}
    np.testing.assert_allclose(beam.events.x, [0, -30, -149], atol=1e-4)  # the frame's x is -z of the world
    np.testing.assert_allclose(beam.events.y, [0, 30, 99], atol=1e-4)
    np.testing.assert_allclose(beam.events.theta, 0, atol=1e-6)


def test_nothing_that_arrives_and_energies_beyond_the_lists_are_refused():
    with pytest.raises(BadFile, match=r"no particle reaches the calorimeter \(1 fly away from the face\)"):
        event_beam(events_of([(22, (0, 0, -1.0), (0, 0, 0))]), SIW, FACE)
    with pytest.raises(BadFile, match=r"event 1: a particle \(PDG 22\) has 2e"):
        event_beam(events_of([(22, (0, 0, 1.0), (0, 0, 0))], [(22, (0, 0, 2e8), (0, 0, 0))]), SIW, FACE)


@pytest.mark.parametrize("stack", [SIW, BARREL], ids=lambda stack: stack.name)
def test_numbers_at_the_end_of_the_world_are_left_out(stack):
    rows = [(22, (0, 0, 500.0), (0, 0, 0))]
    rows += [
        (22, (0, 0, 500.0), (1e300, 0, 0)),
        (22, (0, 0, 500.0), (0, 0, -1e300)),
        (22, (500.0, 0, 1e-300), (0, 0, -1)),
    ]
    rows += [
        (22, (1e-300, 0, 0), (0, 0, -1)),
        (22, (0, 1e200, -1e200), (0, 0, -1)),
        (22, (500.0, 0, 0), (0, 1e300, -1)),
    ]
    beam = event_beam(events_of(rows), stack, FACE)
    left = sum(beam.origin["particles_left_out"].values())
    assert left + len(beam.events.energy) == len(rows)
    for name in ("energy", "theta", "phi", "x", "y"):
        assert np.isfinite(getattr(beam.events, name)).all()
    assert np.abs(beam.events.x).max() <= 500


def test_an_event_has_the_seeds_of_the_shower_with_its_place():
    beam = event_beam(events_of([(12, (0, 0, 1.0), (0, 0, 0))], *[[(22, (0, 0, 5.0), (0, 0, 0))] * 2] * 3), SIW, FACE)
    primaries = beam.primaries(3, seed=7)
    seeds = Beam(22, parse_spectrum("5MeV")).primaries(4, 7).seeds
    assert primaries.seeds.tolist() == seeds[1:].tolist()
    assert primaries[1:2].events.index.tolist() == [2]
    assert primaries.energy.tolist() == [10.0] * 3
    assert primaries.pdg.tolist() == [0] * 3
    with pytest.raises(BadValue, match="3 events reach"):
        beam.primaries(4, 7)


def test_hadrons_choose_the_list_and_need_one():
    beam = event_beam(events_of([(22, (0, 0, 5e3), (0, 0, 0)), (130, (0, 0, 5e3), (0, 0, 0))]), SIW, FACE)
    assert default_physics(*beam.particles) == "FTFP_BERT"
    with pytest.raises(BadValue, match=r"K\(L\)0.*em0 has no hadronic processes"):
        beam.check(Physics("em0"))


def write(path, events, units="MEV"):
    """HepMC of pyhepmc: events as above."""
    pyhepmc = pytest.importorskip("pyhepmc")
    with pyhepmc.open(path, "w") as file:
        for number, event in enumerate(events):
            written = pyhepmc.GenEvent(getattr(pyhepmc.Units, units), pyhepmc.Units.MM)
            written.event_number = number
            for pdg, p, at in event:
                vertex = pyhepmc.GenVertex((*at, 0))
                energy = float(np.hypot(np.sqrt(np.dot(p, p)), Particle.from_pdgid(pdg).mass or 0))
                vertex.add_particle_out(pyhepmc.GenParticle((*p, energy), pdg, 1))
                written.add_vertex(vertex)
            file.write(written)
    return path


REFUSED = {
    "both": (["--energy", "1GeV"], "leave out energy"),
    "particle": (["--particle", "e-"], "leave out particle"),
    "theta": (["--theta", "5deg"], "leave out theta"),
    "frame": (["--frame", "axis"], "no common axis"),
    "none": (["-n", "0"], "at least one"),
    "units": (["--units", "GEV,MM"], "not GEV MM"),
    "unit": (["--units", "stone"], "write GEV,MM"),
    "face": (["--face", "up"], "POINT:DIRECTION"),
    "away": (["--face", "0,0,-2m:z"], "begin behind the face"),
    "gflash": (["--engine", "gflash"], "not for events"),
    "list": (["--physics", "em0"], "no hadronic processes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_a_sentence_before_anything_is_written(tmp_path, call, name):
    path = write(tmp_path / "e.hepmc", [[(211, (0, 0, 500.0), (0, 0, 0))]])
    options, words = REFUSED[name]
    code, out, error = call("simulate", "--events", path, "-o", tmp_path / "truth.h5", *options)
    assert (code, out) == (1, "")
    assert words in error
    assert error.strip().count("\n") <= 1
    assert [p.name for p in tmp_path.iterdir()] == ["e.hepmc"]


@pytest.mark.parametrize("options", ["", "--units GEV,MM --energy 1GeV", "--face 0,0,0:z --energy 1GeV"])
def test_without_events_their_options_are_refused(tmp_path, call, options):
    code, _, error = call("simulate", "-o", tmp_path / "truth.h5", *options.split())
    assert code == 1
    assert "caloforge" in error
    assert list(tmp_path.iterdir()) == []


def needs_geant4():
    if find_spec("geant4_pybind") is None:
        pytest.skip("needs geant4-pybind")


def request_for(beam, n, seed=3, mesh="detector"):
    return Request(SIW, beam, readout("siw-1080"), n, seed, mesh, Physics(default_physics(*beam.particles)))


@pytest.mark.geant4
def test_one_particle_is_the_single_particle_bit_for_bit():
    needs_geant4()
    theta, phi = (float(np.float32(angle)) for angle in (0.3, 1.1))
    way = np.array([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)])
    events = event_beam(events_of([(22, (0, 0, 250.0), (0, 0, 0))], [(22, 250 * way, (0, 0, 0))]), SIW, FACE)
    together = simulate(request_for(events, 2))[0]
    photons, angles = (22, parse_spectrum("250MeV")), [Angles(angle, angle) for angle in (theta, phi)]
    assert together.incident_energy.tolist() == [250.0] * 2
    for i, beam in enumerate((Beam(*photons), Beam(*photons, *angles))):
        single = simulate(request_for(beam, i + 1))[0]
        assert single.total_energy[i] > 0
        assert np.array_equal(together.energy[i], single.energy[i])


@pytest.mark.geant4
def test_photons_together_have_the_response_of_photons_alone():
    """The sum of k showers, shot in one event, against single ones: the mean, and the spread that falls with root k."""
    needs_geant4()
    k, n = 5, 30
    beam = event_beam(events_of(*[[(22, (0, 0, 300.0), (0, 0, 0))] * k] * n), SIW, FACE)
    together = simulate(request_for(beam, n))[0]
    single = simulate(request_for(Beam(22, parse_spectrum("300MeV")), k * n // 2, seed=11))[0]
    mean, error = zip(*(_mean(s.total_energy / s.incident_energy) for s in (together, single)), strict=True)
    assert together.incident_energy.tolist() == [300.0 * k] * n
    assert abs(mean[0] - mean[1]) < 3.5 * np.hypot(*error)
    assert np.hypot(*error) < 0.05 * mean[1]
    assert np.array_equal(simulate(request_for(beam, 2))[0].energy, together.energy[:2])  # whatever is shot beside


def _mean(values):
    return values.mean(), values.std(ddof=1) / np.sqrt(len(values))


@pytest.mark.geant4
def test_ten_events_of_many_kinds(tmp_path):
    """A pair of electrons, one of which misses, and hadrons: in three shards, opened by slices."""
    needs_geant4()
    rng, others = np.random.default_rng(4), [*SECONDARY_HADRONS.values(), 211, -211, 321, 2112, 22, 12]
    rows = []
    for i in range(10):
        p = np.array([*rng.normal(size=2) * 20, 300.0])
        rows.append([(11, p, (0, 0, -50)), (-11, -p, (0, 0, -50))])
        rows[-1] += [(others[(2 * i + j) % len(others)], (10.0 * j, 0, 400.0), (0, 0, -50)) for j in range(2 + i % 2)]
    path = write(tmp_path / "z.hepmc3", rows)
    with cf.simulate(events=path, seed=5, output=tmp_path / "a.h5", shard_size=4, warn=print) as file:
        showers, facts = file.read(), file.provenance.facts
    assert len(showers) == 10
    assert facts["events"]["particles_left_out"]["fly away from the face"] == 10
    assert facts["events"]["sha256"]
    assert facts["mesh"] == "detector"
    np.testing.assert_allclose(
        showers.incident_energy, np.add.reduceat(showers.events.energy, showers.events.offsets[:-1]), rtol=1e-6
    )
    with ShowerFile(tmp_path / "a.h5") as again:
        assert again[3:5].events.index.tolist() == [3, 4]
