"""Every transform against its closed form: values, the way back, log|det| against autograd, atoms."""

import math

import pytest
import torch

from caloforge.preprocessing.chain import EnergyChain
from caloforge.preprocessing.quantile import Quantile
from caloforge.preprocessing.transform import Composed
from caloforge.preprocessing.transforms import Dequantise, Log, Logit, Standardize
from caloforge.rng import torch_stream


def double(rows) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def log_det_of(function, x: torch.Tensor) -> float:
    return torch.linalg.slogdet(torch.autograd.functional.jacobian(function, x)).logabsdet.item()


# --- chain of ratios ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("incident", [4.0, 10.0, 8.0])
def test_ratios_of_three_layers_by_hand(incident):
    """2, 3 and 5 MeV: total 10, 5 of it in the last layer, and of the 5 before that 3 in the second one.

    The incident energies give responses of 2.5, exactly 1 and 1.25: nothing is special about 1.
    """
    ratios, log_det = EnergyChain()(double([[2, 3, 5]]), double([incident]))
    assert ratios[0].tolist() == pytest.approx([10 / incident, 3 / 5, 5 / 10])
    assert log_det.item() == pytest.approx(-math.log(incident) - math.log(5) - math.log(10))
    back = EnergyChain().inverse(ratios, double([incident]))
    assert back[0].tolist() == pytest.approx([2, 3, 5])


def test_a_fixed_unit_takes_the_place_of_the_incident_energy():
    ratios, log_det = EnergyChain(8.0)(double([[2, 3, 5]]), double([1234]))
    assert ratios[0].tolist() == pytest.approx([10 / 8, 3 / 5, 5 / 10])
    assert log_det.item() == pytest.approx(-math.log(8) - math.log(5) - math.log(10))
    assert EnergyChain(8.0).inverse(ratios, double([5678]))[0].tolist() == pytest.approx([2, 3, 5])


@pytest.mark.parametrize(
    ("layers", "ratios", "left"),
    [
        ([1, 2, 0], [3 / 6, 2 / 3, 0], [6, 3, 3]),  # ends early
        ([1, 0, 2], [3 / 6, 0, 2 / 3], [6, 1, 3]),  # a gap
        ([0, 1, 2], [3 / 6, 1, 2 / 3], [6, 1, 3]),  # starts late: all that is left lies in the second layer
        ([0, 0, 3], [3 / 6, 0, 1], [6, 1, 3]),  # only the last layer; behind it nothing is left and the ratio is 0
        ([3, 0, 0], [3 / 6, 0, 0], [6, 3, 3]),
        ([0, 0, 0], [0, 0, 0], [6, 1, 1]),
    ],
)
def test_empty_layers(layers, ratios, left):
    """The determinant is one over the product of what is left, over what is left and not empty (1 stands for empty)."""
    measured, log_det = EnergyChain()(double([layers]), double([6]))
    assert measured[0].tolist() == pytest.approx(ratios)
    assert log_det.item() == pytest.approx(-math.log(math.prod(left)))
    assert EnergyChain().inverse(measured, double([6]))[0].tolist() == pytest.approx(layers)


@pytest.mark.parametrize("unit", [None, 7.0])
def test_the_chain_against_autograd_over_many_showers(unit):
    generator, chain = torch_stream(1, "chain"), EnergyChain(unit)
    layers = torch.rand(20, 4, generator=generator, dtype=torch.float64).mul(6).sub(3).exp()
    incident = 0.7 * layers.sum(1) * torch.rand(20, generator=generator, dtype=torch.float64).add(0.7)
    ratios, log_det = chain(layers, incident)
    assert torch.allclose(chain.inverse(ratios, incident), layers, rtol=1e-12)
    for i in range(20):
        expected = log_det_of(lambda e, i=i: chain(e[None], incident[[i]])[0][0], layers[i])
        assert log_det[i].item() == pytest.approx(expected, abs=1e-10)


# --- to the real line --------------------------------------------------------------------------------------------


class LogitWithAtoms(Composed):
    """Log of the response, logit of shares, and bands for exact zeros and ones, as by default; noise is given."""

    def __init__(self, features, width=2.0):
        super().__init__([Log(features, "first"), Logit("others"), Dequantise(features, width)])
        self.steps[0].highest.fill_(5.0)

    @property
    def bands(self):
        return self.steps[-1]

    def __call__(self, u, noise):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch, "rand", lambda *shape, generator: noise)
            return super().__call__(u, torch.ones(len(u)), torch.Generator())

    def inverse(self, y):
        return super().inverse(y, torch.ones(len(y)))


