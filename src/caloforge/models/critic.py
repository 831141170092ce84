r"""What a critic looks at: the cells, and differentiable observables of the layers, rings and the whole shower.

From cell energies as shares :math:`f_v = E_v/E_\text{inc}`: every cell as :math:`\log(1 + f_v/10^{-5})`; of each layer
the logarithm of its energy, centres, widths and numbers of hits; of each ring the logarithm of its energy; depth,
length, radius and spread of the whole shower and its spectrum of cells. Numbers of cells above an energy are smooth, so
that a gradient passes: :math:`n = \sum_v E_v^k/(E_v^k + \epsilon^k)`, with k = 1 for hits, where
:math:`\epsilon` is far below a typical hit, and k = 4 for the spectrum, where the :math:`\epsilon` are quantiles of the
training showers' hit cells. All features are standardised on the training showers.
"""

__all__ = ["ShowerFeatures", "ShowerCritic"]

import torch
from jaxtyping import Float
from torch import Tensor, nn

from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning
from caloforge.models.local_structure import LocalStructure
from caloforge.models.mesh_networks import MeshCritic
from caloforge.nn.conditioning import Conditioning, FiLM
from caloforge.nn.layers import ConditionedMLP
from caloforge.nn.minibatch import MinibatchStd
from caloforge.preprocessing.transforms import Standardize

_SHARE_SCALE = 1e-5  # of the incident energy: typical of a hit cell
_HITS_ABOVE = (1e-7, 1e-5)  # of the incident energy
_QUANTILES = (0.003, 0.02, 0.06, 0.2, 0.5, 0.85)  # of the spectrum of hit cells
_TYPICAL = 2  # of the quantiles: scale of the logarithms of local structure
_SHARPNESS = 4.0
_SAMPLE = 500_000  # hit cells that find the quantiles
_TINY = 1e-9


