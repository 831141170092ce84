"""HepMC events as pyhepmc writes them, and as hands and cut transfers do: each read whole, or refused in a sentence."""

import gzip
import json
import random
from importlib.util import find_spec

import numpy as np
import pytest
from particle import Particle

from caloforge.api.like import particles_like
from caloforge.data.formats.hepmc import check_hepmc_units, is_hepmc, read_events
from caloforge.errors import BadFile, BadValue, CaloforgeError

if find_spec("pyhepmc") is None:
    pytest.skip("needs pyhepmc", allow_module_level=True)

HEADER, END = "HepMC::Version 3.02.05\nHepMC::Asciiv3-START_EVENT_LISTING\n", "HepMC::Asciiv3-END_EVENT_LISTING\n"
TWO = (
    "E 0 0 1\nU MEV MM\nP 1 0 22 0 0 50 50 0 1\nE 1 0 2\nU MEV MM\nP 1 0 22 0 0 60 60 0 1\nP 2 0 13 3 4 0 106 105.7 1\n"
)


def write(path, units="GEV", length="MM", fmt=None, mother=True, at=(1.0, 2.0, -3.0), n=3):
    """Events of pyhepmc: a beam of 50, split in a vertex into i + 1 photons and a decayed particle."""
    import pyhepmc

    with pyhepmc.open(path, "w", format=fmt) as file:
        for i in range(n):
            event = pyhepmc.GenEvent(getattr(pyhepmc.Units, units), getattr(pyhepmc.Units, length))
            event.event_number = 10 + i
            vertex = pyhepmc.GenVertex((*at, 0))
            if mother:
                vertex.add_particle_in(pyhepmc.GenParticle((0, 0, 50, 50), 22, 4))
            for k in range(i + 1):
                vertex.add_particle_out(pyhepmc.GenParticle((0.25 * k, 0, 10, 10.5), 22, 1))
            vertex.add_particle_out(pyhepmc.GenParticle((0, 0, 5, 5), 111, 2))
            event.add_vertex(vertex)
            file.write(event)
    return path


def text(tmp_path, body, name="events.hepmc"):
    path = tmp_path / name
    path.write_text(HEADER + body + END)
    return path


@pytest.mark.parametrize("fmt", ["HepMC3", "HepMC2"])
@pytest.mark.parametrize(("units", "length"), [("GEV", "MM"), ("MEV", "CM"), ("GEV", "CM")])
def test_final_state_in_mev_and_mm_whatever_the_units(tmp_path, fmt, units, length):
    events = read_events(write(tmp_path / "e.hepmc", units, length, fmt))
    energy, mm = {"GEV": 1e3, "MEV": 1}[units], {"CM": 10, "MM": 1}[length]
    assert events.units == f"{units} {length}"
    assert events.multiplicity.tolist() == [1, 2, 3]
    assert len(events) == 3
    assert np.all(events.pdg == 22)
    np.testing.assert_allclose(events.momentum[:, 0], np.array([0, 0, 0.25, 0, 0.25, 0.5]) * energy, rtol=1e-12)
    np.testing.assert_allclose(events.energy, 10.5 * energy)
    np.testing.assert_allclose(events.vertex, np.tile([mm, 2 * mm, -3 * mm], (6, 1)), rtol=1e-12)


def test_events_that_pyhepmc_writes_and_does_not_read(tmp_path):
    """Vertices that nothing flies into: HepMC's writer leaves out the vertex or writes an empty list."""
    for at in ((0, 0, 0), (1, 2, 3)):
        path = write(tmp_path / "gun.hepmc3", mother=False, at=at)
        events = read_events(path)
        assert events.multiplicity.tolist() == [1, 2, 3]
        np.testing.assert_allclose(events.vertex, np.tile(np.array(at, float), (6, 1)))


def test_a_gun_that_announces_a_vertex_and_has_none(tmp_path):
    """As DD4hep's guns are written: one particle, no vertex, and the count says one."""
    path = text(tmp_path, "".join(f"E {i} 1 1\nU MEV MM\nP 1 0 22 60 0 80 100 -1e-6 1\n" for i in range(5)))
    events = read_events(path)
    assert len(events) == 5
    np.testing.assert_allclose(events.energy, 100)


def test_particles_of_a_displaced_event_and_of_mothers_without_vertex(tmp_path):
    body = "E 0 2 3 @ 1 2 3 0\nU GEV CM\nP 1 0 23 0 0 9 9 0 2\nP 2 1 23 0 0 9 9 0 2\nP 3 2 22 0 0 9 9 0 1\n"
    events = read_events(text(tmp_path, body))
    np.testing.assert_allclose(events.vertex, [[10, 20, 30]])
    np.testing.assert_allclose(events.momentum, [[0, 0, 9000]])


