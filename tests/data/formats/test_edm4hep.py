"""EDM4hep: collections by type, units and encodings from the file, contributions, incident particles, written again.

The files are written with uproot in podio's layout: branches of numbers in a TTree, records in an RNTuple.
"""

import json

import numpy as np
import pytest

from caloforge.data.convert import convert_file
from caloforge.data.formats.cell_id import CellEncoding
from caloforge.data.formats.options import ReadOptions, WriteOptions
from caloforge.data.formats.registry import FORMATS, detect
from caloforge.errors import BadFile, BadValue, UnwritablePath

ak = pytest.importorskip("awkward")
uproot = pytest.importorskip("uproot")

BARREL = "system:0:8,module:8:4,layer:16:6,x:32:-16,y:48:-16"
TILES = "system:8,tower:3,layer:17:6,x:32:-16"
XYZ = "xyz"


def cell(system, layer, x, at=16):
    """An identifier of the encodings above."""
    return system | layer << at | (x & 0xFFFF) << 32


def jagged(columns, counts):
    return ak.unflatten(ak.Array(columns), counts)


def hits(ids, energy, position, counts, first=(), last=()):
    position = np.asarray(position, np.float32).reshape(-1, 3)
    return jagged(
        {
            "cellID": np.asarray(ids, np.uint64),
            "energy": np.asarray(energy, np.float32),
            **{f"position.{a}": position[:, i] for i, a in enumerate(XYZ)},
            "contributions_begin": np.asarray(first if len(first) else np.zeros(len(ids)), np.uint32),
            "contributions_end": np.asarray(last if len(last) else np.zeros(len(ids)), np.uint32),
        },
        counts,
    )


def contributions(energy, time, position, counts):
    position = np.asarray(position, np.float32).reshape(-1, 3)
    return jagged(
        {
            "PDG": np.zeros(len(energy), np.int32),
            "energy": np.asarray(energy, np.float32),
            "time": np.asarray(time, np.float32),
            **{f"stepPosition.{a}": position[:, i] for i, a in enumerate(XYZ)},
        },
        counts,
    )


def relations(counts, number=7):
    index = np.concatenate([np.empty(0, int), *(np.arange(n)[::-1] for n in counts)])  # not the identity
    numbers = np.full(len(index), number)
    return jagged({"index": index.astype(np.int32), "collectionID": numbers.astype(np.uint32)}, counts)


def particles(status, pdg, momentum, mass, counts):
    momentum = np.asarray(momentum, float).reshape(-1, 3)
    return jagged(
        {
            "PDG": np.asarray(pdg, np.int32),
            "generatorStatus": np.asarray(status, np.int32),
            "mass": np.asarray(mass, float),
            **{f"vertex.{a}": np.zeros(len(pdg)) for a in XYZ},
            **{f"momentum.{a}": momentum[:, i] for i, a in enumerate(XYZ)},
        },
        counts,
    )


def standard():
    """Two events and an empty one: an ECAL of steps, and an HCAL of hits alone."""
    return {
        # a beam electron of status 2 stands before the photon of a gun of 10 GeV with a boosted crossing angle
        "MCParticles": particles(
            [2, 1, 0, 1, 1],
            [11, 22, 11, 211, 22],
            [[0, 0, 120], [0.15, 10, 0], [0, 1, 0], [0, 0, 5], [0, 3, 0]],
            [0.000511, 0, 0.000511, 0.13957, 0],
            [3, 1, 1],
        ),
        "EcalThing": hits(
            [cell(1, 1, -5), cell(1, 48, 3), cell(1, 2, 0)],
            [0.003, 0.001, 0.0005],
            [[0, 1250, 0], [1, 1500, 1], [2, 2, 1300]],
            [2, 1, 0],
            [0, 2, 0],
            [2, 3, 1],
        ),
        "_EcalThing_contributions": relations([3, 1, 0]),
        "EcalThingContributions": contributions(  # reversed by the relation: the last is the first hit's first
            [0.001, 0.002, 0.001, 0.0005],
            [5, 4, 3, 2],
            [[0, 0, 0], [1, 1251, 0], [3, 1252, 0], [2, 2, 1301]],
            [3, 1, 0],
        ),
        "Tiles": hits([cell(2, 8, 1, 17)], [0.25], [[0, 2000, 0]], [0, 1, 0]),
    }


