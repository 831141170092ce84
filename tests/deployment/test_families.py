"""Every family of models becomes a graph that draws the showers of the sampler."""

import numpy as np
import pytest

from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.deployment.bundle import Bundle
from caloforge.deployment.export import ExportOptions, export_run
from caloforge.generation.sampler import sample_showers
from caloforge.geometry.binning import Binning

# each coupling is written out in the graph, and their number is what a trace takes its time for
_SMALL = {"width": 16, "depth": 1, "flow_transforms": 1, "flow_width": 8}
_FAMILIES = {
    "neighbours": {"name": "vae", "latent": 0, "decoder_context": "neighbours", "blocks": 4, "channels": 8, **_SMALL},
    "hadrons": {"name": "vae", "latent": 0, "decoder_context": "neighbours", "hadronic": True, "channels": 8, **_SMALL},
    "layers": {"name": "vae", "latent": 2, "decoder_context": "layers", **_SMALL},
    "energies in sequence": {"name": "vae", "latent": 2, "layer_energies": "autoregressive", **_SMALL},
    "mixtures of energies": {
        "name": "vae",
        "latent": 2,
        "layer_energies": "mixtures",
        "preprocessing": {"energies": ["log", "dequantise", "quantile"]},
        **_SMALL,
    },
    "flow": {"name": "flow", **_SMALL},
    "flow matching": {"name": "flow_matching", "steps": 2, **_SMALL},
    "gan": {"name": "gan", "latent": 3, **_SMALL},
}


def _last_two_layers(showers):
    """The graph grows with the layers, each of which looks at those before."""
    layers = showers.binning.layers[1:]
    cells = showers.energy[:, showers.binning.layer_of_voxel > 0]
    return Showers.perpendicular(cells, showers.incident_energy, Binning(layers, "two layers"))


@pytest.mark.parametrize("family", _FAMILIES)
def test_a_graph_draws_the_showers_of_the_sampler(family, untrained, showers, tmp_path):
    run = untrained(_last_two_layers(showers[:300]), **_FAMILIES[family])
    export_run(run, "toy", tmp_path / "bundle", ExportOptions(showers=1000))  # of 100, one cell decides
    energy = np.geomspace(1500, 90_000, 40)
    incident = Incident.alike(energy.astype(np.float32))
    drawn = Bundle(tmp_path / "bundle").sample(incident, seed=3)
    wanted = sample_showers(run.model, run.pipeline, incident, 3).energy
    assert np.array_equal(drawn > 0, wanted > 0)
    np.testing.assert_allclose(drawn.sum(1), wanted.sum(1), rtol=1e-3 if "mixtures" in family else 1e-5)