def test_silent_about_units_is_refused_unless_told(tmp_path):
    path = write(tmp_path / "e.hepmc")
    path.write_text("".join(x for x in path.read_text().splitlines(True) if x[0] != "U"))
    with pytest.raises(BadFile, match=r"event 0 \(line 3\): it names no units; say them with .*--units GEV,MM"):
        read_events(path)
    assert read_events(path, "MEV,MM").energy[0] == 10.5
    assert read_events(path, "gev,cm").vertex[0, 0] == 10
    with pytest.raises(BadFile, match="its units are GEV MM, not MEV MM"):
        read_events(write(tmp_path / "other.hepmc"), "MEV,MM")
    for units in ("GEV", "TEV,MM", "GEV,M", ""):
        with pytest.raises(BadValue, match="write GEV,MM"):
            check_hepmc_units(units)


def test_packed_and_written_behind_one_another(tmp_path):
    path = write(tmp_path / "e.hepmc")
    packed = tmp_path / "e.hepmc.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    twice = tmp_path / "twice.hepmc3"
    twice.write_bytes(2 * path.read_bytes())
    assert is_hepmc(packed)
    assert not is_hepmc(tmp_path / "showers.h5")
    assert read_events(packed).energy.tolist() == read_events(path).energy.tolist()
    assert read_events(packed).digest != read_events(path).digest
    assert read_events(twice).multiplicity.tolist() == [1, 2, 3, 1, 2, 3]
    assert read_events(twice, limit=4).multiplicity.tolist() == [1, 2, 3, 1]
    packed.write_bytes(packed.read_bytes()[:-60])
    with pytest.raises(BadFile, match="truncated or damaged gzip"):
        read_events(packed)
    packed.write_bytes(path.read_bytes())
    with pytest.raises(BadFile, match=r"name ends in \.gz"):
        read_events(packed)


@pytest.mark.parametrize("fmt", ["HepMC3", "HepMC2"])
def test_cut_at_any_line_it_is_truncated(tmp_path, fmt):
    path = write(tmp_path / "e.hepmc", fmt=fmt)
    lines = path.read_text().splitlines(keepends=True)
    for k in range(2, len(lines) - 2):
        path.write_text("".join(lines[:k]))
        with pytest.raises(BadFile, match=r"truncated at line|announces? "):
            read_events(path)


