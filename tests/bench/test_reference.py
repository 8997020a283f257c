"""The network that speeds are compared with has the published size."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from avsynth.bench.reference import ReferenceNetwork, reference_batch
from avsynth.weights.engine import multiply_adds


def test_parameters_multiply_adds_and_shape() -> None:
    network = ReferenceNetwork().eval()
    assert sum(value.numel() for value in network.parameters()) == 36_298_035
    with torch.inference_mode():
        picture = network(reference_batch(2))["picture"]
    assert picture.shape == (2, 3, 96, 96)
    assert 3.9e9 < multiply_adds(network, reference_batch()) < 4.1e9


def test_multiply_adds_are_those_that_torch_counts() -> None:
    network = ReferenceNetwork().eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(reference_batch())
    assert counter.get_total_flops() == 2 * multiply_adds(network, reference_batch())
