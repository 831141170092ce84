"""Guard of the hot path: what a batch of shipped models costs, counted in operations, which no busy machine changes."""

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from caloforge.rng import torch_stream
from caloforge.training.run import load_run

ROWS = 32


class Kernels(TorchDispatchMode):
    """Counts the operations that PyTorch hands to a device."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


def work_of(model, noise, conditions):
    """FLOPs of matrix products a shower, and kernels a batch."""
    with torch.inference_mode(), FlopCounterMode(display=False) as flops, Kernels() as kernels:
        model.sample(noise, conditions)
    return flops.get_total_flops() / len(noise), kernels.count


def test_the_counts_are_those_of_a_layer_counted_by_hand():
    class Layer(torch.nn.Linear):
        def sample(self, noise, conditions):
            return self(noise).relu()

    flops, kernels = work_of(Layer(5, 7), torch.zeros(ROWS, 5), None)
    assert (flops, kernels) == (2 * 5 * 7, 2)  # the product with its sum, then what is positive


@pytest.mark.parametrize(
    ("name", "most_flops", "most_kernels"),
    [("vae-siw-1080", 20.2e6, 9_750), ("vae-siw-1080-latent", 2.48e6, 860)],
)
def test_a_batch_costs_no_more_than_it_did(name, most_flops, most_kernels):
    """Raise a bound only with the reason beside it in the commit; lower it where a model gets cheaper."""
    run = load_run(name)
    conditions = run.pipeline.conditions(run.pipeline.incident(np.full(ROWS, 5e4, np.float32)))
    noise = torch.randn(ROWS, *run.model.noise_shape, generator=torch_stream(1, "work"))
    flops, kernels = work_of(run.model, noise, conditions)
    assert most_flops / 2 < flops <= most_flops, "FLOPs a shower"
    assert most_kernels / 2 < kernels <= most_kernels, "kernels a batch"