BAD = {
    "no event": ("", "no event in it"),
    "unit": (TWO.replace("U MEV", "U TEV", 1), r"event 0 \(line 4\): the unit line is 'U TEV MM'"),
    "NaN": (TWO.replace("0 60 60", "nan 60 60"), r"event 1 \(line 8\): numbers are missing, damaged, NaN"),
    "infinite": (TWO.replace("0 60 60", "0 inf inf"), "NaN or infinite"),
    "word": (TWO.replace("0 60 60", "0 sixty 60"), "sixty"),
    "short": (TWO.replace("0 60 60 0 1", "0 60 60"), "numbers are missing"),
    "energy": (
        TWO.replace("0 60 60", "0 60 59"),
        r"event 1 \(line 8\): PDG 22 has the energy 59 below its momentum 60",
    ),
    "pdg 0": (TWO.replace("1 0 22", "1 0 0", 1), r"event 0 \(line 5\): PDG 0 is no particle"),
    "pdg": (TWO.replace("1 0 22", "1 0 -99999999", 1), "is no particle"),
    "count": (TWO.replace("E 1 0 2", "E 1 0 3"), "announces 3 particles and has 2"),
    "mother": (TWO.replace("P 2 0 13", "P 2 -1 13"), "comes from -1, which is not there"),
    "order": (TWO.replace("P 2 0 13", "P 3 0 13"), "particle 3 stands at place 2"),
    "huge": (TWO.replace("E 1 0 2", "E 1 0 99999999999"), "whole numbers are missing or damaged"),
    "stray": (TWO + "Q 1 2\n", "is no line of HepMC"),
    "after the end": (TWO + END + "P 1 0 22 0 0 1 1 0 1\n", "outside the list"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_events_are_refused_with_their_place(tmp_path, name):
    body, words = BAD[name]
    with pytest.raises(BadFile, match=words) as refusal:
        read_events(text(tmp_path, body))
    assert "\n" not in str(refusal.value)


def test_rounding_of_the_energy_is_no_fault(tmp_path):
    assert len(read_events(text(tmp_path, TWO.replace("0 60 60", "0 60 59.9999")))) == 2


@pytest.mark.parametrize("content", [b"", b"x", b"\x89HDF\r\n\x1a\n", b"<LesHouchesEvents>", b"E 0 1\n"])
def test_other_files_are_not_hepmc(tmp_path, content):
    path = tmp_path / "a.hepmc"
    path.write_bytes(content)
    with pytest.raises(BadFile, match="not HepMC"):
        read_events(path)
    with pytest.raises(BadFile, match="no such file"):
        read_events(tmp_path / "missing.hepmc")
    with pytest.raises(BadFile, match="a folder"):
        read_events(tmp_path)


@pytest.mark.parametrize("fmt", ["HepMC3", "HepMC2"])
def test_what_pyhepmc_reads_is_read_here(tmp_path, fmt):
    """Trees of decays, some vertices with a place and some without: particles and where they begin."""
    import pyhepmc

    rng, path = np.random.default_rng(2), tmp_path / "trees.hepmc"
    with pyhepmc.open(path, "w", format=fmt) as file:
        for _ in range(20):
            event = pyhepmc.GenEvent(pyhepmc.Units.GEV, pyhepmc.Units.CM)
            mothers = [pyhepmc.GenParticle((0, 0, 50, 50), 22, 4)]
            for _ in range(12):
                place = rng.normal(size=3) if fmt == "HepMC2" or rng.random() < 0.5 else np.zeros(3)
                vertex = pyhepmc.GenVertex((*place, 0))
                vertex.add_particle_in(mothers.pop(0))
                for _ in range(2):
                    p = rng.normal(size=3)
                    child = pyhepmc.GenParticle((*p, 2 * np.sqrt(p @ p)), int(rng.choice([22, 211, 13])), 1)
                    vertex.add_particle_out(child)
                    mothers.append(child)
                event.add_vertex(vertex)
                mothers[0].status = 2
            mothers[0].status = 1
            file.write(event)
    events, rows = read_events(path), []
    with pyhepmc.open(path) as file:
        for event in file:
            for particle in event.particles:
                if particle.status == 1:
                    p, v = particle.momentum, particle.production_vertex.position
                    rows.append([particle.pid, p.px, p.py, p.pz, p.e, v.x, v.y, v.z])
    expected = np.array(rows) * [1, 1e3, 1e3, 1e3, 1e3, 10, 10, 10]
    assert len(events) == 20
    np.testing.assert_allclose(np.column_stack([events.pdg, events.momentum, events.energy, events.vertex]), expected)


@pytest.mark.parametrize("fmt", ["HepMC3", "HepMC2"])
def test_changed_anywhere_it_is_read_or_refused(tmp_path, fmt):
    """Words swapped, lines lost and doubled: no other error than ours, and never fewer events than E lines."""
    path, rng = write(tmp_path / "e.hepmc", fmt=fmt), random.Random(1)
    original = path.read_text()
    for _ in range(120):
        words = original.split(" ")
        words[rng.randrange(len(words))] = rng.choice(
            ["0", "-1", "1e400", "[]", "[9]", "2000000000", "@", "\n", "E", ""]
        )
        lines = " ".join(words).split("\n")
        lines.insert(rng.randrange(len(lines)), lines.pop(rng.randrange(len(lines))))
        path.write_text("\n".join(lines))
        try:
            events = read_events(path)
        except CaloforgeError:
            continue
        assert len(events) == sum(line.startswith("E ") for line in path.read_text().split("\n"))


def test_inspect_says_how_many_of_what(tmp_path, call):
    path = text(tmp_path, TWO)
    code, out, _ = call("inspect", path, "--json")
    facts = json.loads(out)
    assert code == 0
    assert (facts["events"], facts["particles"], facts["units"]) == (2, 3, "MEV MM")
    assert facts["multiplicity"] == "1 to 2, mean 1.5"
    assert facts["energies"] == "50MeV to 106MeV"
    assert [(row["particle"], row["per_event"]) for row in facts["by_particle"]] == [("gamma", "1"), ("mu-", "0 to 1")]
    code, out, _ = call("inspect", path)
    assert "multiplicity  1 to 2, mean 1.5" in out
    path.write_text(path.read_text().replace("U MEV MM\n", ""))
    code, out, error = call("inspect", path)
    assert (code, out) == (1, "")
    assert "--units GEV,MM" in error
    code, out, _ = call("inspect", path, "--units", "GEV,CM", "--json")
    assert json.loads(out)["energies"] == "50GeV to 106GeV"


def test_events_of_one_particle_are_conditions(tmp_path, binning):
    """Models are asked for showers of these particles; kinetic energies, since a muon's mass makes no shower."""
    path = text(tmp_path, "E 0 0 1\nU MEV MM\nP 1 0 13 0 30 40 120 0 1\nE 1 0 1\nU GEV MM\nP 1 0 22 0 0 2 2 0 1\n")
    incident = particles_like(path, binning, n=3)
    mass = Particle.from_pdgid(13).mass
    np.testing.assert_allclose(incident.energy, [np.hypot(50, mass) - mass, 2000, np.hypot(50, mass) - mass])
    assert incident.pdg.tolist() == [13, 22, 13]
    np.testing.assert_allclose(incident.theta[:2], [np.arctan2(30, 40), 0])
    np.testing.assert_allclose(incident.phi[0], np.pi / 2)
    with pytest.raises(BadFile, match="event 1 has 2 final-state particles; models make showers of one"):
        particles_like(text(tmp_path, TWO), binning)
    with pytest.raises(BadFile, match="flies away"):
        particles_like(text(tmp_path, TWO.split("E 1")[0].replace("0 0 50", "0 0 -50")), binning)


def test_opened_as_showers_they_are_named(tmp_path, call):
    code, _, error = call("plot", text(tmp_path, TWO, "a.txt"), "-o", tmp_path / "a.png")
    assert code == 1
    assert "HepMC events, without showers" in error
