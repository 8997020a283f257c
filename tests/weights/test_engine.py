"""The one seam between networks and engines."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from avsynth.errors import ResourceError, UsageError, WeightsError
from avsynth.models.lipsync import LipsyncConfig, LipsyncNetwork
from avsynth.models.lipsync import example_batch as squares
from avsynth.models.motion import MotionConfig, MotionNetwork, example_batch
from avsynth.weights import engine
from avsynth.weights.threads import one_thread

CONFIG = MotionConfig(front_end="mel", features=40, projected=16, hidden=32)
openvino = pytest.mark.skipif(not engine.openvino_installed(), reason="extra `fast` is absent")


def network() -> MotionNetwork:
    torch.manual_seed(0)
    made = MotionNetwork(CONFIG).eval()
    made.directions.normal_()
    return made


@pytest.mark.parametrize(
    "name,device",
    [
        ("torch", "cpu"),
        pytest.param("openvino", "cpu", marks=openvino),
        pytest.param("torch", "cuda", marks=pytest.mark.cuda),
    ],
)
@pytest.mark.parametrize("shape", [(1, 7), (3, 60)])
def test_engines_agree_with_eager_torch(name, device, shape):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    batch = {"features": torch.randn(*shape, 40)}
    with torch.inference_mode():
        expected = network()(batch)["motion"]
    made = engine.prepare(network(), example_batch(CONFIG), name, device)
    result = made(batch)["motion"]
    assert result.shape == expected.shape and result.dtype == torch.float32
    tolerance = engine.TOLERANCE[made.precision] * float(expected.abs().max())
    assert float((result - expected).abs().max()) <= tolerance
    assert made.name == name


def test_choosing():
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert engine.choose("torch", cpu, 10) == "torch"
    assert engine.choose("auto", cuda, 10**8) == "torch"
    assert engine.choose("auto", cpu, 10) == "torch"
    large = "openvino" if engine.openvino_installed() else "torch"
    assert engine.choose("auto", cpu, 10**8) == large
    assert engine.choose("auto", cpu, 10, work=10**11) == large  # a small network, run often
    assert engine.choose("auto", cuda, 10, work=10**11) == "torch"
    with pytest.raises(UsageError, match="warp"):
        engine.choose("warp", cpu, 10)
    with pytest.raises(UsageError, match="excludes"):
        engine.choose("openvino", cuda, 10)


PICTURES = LipsyncConfig(size=64, widths=(8, 16, 16, 16), depth=1)


def generator() -> LipsyncNetwork:
    torch.manual_seed(0)
    made = LipsyncNetwork(PICTURES).eval()
    for head in (made.coarse, made.fine):
        torch.nn.init.normal_(head.weight, std=0.2)
    return made


def a_square(seed, count=1):
    torch.manual_seed(seed)
    return {name: torch.rand(count, *x.shape[1:]) for name, x in squares(PICTURES).items()}


@pytest.mark.parametrize("name", ["torch", pytest.param("openvino", marks=openvino)])
def test_threads_that_share_a_network_do_not_collide(name):
    made = engine.prepare(generator(), squares(PICTURES), name, "cpu", callers=2)
    batches = [a_square(seed, 1 + seed % 3) for seed in range(12)]
    with one_thread(), torch.inference_mode():
        eager = [generator()(batch) for batch in batches]
        expected = [made(batch) for batch in batches]
        with ThreadPoolExecutor(4) as pool:  # more than the engine has places for
            results = list(pool.map(made, batches))
    for plain, one, other in zip(eager, expected, results, strict=True):
        for key, value in plain.items():
            assert torch.equal(one[key], other[key])
            tolerance = engine.TOLERANCE[made.precision] * float(value.abs().max())
            assert float((one[key] - value).abs().max()) <= tolerance


def test_an_often_run_network_is_compiled(monkeypatch):
    works = []
    choose = engine.choose

    def noting(name, device, parameters, work=0):
        works.append(work)
        return choose("torch", device, parameters, work)

    monkeypatch.setattr(engine, "choose", noting)
    engine.prepare(generator(), squares(PICTURES), "auto", "cpu", runs=100)
    engine.prepare(generator(), squares(PICTURES), "auto", "cpu")
    assert works == [100 * engine.multiply_adds(generator(), squares(PICTURES)), 0]
    assert works[0] > 0


def test_one_thread_holds_for_threads_that_begin_inside():
    before = torch.get_num_threads()
    with one_thread(), ThreadPoolExecutor(1) as pool:
        assert torch.get_num_threads() == 1
        assert pool.submit(torch.get_num_threads).result() == 1
    assert torch.get_num_threads() == before


def test_openvino_that_is_absent_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(engine, "openvino_installed", lambda: False)
    assert engine.choose("auto", torch.device("cpu"), 10**8) == "torch"
    with pytest.raises(WeightsError, match=r"avsynth\[fast\]"):
        engine.choose("openvino", torch.device("cpu"), 10)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_that_is_absent_is_a_resource_error():
    with pytest.raises(ResourceError, match="no CUDA"):
        engine.prepare(network(), example_batch(CONFIG), "auto", "cuda")


@openvino
def test_openvino_cannot_look_up_a_host():
    program = """
import socket, threading
asked = []
def refuse(*a, **k):
    asked.append(a)
    raise OSError("closed")
socket.getaddrinfo = socket.gethostbyname = socket.socket.connect = refuse
import torch
from avsynth.models.lipsync import LipsyncConfig, LipsyncNetwork
from avsynth.models.lipsync import example_batch as squares
from avsynth.models.motion import MotionConfig, MotionNetwork, example_batch
from avsynth.weights import engine
config = MotionConfig(front_end="mel", features=8, projected=4, hidden=8)
made = engine.prepare(MotionNetwork(config), example_batch(config), "openvino", "cpu")
made(example_batch(config))
import sys
real = [m for m in sys.modules if m.startswith("openvino_telemetry") and
        getattr(sys.modules[m], "__file__", None)]
for thread in threading.enumerate():
    if thread is not threading.main_thread():
        thread.join(0.5)
assert not asked, asked
assert not real, real
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