ENCODINGS = {"EcalThing": BARREL, "Tiles": TILES}


def definitions(energy="GeV", length="mm"):
    members = {
        "SimCalorimeterHit": [f"float energy[{energy}] // energy of the hit", f"edm4hep::Vector3f position[{length}]"],
        "MCParticle": [f"edm4hep::Vector3d momentum[{energy}]"],
    }
    return json.dumps({"datatypes": {f"edm4hep::{name}": {"Members": lines} for name, lines in members.items()}})


def strings(file, tree, columns):
    file.mktree(tree, dict.fromkeys(columns, "string"))
    file[tree].extend({name: ak.Array(texts) for name, texts in columns.items()})


def write(path, collections, encodings=ENCODINGS, defined=None, old=False):
    """A file in the layout of podio 1.x, or with the encodings where podio 0.99 has them."""
    with uproot.recreate(path) as file:
        types = {name: array.type.content for name, array in collections.items()}
        file.mktree("events", types, field_name=lambda outer, inner: f"{outer}.{inner}" if outer else inner)
        file["events"].extend(collections)
        keys = ("_stringMap.first", "_stringMap.second") if old else ("GPStringKeys", "GPStringValues")
        names = [f"{name}__CellIDEncoding" for name in encodings]
        strings(file, "metadata", {keys[0]: names, keys[1]: list(encodings.values())})
        strings(file, "podio_metadata", {"EDMDefinitions": [defined or definitions()]})
    return path


def records(array):
    """The members of a collection as an RNTuple has them: x, y and z inside of position."""
    flat, counts = ak.flatten(array), ak.num(array)
    fields, nested = {}, {}
    for name in flat.fields:
        outer, _, inner = name.partition(".")
        (nested.setdefault(outer, {}) if inner else fields)[inner or outer] = flat[name]
    return ak.unflatten(ak.zip(fields | {name: ak.zip(parts) for name, parts in nested.items()}), counts)


def write_rntuple(path, collections):
    with uproot.recreate(path) as file:
        file.mkrntuple("events", {name: records(array) for name, array in collections.items()})
        file.mkrntuple("podio_metadata", {"EDMDefinitions": ak.Array([definitions()])})
    return path


def read(path, **options):
    with detect(path).open(path, ReadOptions(**options)) as file:
        return file.read()


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    return write(tmp_path_factory.mktemp("edm4hep") / "events.root", standard())


def test_steps_of_all_calorimeters_by_type(events):
    shower = read(events)
    assert detect(events).name == "edm4hep"
    np.testing.assert_array_equal(shower.offsets, [0, 3, 5, 5])  # an event without hits is a shower
    np.testing.assert_allclose(shower.total_energy, [4.0, 250.5, 0], rtol=1e-6)
    np.testing.assert_allclose(shower.energy, [1, 2, 1, 0.5, 250], rtol=1e-6)
    np.testing.assert_array_equal(shower.layer, [1, 1, 48, 2, 8])
    np.testing.assert_array_equal(shower.part, [1, 1, 1, 1, 2])
    np.testing.assert_array_equal(shower.time, [3, 4, 5, 2, 0])


def test_the_incident_particle_is_the_first_of_status_1(events):
    shower = read(events, particle=11, incident=1.0)  # the file says both
    np.testing.assert_array_equal(shower.pdg, [22, 211, 22])
    pion = np.hypot(5000, 139.57) - 139.57
    np.testing.assert_allclose(shower.incident_energy, [1000 * np.hypot(0.15, 10), pion, 3000], rtol=1e-9)
    np.testing.assert_allclose(shower.direction[0], np.array([0.15, 10, 0]) / np.hypot(0.15, 10))


