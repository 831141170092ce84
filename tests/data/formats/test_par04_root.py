"""ROOT of Par04 in both layouts, and the files that are only named."""

import numpy as np
import pytest

from caloforge.data.formats.options import ReadOptions
from caloforge.data.formats.registry import detect
from caloforge.errors import BadFile
from caloforge.geometry.binning import Binning, Layer

ak = pytest.importorskip("awkward")
uproot = pytest.importorskip("uproot")
MESH = Binning(tuple(Layer(i, (0.0, 1.0, 2.0, 3.0), 4, (float(i), i + 1.0)) for i in range(5)), "small")


def cells(rng, n=6):
    """Indices and energies of the cells that are hit, some events without any."""
    counts = np.array([4, 0, 7, 1, 3, 5])[:n]
    flat = np.concatenate([rng.choice(60, count, replace=False) for count in counts])
    z, rest = np.divmod(flat, 12)
    phi, r = np.divmod(rest, 3)
    energy = rng.gamma(1, 1, len(flat)) + 5e-4
    columns = {"rhoCell": r, "phiCell": phi, "zCell": z}
    columns = {name: values.astype(np.int32) for name, values in columns.items()} | {"EnergyCell": energy}
    return {name: ak.unflatten(values, counts) for name, values in columns.items()}, flat, counts


def write(path, columns, incident, older=False):
    with uproot.recreate(path) as file:
        mc = {"EnergyMC": incident}
        trees = {"events": mc | columns} if older else {"global": mc, "virtualReadout": columns}
        for name, branches in trees.items():
            types = {
                key: array.dtype if isinstance(array, np.ndarray) else array.type.content
                for key, array in branches.items()
            }
            file.mktree(name, types)
            file[name].extend(branches)
    return path


@pytest.mark.parametrize("older", [False, True])
def test_cells_lie_where_their_indices_say(tmp_path, older):
    columns, flat, counts = cells(np.random.default_rng(0))
    incident = np.linspace(1e3, 6e3, 6)
    path = write(tmp_path / "a.root", columns, incident, older)
    assert detect(path).name == "par04-root"
    with detect(path).open(path, ReadOptions(binning=MESH, particle=22)) as file:
        showers = file.read()
    expected = np.zeros((6, 60), np.float32)
    expected[np.repeat(np.arange(6), counts), flat] = ak.flatten(columns["EnergyCell"])
    np.testing.assert_array_equal(showers.energy, expected)  # r is fastest, then phi, then z, as in `Binning`
    np.testing.assert_array_equal(showers.incident_energy, incident.astype(np.float32))
    assert set(showers.pdg) == {22}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"zCell": 1}, "cells have z 1 to 5, the mesh small has 5; give the mesh of the macro"),
        ({"rhoCell": -1}, "cells have r -1 to 1"),
    ],
)
def test_cells_outside_the_mesh_are_refused(tmp_path, change, sentence):
    columns, _, _ = cells(np.random.default_rng(0))
    columns |= {name: columns[name] + shift for name, shift in change.items()}
    path = write(tmp_path / "a.root", columns, np.linspace(1e3, 6e3, 6))
    with pytest.raises(BadFile, match=sentence):
        detect(path).open(path, ReadOptions(binning=MESH))


def test_the_mesh_is_asked_for(tmp_path):
    columns, _, _ = cells(np.random.default_rng(0))
    path = write(tmp_path / "a.root", columns, np.linspace(1e3, 6e3, 6))
    with pytest.raises(BadFile, match="the file does not say its mesh; give that of the macro: --binning calochall"):
        detect(path).open(path, ReadOptions())


def test_trees_of_other_lengths_are_refused(tmp_path):
    columns, _, _ = cells(np.random.default_rng(0))
    path = write(tmp_path / "a.root", columns, np.linspace(1e3, 5e3, 5))
    with pytest.raises(BadFile, match="5 events, but cells of 6"):
        detect(path).open(path, ReadOptions(binning=MESH))


def test_files_that_are_only_named_say_the_converter(tmp_path):
    slcio = tmp_path / "a.slcio"
    slcio.write_bytes(b"\0\0\0\x10\xab\xad\xca\xfe" + bytes(100))
    ddg4 = tmp_path / "a.root"
    with uproot.recreate(ddg4) as file:
        file.mktree("EVENT", {"x": np.int64})
        file["EVENT"].extend({"x": np.arange(3)})
    for path, sentence in ((slcio, "lcio2edm4hep"), (ddg4, "edm4hep.root")):
        with pytest.raises(BadFile, match=sentence):
            detect(path).open(path, ReadOptions())
