"""`caloforge data`: every operation by its command, and what is wrong in one sentence with exit code 1."""

import json

import numpy as np
import pytest

from caloforge.data.showers import Showers
from caloforge.data.store import ShowerFile
from caloforge.data.writer import write_showers
from caloforge.geometry.binning import Binning, Layer
from caloforge.units import GeV

RINGS = (0.0, 5.0, 10.0, 20.0, 40.0)
MESH = Binning(tuple(Layer(i, RINGS, 4, (10.0 * i, 10.0 * i + 10)) for i in range(4)), "even")


@pytest.fixture
def source(tmp_path, monkeypatch):
    rng = np.random.default_rng(2)
    energy = rng.gamma(0.5, 20, (200, MESH.n_voxels)).astype(np.float32)
    incident = np.linspace(10 * GeV, 50 * GeV, 200, dtype=np.float32)
    write_showers(tmp_path / "in.h5", Showers.perpendicular(energy, incident, MESH), "tea", {"energy": "10GeV:50GeV"})
    monkeypatch.chdir(tmp_path)
    return "in.h5"


def opened(path):
    with ShowerFile(path) as file:
        return file.read(), file.provenance.facts


@pytest.mark.parametrize(
    ("words", "count", "options"),
    [
        (("merge-cells", "--layers", 2, "--rings", 2), 200, {"layers": 2, "sectors": 1, "rings": 2}),
        (("threshold", "--energy", "0.5MeV"), 200, {"energy": 0.5}),
        (("mask", "--layers", "0,2-3", "--cells", "17"), 200, {"layers": [0, 2, 3], "cells": [17]}),
        (("rotate", "--sectors", -1), 200, {"sectors": -1}),
        (("mirror",), 200, {}),
        (("select", "--energy", "10GeV:20GeV", "--particle", "e-"), 50, {"energy": [1e4, 2e4], "pdg": [11]}),
        (("head", "-n", 7), 7, {"start": 0, "stop": 7}),
        (("slice", "--start", 190), 10, {"start": 190}),
        (("shuffle", "--seed", 3), 200, {"seed": 3}),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_an_operation_by_its_command(call, source, words, count, options):
    name, *rest = words
    code, out, err = call("data", name, source, "out.h5", *rest, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {"file": "out.h5", "showers": count, "operation": name.replace("head", "slice")}
    showers, facts = opened("out.h5")
    assert len(showers) == count
    assert facts["steps"][0]["options"] == options
    code, out, err = call("data", name, source, "out.h5", *rest)
    assert (code, out) == (1, "")
    assert "the file exists" in err
    assert call("data", name, source, "out.h5", *rest, "--overwrite")[1] == f"out.h5: {count} showers\n"


def test_weights_by_energy_and_from_a_file(call, source):
    code, out, _ = call("data", "weight", source, "out.h5", "--power", -2, "--json")
    kept, facts = opened("out.h5")
    assert code == 0
    assert json.loads(out)["showers"] == len(kept)
    assert facts["steps"][0]["options"] == {"by": "incident energy to the power -2", "seed": 1}
    assert facts["steps"][0]["before"] == {"energy": "10GeV:50GeV"}
    chosen = np.zeros(200)
    chosen[3:9] = 1
    np.save("weights.npy", chosen)
    call("data", "weight", source, "six.h5", "--weights", "weights.npy")
    np.testing.assert_array_equal(opened("six.h5")[0].energy, opened(source)[0].energy[3:9])


def test_split_and_concat(call, source):
    code, out, _ = call("data", "split", source, "parts", "--fractions", "a=0.5,b=0.5", "--json")
    counts = json.loads(out)["files"]
    assert code == 0
    assert sum(counts.values()) == 200
    code, out, _ = call("data", "concat", "parts/a.h5", "parts/b.h5", "-o", "all.h5")
    assert (code, out) == (0, "all.h5: 200 showers\n")
    assert opened("all.h5")[0].digest == opened(source)[0].digest
    code, _, err = call("data", "concat", source, "all.h5", "-o", "twice.h5")
    assert code == 1
    assert "lie in in.h5 too" in err
    assert call("data", "concat", source, "all.h5", "-o", "twice.h5", "--copies")[0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("merge-cells",), "give layers, sectors or rings above 1"),
        (("merge-cells", "--to", "siw-1080"), "target mesh is 'siw-1080'"),
        (("merge-cells", "--to", "siw-1081"), "did you mean siw-1080"),
        (("threshold", "--energy", "0.5"), "number with a unit"),
        (("threshold", "--energy", "0keV"), "changes nothing"),
        (("mask", "--layers", "1-x"), "numbers and ranges such as 0,3-5"),
        (("mask", "--cells", "0-99999999999"), "1000000 numbers at most"),
        (("mask", "--cells", "5-3"), "from low to high"),
        (("mask",), "give layers or cells"),
        (("rotate", "--sectors", 4), "that is none at all"),
        (("select",), "give energies, angles or particles"),
        (("select", "--energy", "10GeV"), "low:high"),
        (("select", "--energy", "20GeV:10GeV"), "give the lower end first"),
        (("select", "--particle", "pi+"), "leaves no shower"),
        (("slice", "--start", 500), "rows 0 to 199"),
        (("weight",), "give one of the two"),
        (("weight", "--weights", "none.npy"), "no such file"),
        (("weight", "--weights", "in.h5"), "not a NumPy file"),
        (("split", "--fractions", "a"), "write names and numbers"),
        (("split", "--fractions", "../a=0.5"), "a name of its own"),
        (("split", "--fractions", "a=0.9,b=0.2"), "at most 1 together"),
        (("split", "--fractions", "a=nan"), "at most 1 together"),
    ],
    ids=str,
)
def test_what_is_wrong_is_one_sentence_and_leaves_nothing(call, source, tmp_path, words, message):
    name, *rest = words
    code, out, err = call("data", name, source, "out", *rest)
    assert (code, out) == (1, "")
    assert message in err
    assert err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir() if not path.is_dir()) == ["in.h5"]


def test_a_file_that_is_none(call, source, tmp_path):
    (tmp_path / "text.h5").write_text("no showers")
    for name in ("text.h5", "missing.h5"):
        code, _, err = call("data", "mirror", name, "out.h5")
        assert code == 1
        assert err.startswith(f"caloforge: {name}: ")
    code, _, err = call("data", "mirror", source, "no/folder/out.h5")
    assert code == 1
    assert "cannot write" in err