def logit_with(low, high, width=2.0) -> LogitWithAtoms:
    logit = LogitWithAtoms(len(low), width).double()
    logit.bands.low.copy_(double(low))
    logit.bands.high.copy_(double(high))
    return logit


def test_log_of_the_response_and_logit_of_shares():
    """Responses below, at and above one are on an equal footing; a share of one half is at zero."""
    u = double([[0.03, 0.5], [1.0, 0.2], [1.3, 0.9], [2.5, 0.001]])
    logit = LogitWithAtoms(2).double()
    y, log_det = logit(u, torch.zeros_like(u))
    assert torch.allclose(y[:, 0], double([math.log(0.03), 0.0, math.log(1.3), math.log(2.5)]))
    assert torch.allclose(y[:, 1], double([0.0, math.log(0.25), math.log(9.0), math.log(0.001 / 0.999)]))
    expected = [-math.log(r) - math.log(s * (1 - s)) for r, s in u.tolist()]
    assert log_det.tolist() == pytest.approx(expected)
    assert torch.allclose(logit.inverse(y), u, rtol=1e-12)
    for i in range(4):
        jacobian = log_det_of(lambda v: logit(v[None], torch.zeros(1, 2, dtype=torch.float64))[0][0], u[i])
        assert log_det[i].item() == pytest.approx(jacobian, abs=1e-9)