class ShowerFeatures(nn.Module):
    """Features (N, K) of cell energies (N, V) in MeV and incident energies (N,); ``n_cells`` cells come first.

    Args:
        binning: the mesh.
        energy_sum: whether the total energy is one of them.
        local: whether those of `LocalStructure` are among them.
    """

    segments: Tensor
    moments: Tensor
    rings: Tensor
    depth: Tensor
    thresholds: Tensor

    def __init__(self, binning: Binning, energy_sum: bool = True, local: bool = False) -> None:
        super().__init__()
        layer, ring = (
            nn.functional.one_hot(torch.from_numpy(of_voxel)).float()
            for of_voxel in (binning.layer_of_voxel, binning.ring_of_voxel)
        )
        r = torch.from_numpy(binning.r_centres / binning.r_centres.max()).float()[:, None]
        alpha = torch.from_numpy(binning.alpha_centres).float()[:, None]
        x, y = r * alpha.cos(), r * alpha.sin()
        self.register_buffer("segments", layer, persistent=False)
        self.register_buffer(
            "moments", torch.cat([layer * q for q in (x, y, r, x**2, y**2, r**2)], 1), persistent=False
        )
        self.register_buffer("rings", ring, persistent=False)
        self.register_buffer("depth", torch.linspace(-1, 1, binning.n_layers)[:, None], persistent=False)
        self.register_buffer("thresholds", torch.ones(len(_QUANTILES)))
        self.energy_sum = energy_sum
        self.n_cells = binning.n_voxels
        per_layer, whole = 7 + len(_HITS_ABOVE), 5 + len(_HITS_ABOVE) + len(_QUANTILES) + energy_sum
        self.local = LocalStructure(binning) if local else None
        self.n_observables = per_layer * binning.n_layers + ring.shape[1] + whole
        self.n_observables += 0 if self.local is None else self.local.n_out
        self.scale = Standardize(self.n_cells + self.n_observables)

    def fit(self, cells: Float[Tensor, "N V"], incident: Float[Tensor, " N"]) -> None:
        """Quantiles of hit cells, then mean and spread of all features, on training showers.

        Args:
            cells: (N, V) energies, MeV.
            incident: (N,) incident energies, MeV.
        """
        hit = cells[cells > 0]
        hit = hit[:: max(1, len(hit) // _SAMPLE)]
        self.thresholds.copy_(hit.quantile(hit.new_tensor(_QUANTILES)))
        self.scale.fit(self._raw(cells, incident))

    def forward(self, cells: Float[Tensor, "N V"], incident: Float[Tensor, " N"]) -> Float[Tensor, "N K"]:
        """The features, standardised.

        Args:
            cells: (N, V) energies, MeV.
            incident: (N,) incident energies, MeV.
        """
        return self.scale(self._raw(cells, incident))[0]

    def _raw(self, cells: Float[Tensor, "N V"], incident: Float[Tensor, " N"]) -> Float[Tensor, "N K"]:
        shares = cells / incident[:, None]
        log_cells = torch.log1p(shares / _SHARE_SCALE)
        energy, rings = shares @ self.segments, shares @ self.rings
        sums = (shares @ self.moments).view(cells.shape[0], 6, -1)
        hits = torch.stack([(shares / (shares + above)) @ self.segments for above in _HITS_ABOVE], 1)
        logs = [torch.log1p(part / _SHARE_SCALE) for part in (energy, rings)]
        total = energy.sum(1, keepdim=True) + _TINY
        mean_log = (shares * log_cells).sum(1, keepdim=True) / total
        whole = [hits.sum(2), mean_log, self._spectrum(cells), self._whole(energy, sums, total)]
        if self.energy_sum:
            whole.append(total.log())
        if self.local is not None:
            whole.append(self.local(cells, self.thresholds[_TYPICAL], self.thresholds[0]))
        layers = _centres_and_widths(sums / (energy + _TINY)[:, None])
        return torch.cat([log_cells, *logs, layers, hits.flatten(1), *whole], 1)

    def _spectrum(self, cells: Float[Tensor, "N V"]) -> Float[Tensor, "N Q"]:
        """Cells of the shower above each threshold."""
        log_energy = cells.clamp_min(_TINY).log()
        counts = [torch.sigmoid(_SHARPNESS * (log_energy - t)).sum(1) for t in self.thresholds.log()]
        return torch.stack(counts, 1)

    def _whole(self, energy: Tensor, sums: Tensor, total: Tensor) -> Float[Tensor, "N 4"]:
        """Depth, length, radius and spread of the shower."""
        depth, length = energy @ self.depth / total, energy @ self.depth.square() / total
        radius, spread = (sums[:, i].sum(1, keepdim=True) / total for i in (2, 5))
        return torch.cat([depth, _width(length, depth), radius, _width(spread, radius)], 1)


def _centres_and_widths(mean: Float[Tensor, "N 6 L"]) -> Float[Tensor, "N W"]:
    return torch.cat([mean[:, :3], _width(mean[:, 3:], mean[:, :3])], 1).flatten(1)


def _width(mean_square: Tensor, mean: Tensor) -> Tensor:
    return (mean_square - mean.square()).clamp_min(1e-5).sqrt()


class ShowerCritic(nn.Module):
    """Scores of features: one network sees the first ``n_cells`` of them, one the others; their scores add up.

    ``packing`` showers with their conditions are judged together and get one score, so that a generator which always
    draws alike is seen through (arXiv:1712.04086); ``minibatch_std`` shows both the spread of their features over the
    batch; ``spectral_norm`` divides every weight matrix by its largest singular value (arXiv:1802.05957; it does not
    bound FiLM and LayerNorm).

    Args:
        n_cells: features of single cells.
        n_observables: the other features.
        n_context: numbers that the critic is told beside the conditions.
        n_conditions: C, the particle embedded.
        width: hidden units of either network.
        depth: residual blocks of either network.
        conditioning: how layers hear of c.
        minibatch_std: whether the spread over the batch is a feature.
        spectral_norm: whether matrices are divided by their largest singular value.
        packing: showers judged together.
        mesh: a network that sees the cells with their neighbours, whose score is added; None: there is none.
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
        packing: int = 1,
        mesh: MeshCritic | None = None,
    ) -> None:
        super().__init__()
        self.n_cells, self.packing, self.mesh = n_cells, packing, mesh
        self.statistics = MinibatchStd() if minibatch_std else nn.Identity()

        def network(n_features: int) -> ConditionedMLP:
            n_in = packing * (n_features + n_context) + minibatch_std
            return ConditionedMLP(n_in, 1, packing * n_conditions, width, depth, conditioning)

        self.cells, self.observables = network(n_cells), network(n_observables)
        if spectral_norm:
            films = {part for film in self.modules() if isinstance(film, FiLM) for part in film.modules()}
            for module in list(self.modules()):
                if isinstance(module, nn.Linear | nn.Conv2d) and module not in films:
                    nn.utils.parametrizations.spectral_norm(module)

    def packed(self, x: Float[Tensor, "N K"]) -> Float[Tensor, "P J"]:
        """Rows of P = N / packing packs side by side; showers that fill no pack are left out.

        Args:
            x: (N, K) one row a shower.

        Raises:
            BadValue: fewer showers than a pack holds.
        """
        if len(x) < self.packing:
            raise BadValue("model.packing", self.packing, f"there are only {len(x)} showers; give training.batch more")
        n_packs = len(x) // self.packing
        return x[: n_packs * self.packing].reshape(n_packs, self.packing * x.shape[1])

    def forward(
        self, features: Float[Tensor, "P K"], context: Float[Tensor, "P U"], c: Float[Tensor, "P C"]
    ) -> Float[Tensor, " P"]:
        """Score of each pack from its rows, ``packed``.

        Args:
            features: (P, K) features of packs.
            context: (P, U) what the critic is told of them.
            c: (P, C) their conditions, the particle embedded.
        """
        single = features.view(features.shape[0], self.packing, -1)
        parts = torch.split(single, [self.n_cells, single.shape[2] - self.n_cells], 2)
        cells, observables = (part.flatten(1) for part in parts)
        score = self.cells(torch.cat([self.statistics(cells), context], 1), c)
        score = score + self.observables(torch.cat([self.statistics(observables), context], 1), c)
        if self.mesh is not None:
            score = score + self.mesh(parts[0], context, c)
        return score.squeeze(1)