def test_a_contribution_without_position_lies_where_its_hit_lies(events):
    shower = read(events)
    np.testing.assert_array_equal(
        np.stack([shower.x, shower.y, shower.z], 1),
        [[3, 1252, 0], [1, 1251, 0], [1, 1500, 1], [2, 2, 1301], [0, 2000, 0]],
    )


def test_hits_are_one_point_a_cell_at_the_earliest_time(events):
    shower = read(events, points="hits")
    np.testing.assert_allclose(shower.energy, [3, 1, 0.5, 250], rtol=1e-6)
    np.testing.assert_array_equal(shower.y, [1250, 1500, 2, 2000])
    np.testing.assert_array_equal(shower.time, [3, 5, 2, 0])


def test_rntuple_and_old_metadata_give_the_same(events, tmp_path):
    shower = read(events)
    old = read(write(tmp_path / "old.root", standard(), old=True))
    ntuple = read(write_rntuple(tmp_path / "ntuple.root", standard()))
    for name in ("x", "y", "z", "energy", "time", "cell", "incident_energy", "direction", "offsets"):
        np.testing.assert_array_equal(getattr(old, name), getattr(shower, name))
        np.testing.assert_array_equal(getattr(ntuple, name), getattr(shower, name))
    np.testing.assert_array_equal(old.layer, shower.layer)
    assert ntuple.layer is None  # it brings no encoding


def test_units_are_those_of_the_file(events, tmp_path):
    other = read(write(tmp_path / "units.root", standard(), defined=definitions("MeV", "cm")))
    shower = read(events)
    np.testing.assert_allclose(other.energy * 1000, shower.energy)
    np.testing.assert_allclose(other.x, shower.x * 10)
    path = write(tmp_path / "odd.root", standard(), defined=definitions("furlong"))
    with pytest.raises(BadFile, match="its energy is in 'furlong'"):
        read(path)


def test_a_calorimeter_that_is_read_out_twice_is_asked_about(tmp_path):
    silicon, scintillator = cell(20, 3, 1), cell(20, 3, 2)
    collections = standard() | {
        "EcalSi": hits([silicon], [0.5], [[0, 1300, 0]], [1, 0, 0]),
        "EcalSc": hits([scintillator], [0.75], [[0, 1300, 0]], [1, 0, 0]),
    }
    path = write(tmp_path / "twice.root", collections, ENCODINGS | {"EcalSi": BARREL, "EcalSc": BARREL})
    with pytest.raises(BadFile, match=r"EcalSc \(750 MeV\), EcalSi \(500 MeV\).*--collections NAME,PATTERN"):
        read(path)
    shower = read(path, collections=("EcalSi", "Tile*"))
    np.testing.assert_allclose(shower.total_energy, [500, 250, 0])
    with pytest.raises(BadFile, match="no collection Hcal"):
        read(path, collections=("Hcal*",))


def test_layers_that_do_not_overlap_are_one_calorimeter(tmp_path):
    collections = {"MCParticles": standard()["MCParticles"]} | {
        "Even": hits([cell(20, 2, 1)], [0.5], [[0, 1300, 0]], [1, 0, 0]),
        "Odd": hits([cell(20, 3, 1)], [0.75], [[0, 1300, 0]], [1, 0, 0]),
    }
    path = write(tmp_path / "alternate.root", collections, {"Even": BARREL, "Odd": BARREL})
    np.testing.assert_allclose(read(path).total_energy, [1250, 0, 0])


