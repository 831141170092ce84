"""Networks of the flow of cells: over the sectors of a layer, periodic in alpha, with its rings as channels."""

__all__ = ["Across", "HeardBlock", "SplitNetwork", "first_places"]

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from caloforge.models.cell_tree import Splits
from caloforge.nn.conditioning import Conditioning

_UNITS = 16  # hidden units of a split
_BUMPS, _REACH = 13, 2.0  # functions of the log energy of what it divides, which may change at an edge of a spectrum


class Across(nn.Module):
    """Linear map of a sector and both its neighbours, round in alpha; or of the sector alone.

    Args:
        n_in: I, numbers of a sector.
        n_out: O, numbers that come out.
        alone: whether neighbours are out of sight.
    """

    def __init__(self, n_in: int, n_out: int, alone: bool = False) -> None:
        super().__init__()
        self.alone, self.linear = alone, nn.Linear(n_in if alone else 3 * n_in, n_out)

    def forward(self, x: Float[Tensor, "B A I"], at: Int[Tensor, " P"] | None = None) -> Float[Tensor, "B P O"]:
        """A linear map at some sectors.

        Args:
            x: (B, A, I) numbers of A sectors.
            at: (P,) which sectors; None for all of them.
        """
        if at is not None:
            near = [x[:, (at + step) % x.shape[1]] for step in ((0,) if self.alone else (-1, 0, 1))]
        else:
            near = [x] if self.alone else [x.roll(1, 1), x, x.roll(-1, 1)]
        out: Tensor = self.linear(torch.cat(near, 2))
        return out


class HeardBlock(nn.Module):
    """Residual block that hears of the scalars of its layer: by FiLM, or by a shift alone.

    Args:
        width: W, hidden units at each sector.
        scalars: K.
        conditioning: film, or concat: a shift that is linear in the scalars.
        alone: whether neighbours are out of sight.
    """

    def __init__(self, width: int, scalars: int, conditioning: Conditioning, alone: bool = False) -> None:
        super().__init__()
        self.across = Across(width, width, alone)
        self.film = nn.Linear(scalars, 2 * width if conditioning == "film" else width)
        self.mix = nn.Linear(width, width)
        nn.init.zeros_(self.film.bias)

    def forward(
        self, h: Float[Tensor, "B A W"], scalars: Float[Tensor, "B K"], at: Int[Tensor, " P"] | None = None
    ) -> Float[Tensor, "B P W"]:
        """Hidden units at some sectors.

        Args:
            h: (B, A, W) hidden units before.
            scalars: (B, K).
            at: (P,) which sectors; None for all of them.
        """
        heard, units = self.film(scalars)[:, None], self.across(h, at)
        if heard.shape[2] > h.shape[2]:
            units = torch.addcmul(units, units, heard[:, :, h.shape[2] :])
        change = self.mix(nn.functional.silu(units + heard[:, :, : h.shape[2]]))
        out: Tensor = (h if at is None else h[:, at]) + change
        return out


class SplitNetwork(nn.Module):
    """Parameters of all splits of one step of the tree.

    Args:
        splits: the step.
        place: (L, S) place of each split on the canvas of its layer: sector times R plus ring.
        rings: R.
        parameters: P, numbers of each split.
        width: hidden units at each sector.
        scalars: K, numbers that a layer hears of.
        conditioning: how it hears of them.

    Attributes:
        start: (L, S, P) what is added to the network's numbers.
    """

    unit: Tensor
    sectors: Tensor

    def __init__(
        self,
        splits: Splits,
        place: Int[Tensor, "L S"],
        rings: int,
        parameters: int,
        width: int,
        scalars: int,
        conditioning: Conditioning,
    ) -> None:
        super().__init__()
        self.radial = splits.radial
        sectors, sector = torch.unique(place // rings, return_inverse=True)
        used, ring = torch.unique(place % rings, return_inverse=True)
        self.enter = Across(2 * rings, width, splits.radial)
        self.block = HeardBlock(width, scalars, conditioning, splits.radial)
        self.read = nn.Linear(width, len(used) * _UNITS)
        self.own = nn.Parameter(torch.zeros(*place.shape, _UNITS))
        self.weigh = nn.Linear(_BUMPS + 1, _UNITS, bias=False)
        self.write = nn.Linear(_UNITS, parameters)
        self.start = nn.Parameter(torch.zeros(*place.shape, parameters))
        self.unit_count = len(sectors) * len(used)
        self.register_buffer("sectors", sectors, persistent=False)
        self.register_buffer("unit", sector * len(used) + ring, persistent=False)
        with torch.no_grad():
            self.write.weight.mul_(0.1)
            self.write.bias.zero_()

    def forward(
        self,
        h: Float[Tensor, "B A W"],
        seen: Float[Tensor, "B A D"],
        scalars: Float[Tensor, "B K"],
        size: Float[Tensor, "N l S"],
        layers: slice,
    ) -> Float[Tensor, "N l S P"]:
        """Parameters of the splits in l layers of N showers, B = N l.

        Args:
            h: (B, A, W) what the layers before say.
            seen: (B, A, D) the parts of the layer so far, D numbers a sector.
            scalars: (B, K).
            size: (N, l, S) standardised log energy of the part that each split divides.
            layers: which l layers.
        """
        if self.radial:
            h, seen = h.mean(1, keepdim=True), seen[:, :1]
        h = self.block(h + self.enter(seen), scalars, self.sectors)
        unit = self.unit[layers]
        units = self.read(nn.functional.silu(h)).view(-1, unit.shape[0], self.unit_count, _UNITS)
        index = unit[..., None].expand(units.shape[0], *unit.shape, _UNITS)
        place = torch.linspace(-_REACH, _REACH, _BUMPS, device=size.device, dtype=size.dtype)
        bumps = (-0.5 * ((size[..., None] - place) * ((_BUMPS - 1) / (2 * _REACH))).square()).exp()
        size_heard = self.weigh(torch.cat([size[..., None], bumps], 3))
        hidden = nn.functional.silu(units.gather(2, index) + size_heard + self.own[layers])
        out: Tensor = self.write(hidden) + self.start[layers]
        return out


def first_places(cell_of_place: Int[Tensor, "L K"], cells: int) -> Int[Tensor, "L M"]:
    """The first place of every cell on the canvas; 0 where there is no cell.

    Args:
        cell_of_place: (L, K) number of the cell in its layer at each place; ``cells`` where there is none.
        cells: M.
    """
    places = torch.zeros(len(cell_of_place), cells + 1, dtype=torch.long)
    order = torch.arange(cell_of_place.shape[1]).flip(0).expand(cell_of_place.shape)
    return places.scatter_(1, cell_of_place.flip(1), order)[:, :-1]
