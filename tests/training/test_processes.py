"""Two processes that train one model take the steps of one process with the double batch."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from caloforge.data.writer import write_showers
from caloforge.errors import BadValue
from caloforge.training.processes import ALONE, one_sentence, processes_of_environment
from caloforge.training.run import load_run

LINE = '''
"""Features on lines in the conditions: a loss without random numbers; in process 1 it may fail at a step."""

import os
import signal
from typing import Literal

from torch import nn

from caloforge.errors import BadValue
from caloforge.models import Generator, ModelConfig, register


@register
class LineConfig(ModelConfig):
    name: Literal["line"] = "line"

    def build(self, pipeline):
        return Line(pipeline)


class Line(Generator):
    explicit = False

    def __init__(self, pipeline):
        super().__init__()
        self.pipeline, self.calls = pipeline, 0
        self.line = nn.Sequential(nn.Linear(pipeline.n_conditions, 8), nn.Tanh(), nn.Linear(8, pipeline.n_features))
        self.noise_shape = (1,)

    def loss(self, x, c, progress, generator):
        self.calls += 1
        if os.environ.get("RANK") == "1" and os.environ.get("FAIL") == str(self.calls):
            raise BadValue("process", 1, "it was told to fail")
        if os.environ.get("RANK") == "1" and os.environ.get("KILL") == str(self.calls):
            os.kill(os.getpid(), signal.SIGKILL)
        return {"total": (self.line(c) - x).square().sum(1).mean()}

    def sample(self, noise, c):
        return self.line(c)
'''


THRICE = """
import os, sys

import torch._dynamo  # with all else that a training imports: once, for all processes

import caloforge.cli.train
from caloforge.cli.main import run

first_port, second_port, third_port, *words = sys.argv[1:]


def both(port, *more):
    environment = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    processes = []
    for rank in "01":
        if (process := os.fork()) == 0:
            os.environ |= environment | {"RANK": rank, "LOCAL_RANK": rank}
            sys.argv = ["caloforge", *words, *more]
            run()
            sys.stdout.flush()
            os._exit(0)
        processes.append(process)
    return [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes]


os.environ["FAIL"] = "6"
assert both(first_port) == [1, 1]
del os.environ["FAIL"]
os.environ["KILL"] = "2"
assert both(second_port, "--resume") == [1, -9]
del os.environ["KILL"]
assert both(third_port, "--resume", "--json") == [0, 0]
"""


def thrice(folder, *words):
    """`caloforge train` in two processes as torchrun starts them; one fails, then is killed, then both go on."""
    (folder / "thrice.py").write_text(THRICE)
    with socket.socket() as first, socket.socket() as second, socket.socket() as third:
        for free in (first, second, third):
            free.bind(("127.0.0.1", 0))
        ports = [str(free.getsockname()[1]) for free in (first, second, third)]
    own = {"PYTHONPATH": str(Path(sys.modules["caloforge"].__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, folder / "thrice.py", *ports, "train", folder / "line.yaml"]
    command += ["--models", folder / "line.py", *words]
    return subprocess.run(list(map(str, command)), env=os.environ | own, capture_output=True, text=True, timeout=600)


def losses(run):
    return [json.loads(line)["total"] for line in (run / "log.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one_with_the_double_batch(showers, tmp_path, call):
    """One is stopped by a fault of the second process, which alone is told, and then goes on to the same end."""
    write_showers(tmp_path / "truth.h5", showers[:1500], "tiny stack", {})
    (tmp_path / "line.py").write_text(LINE)
    training = {"steps": 8, "batch": 32, "log_every": 1, "checkpoint_every": 2, "memory": "60kB"}
    tree = {"data": str(tmp_path / "truth.h5"), "seed": 3, "model": {"name": "line"}, "training": training}
    (tmp_path / "line.yaml").write_text(yaml.safe_dump(tree))
    ended = thrice(tmp_path, "-o", tmp_path / "two")
    assert ended.returncode == 0, ended.stderr
    sentences = [line for line in ended.stderr.splitlines() if "caloforge: " in line and "alarm at step" not in line]
    lost = "another process of this training ended, so this one cannot go on; start all of them again"
    assert sentences == ["caloforge: process is 1; it was told to fail", f"caloforge: {lost}"]
    assert json.loads(ended.stdout)["step"] == 8
    double = ["--models", tmp_path / "line.py", "--set", "training.batch=64", "-o", tmp_path / "one"]
    assert call("train", tmp_path / "line.yaml", *double)[0] == 0
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert two[-4:] == pytest.approx(one[-4:], rel=1e-5)
    weights = [load_run(tmp_path / name).model.state_dict() for name in ("one", "two")]
    assert all(torch.allclose(weights[0][name], weights[1][name], atol=1e-5) for name in weights[0])
    assert load_run(tmp_path / "two").provenance.processes == 2


def test_shares_of_a_batch_are_disjoint_and_make_it_up():
    batch = torch.arange(12)
    shares = [replace(ALONE, rank=rank, count=3).share(batch) for rank in range(3)]
    assert [len(share) for share in shares] == [4, 4, 4]
    assert torch.equal(torch.cat(shares).sort().values, batch)


def test_one_process_alone_is_left_as_it_is(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert processes_of_environment() is ALONE
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.grad = torch.ones(2)
    ALONE.average_gradients([parameter])
    assert torch.equal(parameter.grad, torch.ones(2))
    assert ALONE.mean({"total": np.pi}) == {"total": np.pi}
    assert (ALONE.any(True), ALONE.any(False)) == (True, False)
    with pytest.raises(BadValue, match="said"), one_sentence(ALONE):
        raise BadValue("it", 1, "said")


def test_a_half_set_environment_is_refused(monkeypatch):
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(BadValue, match="torchrun"):
        processes_of_environment()
