"""What a network costs."""

import time

import torch
from torch import nn

from avsynth.metrics.cost import parameter_count, real_time_factor


def test_time_is_divided_by_sound_and_threads_are_given_back():
    before = torch.get_num_threads()
    seen = []

    def work():
        seen.append(torch.get_num_threads())
        time.sleep(0.02)

    factor = real_time_factor(work, seconds=2.0, threads=before + 1)
    assert factor >= 0.01
    assert seen == [before + 1] * 4 and torch.get_num_threads() == before


def test_shared_parameters_count_once():
    one, two = nn.Linear(3, 4), nn.Linear(4, 2)
    assert parameter_count([one]) == 16
    assert parameter_count([one, nn.Sequential(one, two)]) == 16 + 10
