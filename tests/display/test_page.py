"""What the page is told: every hit of every shower, the mesh cell by cell, profiles that are those of the showers."""

import base64
import gzip
import json
import math
import re

import numpy as np
import pytest

from caloforge.data.showers import Showers
from caloforge.data.writer import write_showers
from caloforge.display.compose import Choice, compose
from caloforge.display.mesh import lateral_edges, mesh_facts
from caloforge.display.packing import packed_showers
from caloforge.display.page import Display
from caloforge.display.profiles import Shares, profile_bins
from caloforge.display.truth import Truth
from caloforge.geometry.cell_mesh import cell_mesh
from caloforge.geometry.readouts import READOUTS, readout


def unpacked(text, kind):
    return np.frombuffer(gzip.decompress(base64.b64decode(text)), kind)


def of_file(tmp_path, showers, n=10):
    path = tmp_path / "showers.h5"
    write_showers(path, showers, "a <b> & \u2028 c", {})
    from caloforge.data.opening import open_showers

    with open_showers(path) as file:
        return compose("a </script><b>", file, None, Choice(n))


def test_packed_showers_hold_every_hit(showers):
    few = showers[:20]
    facts = packed_showers(few, "some")
    cells, values = unpacked(facts["cells"], "<u4"), unpacked(facts["values"], "<f4")
    energy = np.zeros_like(few.energy)
    energy[np.repeat(np.arange(20), facts["counts"]), cells] = values
    np.testing.assert_array_equal(energy, few.energy)


@pytest.mark.parametrize("name", sorted(READOUTS))
def test_every_mesh_has_its_cells_and_depths(name):
    """Cells of the page in the flat order of the mesh, layers one behind another; rings reach to the last cell."""
    mesh = readout(name)
    facts = mesh_facts(mesh)
    assert sum(layer["n"] * (len(layer["r"]) - 1) for layer in facts["layers"]) == mesh.n_voxels
    depths = np.array([layer["z"] for layer in facts["layers"]])
    assert (depths[:, 1] > depths[:, 0]).all()
    assert (depths[1:, 0] >= depths[:-1, 1] - 1e-9).all()
    edges = lateral_edges(mesh)
    assert edges == sorted(set(edges))
    assert edges[-1] >= mesh.r_centres.max()


def test_cells_that_are_volumes_keep_their_volume():
    sizes = np.array([800.0, 400.0, 50.0])
    depths = np.array([[0.0, 8.0], [0.0, 4.0], [9.0, 11.0]])
    centres = np.array([[0.0, 0.0, 4.0], [30.0, 0.0, 2.0], [0.0, 5.0, 10.0]])
    mesh = cell_mesh("tiles", ["a", "b", "c"], centres, sizes, depths)
    x0, x1, y0, y1, z0, z1 = unpacked(mesh_facts(mesh)["cells"], "<f4").reshape(-1, 6).T
    np.testing.assert_allclose((x1 - x0) * (y1 - y0) * (z1 - z0), mesh.volumes, rtol=1e-5)
    np.testing.assert_allclose((x0 + x1) / 2, mesh.centres[:, 0], atol=1e-5)


def test_profiles_are_shares_of_the_incident_energy(showers):
    """Both profiles sum to the response, and bins hold every shower once."""
    shares = Shares.of(showers, lateral_edges(showers.binning))
    response = showers.total_energy / showers.incident_energy
    np.testing.assert_allclose(shares.layers.sum(1), response, rtol=1e-5)
    np.testing.assert_allclose(shares.rings.sum(1), response, rtol=1e-5)
    bins = profile_bins(shares)
    assert sum(part["showers"] for part in bins) == len(showers)
    for part in bins:
        assert part["low"] <= part["high"]
        assert all(low <= high for low, high in zip(part["lateral"]["low"], part["lateral"]["high"], strict=True))


def test_text_of_a_file_cannot_end_the_script(tmp_path, showers):
    """A detector or title in which HTML or a script ends stays text, and the payload is what it was."""
    page = of_file(tmp_path, showers[:200]).to_html(whole=True)
    text = re.search(r'<script id="payload" type="application/json">(.*?)</script>', page, re.DOTALL)[1]
    payload = json.loads(text)
    assert payload["detector"] == "a <b> & \u2028 c"
    assert payload["title"] == "a </script><b>"
    assert "<b>" not in page.split('id="payload"')[0]
    assert page.count("</script>") == 2  # of the payload and of the program
    assert "{{" not in page.split("<script")[0]


def test_showers_of_one_energy_of_a_single_shower_and_of_nothing(tmp_path, showers):
    """One shower, and showers without a hit, are shown; numbers of the page are finite."""
    dark = Showers.perpendicular(np.zeros_like(showers.energy[:150]), showers.incident_energy[:150], showers.binning)
    for given in (showers[:1], dark):
        payload = of_file(tmp_path, given).payload
        (tmp_path / "showers.h5").unlink()
        assert len(payload["full"]["counts"]) == min(10, len(given))
        for part in payload["profiles"]:
            assert all(math.isfinite(value) for value in part["longitudinal"]["mean"])


def test_showers_come_from_all_over_the_file(tmp_path, showers):
    """The first and the last of a file in order of energy are among ten of them."""
    order = np.argsort(showers.incident_energy)
    energies = of_file(tmp_path, showers[order]).payload["full"]["energy"]
    assert len(energies) == 10
    assert energies[0] == pytest.approx(showers.incident_energy.min(), rel=1e-5)
    assert energies[-1] > np.quantile(showers.incident_energy, 0.95)


def test_the_model_is_inside_only_when_the_page_is_whole(fast, display):
    whole, light = display.to_html(whole=True), display.to_html(whole=False)
    assert set(display.assets) == {"ort.wasm.gz", "model.onnx.gz"}
    assert len(whole) - len(light) > 1.3 * sum(map(len, display.assets.values()))
    assert gzip.decompress(display.assets["model.onnx.gz"]) == fast.graph
    assert display.payload["model"]["latents"]["names"][0] == "E0"


def test_a_model_alone_and_one_that_is_not_asked_for_knobs(fast):
    alone = compose("alone", None, fast, Choice(n=6))
    assert isinstance(alone, Display)
    assert alone.payload["full"] is None
    assert len(alone.payload["fast"]["counts"]) == 6
    assert alone.payload["profiles"] == []


def test_nothing_that_trained_the_model_is_shown(fast, display):
    assert isinstance(display.truth, Truth)
    assert not np.isin(display.truth.showers.ids, fast.model.training_ids).any()
    assert display.truth.trained > 0