@pytest.mark.parametrize("noise", [0.0, 0.25, 0.999])
@pytest.mark.parametrize("width", [2.0, 0.5])
def test_atoms_lie_in_bands_of_their_width_and_come_back_exact(noise, width):
    """0 lies below ``low``, 1 above ``high``, off the edge by a thousandth; a response of 1 is no atom."""
    logit = logit_with([-3.0, -4.0, -5.0], [3.0, 4.0, 6.0], width)
    u = double([[0.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    y, log_det = logit(u, torch.full_like(u, noise))
    reach = width * noise + 1e-3
    assert torch.allclose(y, double([[-3 - reach, -4 - reach, 6 + reach], [0.0, 4 + reach, -5 - reach]]))
    assert torch.equal(logit.inverse(y), u)
    assert log_det.tolist() == pytest.approx([3 * math.log(width), 2 * math.log(width)], abs=1e-9)


def test_the_density_of_an_atom_is_its_probability():
    """The density that ``log_det`` gives to a band integrates to the atom's probability.

    Showers with an empty layer are a share p of all. Uniform noise makes the density of y in the band p / width, and
    p(u) = p(y) exp(log|det|), so the probability of the atom is (p / width) exp(log width) = p.
    """
    logit = logit_with([-3.0, -4.0], [3.0, 4.0], 2.0)
    u = double([[0.5, 0.0]]).repeat(1000, 1)
    noise = double([[0.5, (i + 0.5) / 1000] for i in range(1000)])
    y, log_det = logit(u, noise)
    band = y[:, 1].max() - y[:, 1].min()
    assert band.item() == pytest.approx(2.0 * 999 / 1000)
    of_the_response = -math.log(0.5)
    assert torch.allclose((log_det - of_the_response).exp() / 2.0, torch.ones(1, dtype=torch.float64))


def test_bands_keep_a_margin_of_two_for_the_response_and_one_for_shares():
    u = torch.tensor([[0.1, 0.2, 0.0], [1.6, 0.7, 0.0], [0.0, 1.0, 1.0], [0.4, 0.0, 1.0]])
    logit = LogitWithAtoms(3)
    logit.fit(u, torch.ones(4), torch_stream(1, "bands"))
    bands = logit.bands
    assert bands.low.tolist() == pytest.approx([math.log(0.1) - 2, math.log(0.2 / 0.8) - 1, -15])
    assert bands.high.tolist() == pytest.approx([math.log(1.6) + 2, math.log(0.7 / 0.3) + 1, 15])


def test_before_a_fit_the_bands_lie_at_fifteen():
    logit = LogitWithAtoms(2)
    bands = logit.bands
    assert (bands.low.tolist(), bands.high.tolist(), bands.width.item()) == ([-15.0] * 2, [15.0] * 2, 2.0)


def test_values_beyond_the_bands_move_to_the_edge():
    logit = logit_with([-1.0, -1.0], [1.0, 1.0])
    y, _ = logit(double([[0.01, 0.01], [99.0, 0.99], [2.0, 0.6]]), torch.zeros(3, 2, dtype=torch.float64))
    assert y.tolist() == [
        pytest.approx([-1.0, -1.0]),
        pytest.approx([1.0, 1.0]),
        pytest.approx([math.log(2), math.log(1.5)]),
    ]


def test_the_way_back_beyond_the_bands():
    """Below: exactly 0. Above: exactly 1 for a share; a response goes on growing, up to exp(5). On an edge: inside."""
    logit = logit_with([-1.0, -1.0], [1.0, 1.0])
    u = logit.inverse(double([[-1.1, -1.1], [3.0, 1.1], [9.0, 0.0], [-1.0, -1.0], [1.0, 1.0]]))
    sigmoid = 1 / (1 + math.exp(-1))
    assert torch.allclose(
        u, double([[0, 0], [math.exp(3), 1], [math.exp(5), 0.5], [math.exp(-1), 1 - sigmoid], [math.e, sigmoid]])
    )
    assert (u[0] == 0).all()
    assert u[1, 1] == 1


def test_extreme_ratios_stay_finite():
    u = torch.tensor([[1e-20, 1e-20], [1e20, 1 - 1e-7], [-1e-9, 1 + 1e-6]])
    y, log_det = LogitWithAtoms(2)(u, torch.zeros(3, 2))
    assert torch.isfinite(y).all()
    assert torch.isfinite(log_det).all()
    assert LogitWithAtoms(2).inverse(y)[2].tolist() == [0.0, 1.0]


# --- standardised ------------------------------------------------------------------------------------------------


def test_mean_and_population_standard_deviation_by_hand():
    """1, 3 has mean 2 and standard deviation 1; 10, 30 has 20 and 10; what is constant keeps its unit."""
    scale = Standardize(3).double()
    scale.fit(double([[1, 10, 7], [3, 30, 7]]))
    assert scale.mean.tolist() == [2, 20, 7]
    assert scale.std.tolist() == [1, 10, 1]
    y, log_det = scale(double([[4, 25, 8], [2, 20, 7]]))
    assert y.tolist() == [pytest.approx([2, 0.5, 1]), pytest.approx([0, 0, 0])]
    assert log_det.tolist() == pytest.approx([-math.log(10)] * 2)
    assert torch.allclose(scale.inverse(y), double([[4, 25, 8], [2, 20, 7]]))


def test_rounding_noise_counts_as_constant():
    scale = Standardize(2).double()
    scale.fit(double([[0.0, 0.0], [1.8e-6, 2.2e-6]]))
    assert scale.std.tolist() == pytest.approx([1.0, 1.1e-6])


def test_before_a_fit_nothing_changes():
    x = torch.randn(5, 3, generator=torch_stream(1, "x"))
    y, log_det = Standardize(3)(x)
    assert torch.equal(y, x)
    assert (log_det == 0).all()


def test_what_is_fitted_is_saved():
    for module in (Dequantise(2, 0.5), Log(2), Quantile(2), Standardize(2)):
        module.fit(torch.rand(50, 2, generator=torch_stream(1, "u")), torch.ones(50))
        again = type(module)(2)
        again.load_state_dict(module.state_dict())
        assert {k: v.tolist() for k, v in again.state_dict().items()} == {
            k: v.tolist() for k, v in module.state_dict().items()
        }


def test_bands_are_where_atoms_and_nothing_else_lie():
    """Of a list of steps, at its end: what the way back makes empty lies in a band, every other feature outside."""
    generator = torch_stream(4, "bands")
    layers = torch.rand(500, 3, generator=generator).double() * torch.tensor([1.0, 1.0, 0.1])
    layers[:200, 2] = 0.0
    layers[150:250, 0] = 0.0
    incident = torch.full((500,), 2.0).double()
    steps = Composed([EnergyChain(), Log(3, "first"), Logit("others"), Dequantise(3), Standardize(3)])
    steps.fit(layers, incident, generator)
    y, _ = steps(layers, incident, generator)
    bands = steps.bands(3)
    below, above = ((y >= start - 1e-5) & (y <= end + 1e-5) for start, end in bands)
    assert torch.equal(below[:, 2], layers[:, 2] == 0)
    assert torch.equal(above[:, 1], layers[:, 0] == 0)
    assert not below[:, :2].any()
    assert not above[:, [0, 2]].any()
    for feature in ((y < bands.below[0] - 1e-5), (y > bands.above[1] + 1e-5)):
        assert not feature.any()
    assert Composed([EnergyChain(), Standardize(3)]).bands(3).below.max() < -1e6