def two_primaries():
    collections = standard()
    momenta = [[0, 3, 0], [0, 4, 0], [0, 1, 0], [0, 1, 0]]
    collections["MCParticles"] = particles([1, 1, 1, 1], [22, 22, 22, 22], momenta, [0, 0, 0, 0], [2, 1, 1])
    return collections


def broken_relation(begin, end):
    collections = standard()
    collections["EcalThing"] = hits([1, 2, 3], [1, 1, 1], np.ones((3, 3)), [2, 1, 0], [0, begin, 0], [2, end, 1])
    return collections


@pytest.mark.parametrize(
    ("collections", "sentence"),
    [
        (two_primaries, "event 0 has 2 particles of generator status 1"),
        (lambda: broken_relation(2, 9), "beyond the end of their list"),
        (lambda: broken_relation(2, 1), "end before they begin"),
        (lambda: {"MCParticles": standard()["MCParticles"]}, "no collection of edm4hep::SimCalorimeterHit"),
    ],
)
def test_what_cannot_be_a_shower_is_refused(tmp_path, collections, sentence):
    path = write(tmp_path / "bad.root", collections())
    with pytest.raises(BadFile, match=sentence):
        read(path)


def test_bad_encodings_are_refused(tmp_path):
    path = write(tmp_path / "encoding.root", standard(), {"EcalThing": "system:8,layer:80"})
    with pytest.raises(BadFile, match="field layer lies beyond 64 bits"):
        read(path)


def test_an_event_file_without_particles_does_not_say_them(tmp_path):
    collections = standard()
    del collections["MCParticles"]
    shower = read(write(tmp_path / "bare.root", collections))
    assert np.isnan(shower.incident_energy).all()
    assert not shower.pdg.any()
    told = read(tmp_path / "bare.root", particle=22, incident=500.0)
    assert (set(told.pdg), set(told.incident_energy)) == ({22}, {500.0})


@pytest.mark.parametrize("points", ["steps", "hits"])
def test_written_and_read_again(events, tmp_path, points):
    path = tmp_path / "again.root"
    with detect(events).open(events, ReadOptions(points=points)) as file:
        FORMATS["edm4hep"].write(file, path, WriteOptions())
    first, again = read(events, points=points), read(path)
    for name in ("x", "y", "z", "energy", "time", "cell", "offsets", "pdg", "direction"):
        np.testing.assert_array_equal(getattr(again, name), getattr(first, name))
    np.testing.assert_allclose(again.incident_energy, first.incident_energy, rtol=1e-12)


def test_a_missing_folder_is_not_made(events, tmp_path):
    with pytest.raises(UnwritablePath, match="the folder is missing"):
        convert_file(events, tmp_path / "nowhere" / "a.root", "edm4hep")
    assert not (tmp_path / "nowhere").exists()


def test_every_cut_file_is_a_sentence(events, tmp_path):
    whole = events.read_bytes()
    path = tmp_path / "cut.root"
    for size in range(0, len(whole), len(whole) // 40):
        path.write_bytes(whole[:size])
        with pytest.raises(BadFile):
            read(path)


def test_signed_fields_and_offsets():
    encoding = CellEncoding.parse("system:5,side:-2,layer:9:6,x:32:-16")
    ids = np.array([0, 3 << 5 | 33 << 9 | (-4 & 0xFFFF) << 32, 1 << 6 | 7], np.uint64)
    assert encoding.decode("side", ids).tolist() == [0, -1, -2]
    assert encoding.decode("layer", ids).tolist() == [0, 33, 0]
    assert encoding.decode("x", ids).tolist() == [0, -4, 0]
    assert encoding.decode("system", ids).tolist() == [0, 0, 7]
    assert encoding.decode("absent", ids) is None


@pytest.mark.parametrize("text", ["", "layer", "layer:0", "a:8,a:8", "a:0:8,b:4:8", "a:60:8", "a:x"])
def test_encodings_that_are_none(text):
    with pytest.raises(BadValue, match="cell encoding"):
        CellEncoding.parse(text)
