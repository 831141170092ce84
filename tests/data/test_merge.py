"""Merging files: every shower once, in order, bit for bit; what does not belong together is refused in one sentence."""

import numpy as np
import pytest

from caloforge.data.merge import merge_files
from caloforge.data.showers import Showers
from caloforge.data.store import ShowerFile
from caloforge.data.writer import write_showers
from caloforge.errors import BadFile, BadValue, BinningMismatch, UnwritablePath
from caloforge.geometry.readouts import readout


@pytest.fixture
def parts(showers, tmp_path):
    """Two files of one detector and mesh."""
    paths = [tmp_path / "first.h5", tmp_path / "second.h5"]
    for i, (path, rows) in enumerate(zip(paths, (slice(0, 1500), slice(1500, 3000)), strict=True)):
        write_showers(path, showers[rows], "tea", {"seed": i, "n": 1500, "core_seconds": 2.5, "geant4": "11.4.1"})
    return paths


def test_all_showers_in_order_with_the_provenance_of_the_parts(showers, parts, tmp_path):
    with ShowerFile(merge_files(parts, tmp_path / "all.h5")) as file:
        merged, facts = file.read(), file.provenance.facts
        assert file.detector == "tea"
    for name in ("energy", "incident_energy", "pdg", "theta", "phi"):
        np.testing.assert_array_equal(getattr(merged, name), getattr(showers, name))
    assert (facts["n"], facts["core_seconds"], facts["geant4"]) == (3000, 5.0, "11.4.1")
    assert "seed" not in facts
    assert [(p["file"], p["showers"], p["provenance"]["seed"]) for p in facts["parts"]] == [
        ("first.h5", 1500, 0),
        ("second.h5", 1500, 1),
    ]


def test_what_does_not_belong_together_is_refused_and_leaves_nothing(showers, parts, tmp_path):
    other_mesh, other_detector, overlap = (tmp_path / f"{name}.h5" for name in ("mesh", "detector", "overlap"))
    mesh = readout("siw-1080")
    write_showers(other_mesh, Showers.perpendicular(np.ones((2, 1080), np.float32), np.full(2, 1e4), mesh), "tea", {})
    write_showers(other_detector, showers[:5], "coffee", {})
    write_showers(overlap, showers[1498:1502], "tea", {})
    output = tmp_path / "all.h5"
    for more, error, words in (
        (other_mesh, BinningMismatch, "siw-1080"),
        (other_detector, BadFile, "detector differs .coffee against tea."),
        (overlap, BadFile, "2 of its showers lie in .*first.h5 too"),
        (parts[0], BadFile, "1500 showers twice"),
        (tmp_path / "missing.h5", BadFile, "no such file"),
    ):
        with pytest.raises(error, match=words) as caught:
            merge_files([parts[0], more], output)
        assert "\n" not in str(caught.value)
    assert not output.exists()
    assert not list(tmp_path.glob(".*partial"))


def test_output_is_kept_unless_told(parts, tmp_path):
    output = tmp_path / "all.h5"
    output.write_text("precious")
    with pytest.raises(UnwritablePath):
        merge_files(parts, output)
    assert output.read_text() == "precious"
    merge_files(parts, output, overwrite=True)
    with pytest.raises(BadValue):
        merge_files([], tmp_path / "none.h5")


@pytest.mark.parametrize("bits", [8, 11])
def test_a_trimmed_copy_is_refused(showers, parts, tmp_path, bits):
    copy = merge_files(parts[:1], tmp_path / "copy.h5", mantissa_bits=bits)
    with pytest.raises(BadFile, match=r"of its showers lie in .*first\.h5 too"):
        merge_files([parts[0], parts[1], copy], tmp_path / "all.h5")
    assert not (tmp_path / "all.h5").exists()
