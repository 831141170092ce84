r"""What a critic looks at: the cells, and differentiable observables of the layers, rings and the whole shower.

Every cell as :math:`\log(1 + E_v/\epsilon)`; of each layer the logarithm of its energy, centres, widths and its number
of cells above energies :math:`E_k`; of each ring the logarithm of its energy; depth, length, radius and spread of the
whole shower. Numbers of cells are smooth, so that a gradient passes:
:math:`n_k = \sum_v E_v^4 / (E_v^4 + E_k^4)`. The :math:`E_k` are quantiles of the training showers' hit cells, and
:math:`\epsilon` is one of them. All features are standardised on the training showers.
"""

__all__ = ["ShowerFeatures", "ShowerCritic"]

import torch
from jaxtyping import Float
from torch import Tensor, nn

from caloforge.geometry.binning import Binning
from caloforge.nn.conditioning import Conditioning
from caloforge.nn.layers import ConditionedMLP
from caloforge.nn.minibatch import MinibatchStd
from caloforge.preprocessing.transforms import Standardize

_QUANTILES = (0.003, 0.02, 0.06, 0.2, 0.5, 0.85)
_CELL_SCALE = 2  # which of them is the scale of the cells' logarithm
_SHARPNESS = 4.0  # of the smooth counts
_SHARE_SCALE = 1e-5  # of the incident energy, under the logarithm of sums
_TINY = 1e-9
_SAMPLE = 500_000  # hit cells that find the quantiles


class ShowerFeatures(nn.Module):
    """Features (N, K) of cell energies (N, V) in MeV and incident energies (N,); the first ``n_cells`` are the cells."""

    segments: Tensor
    moments: Tensor
    rings: Tensor
    depth: Tensor
    thresholds: Tensor

    def __init__(self, binning: Binning, energy_sum: bool = True) -> None:
        super().__init__()
        layer, ring = (
            nn.functional.one_hot(torch.from_numpy(of_voxel)).float()
            for of_voxel in (binning.layer_of_voxel, binning.ring_of_voxel)
        )
        r = torch.from_numpy(binning.r_centres / binning.r_centres.max()).float()[:, None]
        alpha = torch.from_numpy(binning.alpha_centres).float()[:, None]
        x, y = r * alpha.cos(), r * alpha.sin()
        self.register_buffer("segments", layer, persistent=False)
        self.register_buffer("moments", torch.cat([layer * q for q in (x, y, r, x**2, y**2, r**2)], 1), persistent=False)
        self.register_buffer("rings", ring, persistent=False)
        self.register_buffer("depth", torch.linspace(-1, 1, binning.n_layers)[:, None], persistent=False)
        self.register_buffer("thresholds", torch.ones(len(_QUANTILES)))
        self.energy_sum = energy_sum
        self.n_cells = binning.n_voxels
        self.n_observables = (7 + len(_QUANTILES)) * (binning.n_layers) + ring.shape[1] + 4 + len(_QUANTILES) + energy_sum
        self.scale = Standardize(self.n_cells + self.n_observables)

    def fit(self, cells: Float[Tensor, "N V"], incident: Float[Tensor, " N"]) -> None:
        """Quantiles of hit cells, then mean and spread of all features, on training showers."""
        hit = cells[cells > 0]
        hit = hit[:: max(1, len(hit) // _SAMPLE)]
        self.thresholds.copy_(hit.quantile(torch.tensor(_QUANTILES)))
        self.scale.fit(self._raw(cells, incident))

    def forward(self, cells: Float[Tensor, "N V"], incident: Float[Tensor, " N"]) -> Float[Tensor, "N K"]:
        return self.scale(self._raw(cells, incident))[0]

    def _raw(self, cells: Float[Tensor, "N V"], incident: Float[Tensor, " N"]) -> Float[Tensor, "N K"]:
        shares = cells / incident[:, None]
        energy, rings = shares @ self.segments, shares @ self.rings
        sums = (shares @ self.moments).view(len(cells), 6, -1)
        counts = self._counts(cells)
        return torch.cat(
            [
                torch.log1p(cells / self.thresholds[_CELL_SCALE]),
                torch.log1p(energy / _SHARE_SCALE),
                torch.log1p(rings / _SHARE_SCALE),
                _centres_and_widths(sums / (energy + _TINY)[:, None]),
                counts.flatten(1),
                self._whole(energy, sums, counts),
            ],
            1,
        )

    def _counts(self, cells: Float[Tensor, "N V"]) -> Float[Tensor, "N K L"]:
        """Cells of each layer above each threshold."""
        log_energy = cells.clamp_min(_TINY).log()
        return torch.stack(
            [torch.sigmoid(_SHARPNESS * (log_energy - t)) @ self.segments for t in self.thresholds.log()], 1
        )

    def _whole(self, energy: Tensor, sums: Tensor, counts: Tensor) -> Float[Tensor, "N W"]:
        """Depth, length, radius and spread of the shower, its cells above each threshold, and its energy if wanted."""
        total = energy.sum(1, keepdim=True) + _TINY
        depth, length = energy @ self.depth / total, energy @ self.depth.square() / total
        radius, spread = (sums[:, i].sum(1, keepdim=True) / total for i in (2, 5))
        parts = [depth, _width(length, depth), radius, _width(spread, radius), counts.sum(2)]
        return torch.cat([*parts, total.log()] if self.energy_sum else parts, 1)


def _centres_and_widths(mean: Float[Tensor, "N 6 L"]) -> Float[Tensor, "N W"]:
    return torch.cat([mean[:, :3], _width(mean[:, 3:], mean[:, :3])], 1).flatten(1)


def _width(mean_square: Tensor, mean: Tensor) -> Tensor:
    return (mean_square - mean.square()).clamp_min(1e-5).sqrt()


class ShowerCritic(nn.Module):
    """Scores (N,) of features: one network sees the first ``n_cells`` of them, one the others; their scores add up.

    ``minibatch_std`` shows both the spread of their features over the batch; ``spectral_norm`` divides every weight
    matrix by its largest singular value (arXiv:1802.05957; it does not bound FiLM and LayerNorm).
    """

    def __init__(
        self,
        n_cells: int,
        n_observables: int,
        n_context: int,
        n_conditions: int,
        width: int,
        depth: int,
        conditioning: Conditioning = "film",
        minibatch_std: bool = False,
        spectral_norm: bool = False,
    ) -> None:
        super().__init__()
        self.n_cells = n_cells
        self.statistics = MinibatchStd() if minibatch_std else nn.Identity()

        def network(n_features: int) -> ConditionedMLP:
            n_in = n_features + minibatch_std + n_context
            return ConditionedMLP(n_in, 1, n_conditions, width, depth, conditioning)

        self.cells, self.observables = network(n_cells), network(n_observables)
        if spectral_norm:
            for module in list(self.modules()):
                if isinstance(module, nn.Linear):
                    nn.utils.parametrizations.spectral_norm(module)

    def forward(
        self, features: Float[Tensor, "N K"], context: Float[Tensor, "N U"], c: Float[Tensor, "N C"]
    ) -> Float[Tensor, " N"]:
        cells, observables = features[:, : self.n_cells], features[:, self.n_cells :]
        score = self.cells(torch.cat([self.statistics(cells), context], 1), c)
        return (score + self.observables(torch.cat([self.statistics(observables), context], 1), c)).squeeze(1)
