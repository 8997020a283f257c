"""Packs, averages, logs, checkpoints."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from avsynth.errors import InputError
from avsynth.training import checkpoint
from avsynth.training.ema import Ema
from avsynth.training.pack import Pack
from avsynth.training.run import Run
from avsynth.training.runlog import RunLog
from avsynth.training.seeds import seed_everything


def test_the_average_follows_slowly_and_ends_at_a_constant():
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    ema = Ema(network, decay=0.9)
    nn.init.ones_(network.weight)
    values = []
    for step in range(1, 400):
        ema.update(network, step)
        values.append(float(ema.average.weight))
    assert values[0] == pytest.approx(1 - 1 / 21)
    assert values == sorted(values)
    assert values[-1] == pytest.approx(1)


def test_seeds_repeat():
    first = seed_everything(3).normal(), torch.randn(1).item()
    assert first == (seed_everything(3).normal(), torch.randn(1).item())


def test_log_lines_after_a_checkpoint_are_dropped(tmp_path):
    log = RunLog(tmp_path, tensorboard=False)
    for step in range(1, 6):
        log.write(step, loss=step * 0.5)
    log.truncate(3)
    lines = [json.loads(line) for line in log.path.read_text().splitlines()]
    assert lines == [{"step": s, "loss": s * 0.5} for s in (1, 2, 3)]


def test_a_checkpoint_restores_the_next_step(tmp_path):
    def build():
        generator = seed_everything(0)
        network = nn.Linear(3, 2)
        return network, torch.optim.AdamW(network.parameters()), generator

    def step(network, optimizer, generator):
        x = torch.from_numpy(generator.normal(size=(4, 3)).astype(np.float32)) + torch.rand(4, 3)
        optimizer.zero_grad()
        network(x).square().sum().backward()
        optimizer.step()

    network, optimizer, generator = build()
    for _ in range(3):
        step(network, optimizer, generator)
    path = tmp_path / "c.safetensors"
    checkpoint.save(path, 3, {"n": network}, {"n": optimizer}, generator, {"best": 0.5})
    step(network, optimizer, generator)
    expected = network.weight.detach().clone()
    network, optimizer, generator = build()
    at, notes = checkpoint.resume(path, {"n": network}, {"n": optimizer}, generator)
    assert (at, notes) == (3, {"best": 0.5})
    step(network, optimizer, generator)
    assert torch.equal(network.weight, expected)
    with pytest.raises(InputError, match="does not fit"):
        checkpoint.resume(path, {"n": nn.Linear(4, 2)}, {"n": optimizer}, generator)


def test_a_run_ends_without_improvement_and_goes_on_after_its_last_checkpoint(tmp_path):
    def begin():
        network = nn.Linear(1, 1)
        return Run("toy", tmp_path, 20, 2, {"n": network}, {}, patience=2)

    run, values = begin(), iter([3.0, 1.0, 2.0, 2.0])
    judged = []
    for step in run.steps():
        run.log({"loss": step})
        if step == 5:
            break  # as a kill would: what came after the checkpoint of step 4 is done again
        if run.due:
            run.validated({"score": (value := next(values))})
            judged.append(run.better(value))
            run.save()
    run = begin()
    assert (run.step, run.best) == (4, 1.0)
    for step in run.steps():
        run.log({"loss": step})
        if run.due:
            judged.append(run.better(next(values)))
            run.save()
    assert judged == [True, True, False, False] and run.step == 8
    steps = [json.loads(line)["step"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 2, 3, 4, 4, 5, 6, 7, 8]  # validations have lines of their own
    assert begin().step == 8 and list(begin().steps()) == []


def test_a_folder_that_is_no_pack_is_refused(tmp_path):
    with pytest.raises(InputError, match="not a pack"):
        Pack.open(tmp_path, ["x"])
