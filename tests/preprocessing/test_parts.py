"""Named parts: what is cut out of a tensor is what was put into it."""

from itertools import product

import pytest
import torch

from caloforge.models.parts import NoiseWidths
from caloforge.preprocessing.parts import ConditionColumns, Features


@pytest.mark.parametrize("columns", [ConditionColumns(*c) for c in product((False, True), repeat=3)], ids=str)
def test_conditions_are_their_parts(columns):
    c = torch.randn(5, columns.width, generator=torch.Generator().manual_seed(1))
    parts = columns.split(c)
    assert torch.equal(parts.tensor, c)
    assert torch.equal(parts.log_energy[:, 0], c[:, columns.log_energy])
    assert [part is not None for part in parts[1:]] == [columns.particle, columns.cos_theta, columns.direction]
    assert torch.equal(parts.mirrored().mirrored().tensor, c)
    assert torch.equal(parts.mirrored().tensor, c) != columns.direction


def test_a_mirror_image_turns_the_sine_of_phi_over():
    columns = ConditionColumns(particle=True, direction=True)
    c = torch.tensor([[0.5, 1.0, 0.3, 0.4]])
    assert torch.equal(columns.split(c).mirrored().tensor, torch.tensor([[0.5, 1.0, 0.3, -0.4]]))


def test_features_are_their_parts():
    x = torch.randn(4, 7, generator=torch.Generator().manual_seed(1))
    parts = Features.split(x, 3)
    assert (parts.energies.shape, parts.cells.shape) == ((4, 3), (4, 4))
    assert torch.equal(parts.tensor, x)


def test_noise_is_its_parts():
    widths = NoiseWidths(energies=3, latent=2, cells=0)
    noise = torch.randn(4, widths.total, generator=torch.Generator().manual_seed(1))
    parts = widths.split(noise)
    assert torch.equal(parts.tensor, noise)
    assert widths.columns == {"energies": (0, 3), "latent": (3, 5)}
    for name, (start, end) in widths.columns.items():
        assert torch.equal(getattr(parts, name), noise[:, start:end])
