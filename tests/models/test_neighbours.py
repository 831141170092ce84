"""Cells drawn with their neighbours in sight: an exact density, causal, that turns with the shower, on any mesh."""

import itertools
import math
from typing import ClassVar

import pytest
import torch

from caloforge.errors import BadField
from caloforge.geometry.binning import Binning, Layer
from caloforge.models import model_config
from caloforge.models.block_shares import BlockShares
from caloforge.models.layer_draw import LayerDraw
from caloforge.models.layers_before import LayersBefore
from caloforge.models.neighbour_decoder import NeighbourDecoder
from caloforge.models.parts import LayerContext
from caloforge.nn.mesh_canvas import MeshCanvas
from caloforge.nn.sector_conv import all_round, waves
from caloforge.rng import torch_stream


def _mesh(*layers: tuple[tuple[float, ...], int]) -> Binning:
    return Binning(tuple(Layer(i, edges, n_alpha) for i, (edges, n_alpha) in enumerate(layers)), "toy")


_TWO = (0.0, 10.0, 20.0)
_MESHES = {
    "regular": _mesh((_TWO, 4), (_TWO, 4), (_TWO, 4), (_TWO, 4)),
    "irregular": _mesh((_TWO, 4), ((0.0, 5.0, 10.0, 30.0), 4), (_TWO, 2), ((0.0, 40.0), 1)),
    "no sectors": _mesh((_TWO, 1), (_TWO, 1)),
    "one layer": _mesh(((0.0, 4.0, 8.0, 20.0), 3)),
    "one cell": _mesh(((0.0, 10.0), 1)),
}


def _decoder(
    mesh: Binning, inclined: bool = False, std: float = 0.2, hottest: bool = False, blocks: int = 2
) -> NeighbourDecoder:
    """One with random weights everywhere, those that start at zero included."""
    torch.manual_seed(0)
    decoder = NeighbourDecoder(mesh, 0, (1, 8, 1, "film", None), 8, 2, inclined, hottest, blocks)
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=std)
    bias = decoder.requires_grad_(False).base.bias.view(decoder.networks.of_cell, -1)
    of_weights = bias[1:].view(blocks, decoder.networks.of_weight, -1)
    of_weights[:, [1, 4, 7] if hottest else [1, 4]] += 2.0  # shapes k near 7: nothing piles up at 0 or 1
    return decoder


def _conditions(mesh: Binning, n: int, seed: int = 1) -> tuple[torch.Tensor, LayerContext, torch.Tensor]:
    """No latent, a context and conditions; the same for all showers."""
    generator = torch_stream(seed, "conditions")
    context = LayerContext(*(torch.randn(1, mesh.n_layers, generator=generator).expand(n, -1) for _ in range(2)))
    return torch.zeros(n, 0), context, torch.randn(1, 1, generator=generator).expand(n, -1)


def _draw(decoder: NeighbourDecoder, mesh: Binning, n: int, seed: int = 2) -> torch.Tensor:
    noise = torch.randn(n, decoder.noise_width, generator=torch_stream(seed, "noise"))
    return decoder.sample(noise, *_conditions(mesh, n), torch.ones(n, mesh.n_layers, dtype=torch.bool))


@pytest.mark.parametrize("name", _MESHES)
@pytest.mark.parametrize(
    ("inclined", "blocks", "hottest"), [(False, 2, False), (True, 2, False), (True, 4, False), (True, 4, True)]
)
def test_every_mesh_is_drawn_and_has_a_density(name: str, inclined: bool, blocks: int, hottest: bool) -> None:
    mesh = _MESHES[name]
    decoder = _decoder(mesh, inclined, hottest=hottest, blocks=blocks)
    drawn = _draw(decoder, mesh, 200)
    torch.testing.assert_close(decoder.shares.layer_sum(drawn), torch.ones(200, mesh.n_layers))
    assert torch.isfinite(decoder.log_prob(drawn, *_conditions(mesh, 200))).all()
    alone = _draw(decoder, mesh, 200)[:5]
    torch.testing.assert_close(alone, drawn[:5])


