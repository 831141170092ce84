"""Names of files and of meshes."""

from pathlib import Path

import h5py
import pytest

from caloforge.data.bundled import BUNDLED, showers_path
from caloforge.data.opening import find_binning, open_like, open_showers
from caloforge.data.store import NoBinning
from caloforge.data.writer import write_showers
from caloforge.errors import UnknownName
from caloforge.geometry.readouts import readout


@pytest.fixture
def plain(tmp_path, showers):
    """A file that names no mesh."""
    path = tmp_path / "plain.h5"
    write_showers(path, showers[:5], "x", {})
    with h5py.File(path, "r+") as file:
        del file.attrs["binning_xml"]
    return path


def test_the_bundled_sample_goes_by_its_name():
    assert showers_path(BUNDLED).is_file()
    assert showers_path(Path("bundled")) == showers_path("bundled")
    assert showers_path("other.h5") == Path("other.h5")
    with open_showers("bundled") as file:
        assert file.binning.same_cells(readout("siw-1080"))
        assert file.detector == "par04-siw"


def test_a_plain_file_takes_the_mesh_it_is_given(plain, binning, tmp_path):
    with pytest.raises(NoBinning, match="--binning"):
        open_showers(plain)
    with open_showers(plain, binning) as file:
        assert file.binning is binning
    xml = tmp_path / "tiny.xml"
    xml.write_text(binning.to_xml())
    with open_showers(plain, str(xml)) as file:
        assert file.binning.same_cells(binning)
    with pytest.raises(UnknownName):
        open_showers(plain, "nonesuch")
    assert find_binning(None) is None
    assert find_binning("siw-1080") == readout("siw-1080")


def test_a_plain_file_like_which_is_generated_has_the_mesh_of_the_model(plain, binning, showers, tmp_path):
    with open_like(plain, None, binning) as file:
        assert file.binning is binning
    own = tmp_path / "own.h5"
    write_showers(own, showers[:5], "x", {})
    with open_like(own, None, readout("siw-1080")) as file:
        assert file.binning == binning