def test_layers_without_energy_stay_empty_and_cost_nothing() -> None:
    mesh = _MESHES["irregular"]
    decoder, active = _decoder(mesh), torch.tensor([[True, False, True, False]]).expand(100, -1)
    noise = torch.randn(100, decoder.noise_width, generator=torch_stream(3, "noise"))
    drawn = decoder.sample(noise, *_conditions(mesh, 100), active)
    torch.testing.assert_close(decoder.shares.layer_sum(drawn), active.float())
    assert (decoder.log_prob(drawn, *_conditions(mesh, 100))[:, [1, 3]] == 0).all()


def _all_of_a_layer(cells: int, points: int) -> tuple[torch.Tensor, torch.Tensor]:
    """All that a layer can hold: shares (n, cells) and the measure of each, for sums that are integrals.

    Every set of hit cells, on a grid of fractions of what the cells before have left.
    """
    nodes = (torch.arange(points, dtype=torch.float64) + 0.5) / points
    part = torch.special.expit(14 * (2 * nodes - 1))  # finer near 0 and 1
    width = 28 / points * part * (1 - part)
    shares, measures = [], []
    for code in range(1, 2**cells):
        hit = [i for i in range(cells) if code >> i & 1]
        n = points ** (len(hit) - 1)
        grid = torch.stack([torch.arange(n) // points**k % points for k in range(len(hit))], 1)
        left, measure = torch.ones(n, dtype=torch.float64), torch.ones(n, dtype=torch.float64)
        share = torch.zeros(n, cells, dtype=torch.float64)
        for k, i in enumerate(hit[:-1]):
            measure = measure * left * width[grid[:, k]]  # the cell has left * part
            share[:, i] = left * part[grid[:, k]]
            left = left * part.flip(0)[grid[:, k]]  # 1 - part, without rounding
        share[:, hit[-1]] = left
        shares.append(share)
        measures.append(measure)
    return torch.cat(shares).float(), torch.cat(measures)


_FEW_CELLS = {
    "two layers of two sectors": _mesh(((0.0, 10.0), 2), ((0.0, 10.0), 2)),
    "two layers of two rings": _mesh((_TWO, 1), (_TWO, 1)),
    "three rings": _mesh(((0.0, 10.0, 20.0, 30.0), 1)),
    "two by two": _mesh((_TWO, 2)),
}


@pytest.fixture(scope="module", params=[*_FEW_CELLS, "three rings, four", "two by two, four"])
def enumerated(request):
    """A decoder of few cells, all its showers, the measure of each and its log-density."""
    name, _, kind = request.param.partition(", ")
    mesh = _FEW_CELLS[name]
    decoder = _decoder(mesh, std=0.1, blocks=4 if kind == "four" else 2)
    shares, measure = _all_of_a_layer(cells := mesh.layers[0].n_voxels, 100 if cells < 4 else 40)
    if mesh.n_layers == 2:
        a, b = torch.cartesian_prod(torch.arange(len(shares)), torch.arange(len(shares))).T
        shares, measure = torch.cat([shares[a], shares[b]], 1), measure[a] * measure[b]
    return mesh, decoder, shares, measure, decoder.log_prob(shares, *_conditions(mesh, len(shares))).sum(1).double()


def test_the_density_integrates_to_one(enumerated) -> None:
    """Over all hits and shares."""
    _, _, _, measure, log_p = enumerated
    assert float((log_p.exp() * measure).sum()) == pytest.approx(1.0, abs=2e-4)


def test_samples_have_the_density(enumerated) -> None:
    """Which cells are hit (chi-squared), and the mean log-likelihood, which is minus the entropy."""
    mesh, decoder, shares, measure, log_p = enumerated
    n = 20_000
    drawn = _draw(decoder, mesh, n)
    code = 2 ** torch.arange(mesh.n_voxels)
    truth = torch.zeros(16, dtype=torch.float64)
    truth.index_add_(0, ((shares > 0) * code).sum(1), log_p.exp() * measure)
    counts = torch.bincount(((drawn > 0) * code).sum(1), minlength=16)
    patterns = truth > 0
    assert int(patterns.sum()) in (7, 9, 15)
    assert (counts[~patterns] == 0).all()
    expected = n * truth[patterns]
    assert float(((counts[patterns] - expected) ** 2 / expected).sum()) < (
        26 if len(expected) < 10 else 36
    )  # p = 0.001 for 9 patterns, for 15
    of_samples = decoder.log_prob(drawn, *_conditions(mesh, n)).sum(1).double()
    minus_entropy = float((log_p.exp() * measure * log_p).sum())
    error = float(of_samples.std()) / n**0.5
    assert float(of_samples.mean()) == pytest.approx(minus_entropy, abs=4 * error)


def _by_hottest_cell(cells: int, points: int) -> tuple[torch.Tensor, torch.Tensor]:
    """As `_all_of_a_layer`, quasi-random: each cell in turn the hottest, u of its share even, the others evenly."""
    shares, measures = [], []
    for code, hottest in itertools.product(range(1, 2**cells), range(cells)):
        others = [i for i in range(cells) if code >> i & 1 and i != hottest]
        if not code >> hottest & 1:
            continue
        k = len(others)
        n = points if k else 1
        even = torch.quasirandom.SobolEngine(max(k, 1), scramble=True, seed=code).draw(n).double()
        more = torch.special.expit(20 * even[:, 0] - 10) if k else torch.ones(n, dtype=torch.float64)
        rest = (1 - 1 / (k + 1)) * (1 - more)
        edges = torch.cat([torch.zeros(n, 1), even[:, 1:].sort(1).values, torch.ones(n, 1)], 1)[:, -k - 1 :]
        of_others = edges.diff(dim=1) * rest[:, None]
        share = torch.zeros(n, cells, dtype=torch.float64).index_copy(1, torch.tensor(others).long(), of_others)
        share[:, hottest] = 1 - rest
        measure = 20 * more * rest ** max(k, 1) / math.factorial(max(k - 1, 0)) if k else more
        shares.append(share.float())
        measures.append(torch.where(share.argmax(1) == hottest, measure / n, 0.0))
    return torch.cat(shares), torch.cat(measures)


class _Recorded(LayerDraw):
    """A layer in turn that keeps which cells were drawn as the hottest."""

    drawn: ClassVar[list[torch.Tensor]] = []

    def hottest(self, numbers: torch.Tensor) -> None:
        super().hottest(numbers)
        self.drawn.append(self.hottest_share)


@pytest.mark.parametrize(("name", "blocks"), [("three rings", 2), ("two by two", 2), ("two by two", 4)])
def test_the_hottest_cell_first_has_a_density(name: str, blocks: int, monkeypatch) -> None:
    """Of shares whose hottest cell was drawn as such: its integral is how many they are, and samples have it."""
    mesh = _FEW_CELLS[name]
    decoder = _decoder(mesh, std=0.1, hottest=True, blocks=blocks)
    shares, measure = _by_hottest_cell(mesh.n_voxels, 2**11)
    log_p = decoder.log_prob(shares, *_conditions(mesh, len(shares)))[:, 0].double()
    p = log_p.exp() * measure
    monkeypatch.setattr("caloforge.models.neighbour_decoder.LayerDraw", _Recorded)
    _Recorded.drawn.clear()
    n = 20_000
    drawn = _draw(decoder, mesh, n)
    assert drawn.sum(1).numpy() == pytest.approx(1.0, abs=1e-5)
    as_drawn = torch.isclose(torch.cat([x.amax(0) for x in _Recorded.drawn]), drawn.amax(1))
    part = float(as_drawn.double().mean())
    assert part < 1, "some other cell came out hotter"
    assert part == pytest.approx(float(p.sum()), abs=4 * math.sqrt(part * (1 - part) / n) + 5e-4)
    code = 2 ** torch.arange(mesh.n_voxels)
    truth = torch.zeros(16, dtype=torch.float64).index_add_(0, ((shares > 0) * code).sum(1), p)
    counts = torch.bincount(((drawn[as_drawn] > 0) * code).sum(1), minlength=16)
    patterns = truth > 0
    expected = truth[patterns] / p.sum() * int(as_drawn.sum())
    assert float(((counts[patterns] - expected) ** 2 / expected).sum()) < (24 if len(expected) < 10 else 36)
    of_samples = decoder.log_prob(drawn[as_drawn], *_conditions(mesh, int(as_drawn.sum())))[:, 0].double()
    expectation = float((p * log_p).sum() / p.sum())
    assert float(of_samples.mean()) == pytest.approx(expectation, abs=4 * float(of_samples.std()) / n**0.5)


@pytest.mark.parametrize("name", ["regular", "irregular", "no sectors"])
def test_all_layers_at_once_see_what_each_in_turn_sees(name: str) -> None:
    mesh = _MESHES[name]
    canvas = MeshCanvas(mesh)
    layers, sectors, rings = canvas.shape
    before = LayersBefore(mesh, rings, 2)
    hits = torch.randn(3, mesh.n_voxels, generator=torch_stream(4, "cells")).clamp_min(0.0)
    energy = canvas.spread(hits).permute(2, 3, 1, 0)
    so_far, in_turn = before.nothing(torch.zeros(sectors, rings, 3)), []
    for layer in range(layers):
        in_turn.append(before.one_layer(so_far, layer))
        so_far = before.added(so_far, energy[:, :, layer].contiguous(), layer)
    torch.testing.assert_close(torch.stack(in_turn, 2), before.all_layers(energy))


def test_other_rings_get_energy_by_area() -> None:
    """Of a ring from 0 to 10 mm a quarter of the area lies within 5 mm; what is spread out is conserved."""
    mesh = _mesh(((0.0, 10.0, 20.0), 1), ((0.0, 5.0, 20.0), 1))
    before = LayersBefore(mesh, 2, 1)
    moved = before.overlap[1, 0] @ torch.tensor([8.0, 3.0])
    assert moved.tolist() == pytest.approx([2.0, 9.0])


def test_four_blocks_keep_cells_apart() -> None:
    """No two cells of a block are in the same or the next sector within three rings, or in the next ring of any."""
    shares = BlockShares(_mesh((tuple(range(10)), 8)), 4)
    blocks = shares.block_of_cell.view(8, 9)
    assert torch.bincount(blocks.flatten()).tolist() == [16, 16, 20, 20]
    for sectors, rings in [(0, 1), (0, 2), (0, 3), (1, 0), (1, 1)]:
        assert (blocks[:, rings:] != blocks.roll(-sectors, 0)[:, : 9 - rings]).all()
    assert blocks[0, 0] == 3  # the block that may not be without a hit has a cell in every layer
    line = BlockShares(_mesh(((0.0, 10.0), 5)), 4)
    assert line.block_of_cell.tolist() == [3, 0, 2, 1, 3]


def test_four_blocks_see_all_sectors() -> None:
    """Mean and dipole of a map as each sector sees them, written out."""
    generator = torch_stream(5, "map")
    x, start = torch.randn(6, 3, 7, generator=generator), torch.randn(6, 2, 7, generator=generator)
    matrix = torch.randn(2, 6, generator=generator)
    angle = 2 * math.pi * torch.arange(6) / 6
    dipole = (angle[:, None] - angle).cos() @ x.flatten(1) / 3
    wanted = start + matrix[:, :3] @ x.mean(0) + matrix[:, 3:] @ dipole.view(6, 3, 7)
    torch.testing.assert_close(all_round(x, matrix, waves(6), start), wanted)


def test_weights_from_before_there_were_four_blocks_are_read() -> None:
    mesh = _MESHES["irregular"]
    decoder, other = _decoder(mesh), _decoder(mesh, std=0.3)
    before = {"heads.0": "late_hits", "heads.1": "how", "heads.2": "late_how", "numbers.0": "number"}
    state = decoder.state_dict()
    for now, name in (before | {"numbers.1": "late_number"}).items():
        state = {key.replace(f"networks.{now}.", f"networks.{name}."): x for key, x in state.items()}
    assert {f"networks.{name}.weight" for name in ("number", "late_number")} <= state.keys()
    other.load_state_dict(state)
    assert torch.equal(_draw(other, mesh, 50), _draw(decoder, mesh, 50))


@pytest.mark.parametrize("hottest", [False, True])
@pytest.mark.parametrize("name", ["regular", "irregular"])
def test_a_layer_depends_on_the_layers_before_alone(name: str, hottest: bool) -> None:
    mesh = _MESHES[name]
    decoder, first = _decoder(mesh, hottest=hottest), mesh.layer_starts
    drawn = _draw(decoder, mesh, 50)
    known = decoder.log_prob(drawn, *_conditions(mesh, 50))
    noise = torch.randn(50, decoder.noise_width, generator=torch_stream(2, "noise"))
    for layer in range(mesh.n_layers - 1):
        cells = slice(int(first[layer]), int(first[layer + 1]))
        changed = drawn.clone()
        changed[:, cells] = drawn.roll(1, 0)[:, cells]
        log_p = decoder.log_prob(changed, *_conditions(mesh, 50))
        torch.testing.assert_close(log_p[:, :layer], known[:, :layer])
        only_way = mesh.layers[layer + 1].n_voxels == 1  # one cell has all that the layer has
        assert torch.allclose(log_p[:, layer + 1], known[:, layer + 1]) == only_way
        fresh = noise.clone()
        of_cells = fresh[:, : 3 * mesh.n_voxels].view(50, 3, -1)
        of_cells[:, :, cells] = of_cells[:, :, cells].roll(1, 0)
        active = torch.ones(50, mesh.n_layers, dtype=torch.bool)
        other = decoder.sample(fresh, *_conditions(mesh, 50), active)
        assert torch.equal(other[:, : cells.start], drawn[:, : cells.start])
        assert not torch.allclose(other[:, cells], drawn[:, cells])


def test_the_density_turns_with_the_shower() -> None:
    """By two sectors of four, which keeps the checkerboard; with inclined particles alpha is told apart."""
    mesh = _MESHES["regular"]
    drawn = _draw(_decoder(mesh), mesh, 50)
    turned = drawn.view(50, 4, 4, 2).roll(2, 2).reshape(50, -1)
    for inclined in (False, True):
        decoder = _decoder(mesh, inclined)
        pair = [decoder.log_prob(shares, *_conditions(mesh, 50)) for shares in (drawn, turned)]
        assert torch.allclose(*pair, atol=5e-3) != inclined


def test_without_a_latent_the_density_is_exact(binning, showers) -> None:
    config = model_config({"name": "vae", "latent": 0, "decoder_context": "neighbours", "channels": 8, "width": 16})
    pipeline, generator = config.pipeline(binning), torch_stream(1, "test")
    pipeline.fit(showers, generator)
    x, c, _ = pipeline(showers[:50], generator)
    model = config.build(pipeline).requires_grad_(False)
    model.initialise(x, c)
    assert model.noise.latent == 0
    few, many = (model.log_prob(x, c, torch_stream(k, "bound"), samples=k) for k in (1, 9))
    assert torch.equal(few.value, many.value)
    assert (many.error == 0).all()
    torch.testing.assert_close(model.loss(x, c, 0.5, generator)["total"], -few.value.mean())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"latent": 0, "prior": "flow"}, "with latent: 0 leave them out"),
        ({"latent": 0, "committed_rate": 1.0}, "with latent: 0 leave them out"),
        ({"decoder_context": "neighbours", "decoder": "mse"}, "take decoder: dirichlet"),
        ({"hadronic": True}, "hadronic is of decoder_context: neighbours"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict, sentence: str) -> None:
    with pytest.raises(BadField, match=sentence):
        model_config({"name": "vae"} | options)
