"""`caloforge generate` in parts: jobs of an array and workers of dask make the file of one call."""

import os
import signal
from importlib.util import find_spec

import h5py
import numpy as np
import pytest

from caloforge.api.asked import Asked
from caloforge.api.generate_parts import default_shard, generate_elsewhere
from caloforge.api.generator import GenerateRequest, GeneratorWords
from caloforge.errors import CaloforgeError

WORDS = ["--energy", "1GeV:100GeV:log", "-n", "57", "--seed", "3"]


@pytest.fixture
def bundle(toy_bundle):
    """One that draws its noise ten showers at a time."""
    return toy_bundle(block=10)


def content(path):
    with h5py.File(path) as file:
        facts = {key: value for key, value in file.attrs.items() if key != "provenance"}
        return facts, {name: file[name][:] for name in file}


def assert_same(first, second):
    (facts, arrays), (others, copies) = content(first), content(second)
    assert facts == others
    assert set(arrays) == set(copies)
    for name, values in arrays.items():
        np.testing.assert_array_equal(values, copies[name])


@pytest.mark.parametrize("size", [(), ("--shard-size", "20")], ids=["blocks", "two blocks"])
def test_parts_in_any_order_make_the_file_of_one_call(call, bundle, tmp_path, size):
    assert call("generate", bundle, "-o", tmp_path / "one.h5", *WORDS)[0] == 0
    words = ["generate", bundle, "-o", tmp_path / "x.h5", *WORDS, *size]
    for part in ("2/3", "3/3", "2/3"):
        assert call(*words, "--shard", part)[0] == 0
    code, _, err = call("merge", tmp_path / "x.h5.shards", "-o", tmp_path / "x.h5")
    assert (code, "shards are missing" in err) == (1, True)
    code, out, _ = call(*words, "--shard", "1/3")
    assert (code, "0 of" in out) == (0, True)
    assert call("merge", tmp_path / "x.h5.shards", "-o", tmp_path / "x.h5")[0] == 0
    assert_same(tmp_path / "one.h5", tmp_path / "x.h5")


def test_shards_of_another_model_or_seed_are_not_mixed(call, toy_bundle, tmp_path):
    """The same name, but the noise is drawn otherwise: its shards have names of their own."""
    words = ["generate", tmp_path / "toy", "-o", tmp_path / "x.h5", *WORDS, "--shard-size", "20"]
    for block, part in ((10, "1/2"), (20, "2/2")):
        toy_bundle(block=block, model=None)
        (tmp_path / "toy" / "extra.onnx").write_bytes(bytes([block]))
        assert call(*words, "--shard", part)[0] == 0
    code, _, err = call("merge", tmp_path / "x.h5.shards", "-o", tmp_path / "x.h5")
    assert (code, "2 different requests" in err) == (1, True)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--shard", "1/2", "--dask", "tcp://127.0.0.1:9"), "not both"),
        (("--shard", "3/2"), "i from 1 to n"),
        (("--shard", "1/9"), "there are only 6"),
        (("--shard", "1/2", "--shard-size", "15"), "multiple of 10"),
        (("--shard", "1/2", "--shard-size", "0"), "multiple of 10"),
        (("--shard-size", "10"), "goes with --shard"),
        (("--shard", "1/2", "--energy", "1TeV"), "was trained on"),
        (("--shard", "1/2", "-o", "missing/x.h5"), "cannot write"),
    ],
    ids=["both", "part", "too many", "within a block", "nothing", "alone", "energy", "folder"],
)
def test_a_bad_part_is_one_sentence_and_leaves_nothing(call, bundle, tmp_path, monkeypatch, more, words):
    monkeypatch.chdir(tmp_path)
    code, out, err = call("generate", bundle, "-o", "x.h5", *WORDS, *more)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert words in err
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]


def test_shards_are_whole_blocks_and_enough_for_many_jobs():
    assert [default_shard(n) for n in (1, 64_000, 64_001, 10**7)] == [1000, 1000, 2000, 10_000]
    assert default_shard(10**7, block=3000) == 30_000


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # dask's own, at the end of its processes
@pytest.mark.skipif(find_spec("distributed") is None, reason="needs dask.distributed")
def test_a_killed_worker_of_dask_changes_nothing(call, bundle, tmp_path, monkeypatch):
    """Processes of their own; one is killed when the first shard is done."""
    from distributed import LocalCluster

    from caloforge.simulation.production.workers import dask_executor

    monkeypatch.chdir(tmp_path)
    assert call("generate", "toy", "-o", "one.h5", *WORDS)[0] == 0
    asked = Asked("1GeV:100GeV:log", 57, seed=3)
    request = GenerateRequest(GeneratorWords("toy"), asked, 5000, print)
    killed = []
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=str(tmp_path)) as nodes,
        dask_executor(nodes.scheduler_address) as executor,
    ):

        def kill(done, total):
            if not killed:
                killed.append(nodes.workers[0].pid)
                os.kill(killed[0], signal.SIGKILL)

        generate_elsewhere(request, executor, tmp_path / "x.h5", progress=kill)
        assert killed
        (bundle / "model.onnx").write_bytes(b"another")
        with pytest.raises(CaloforgeError, match="hash"):
            generate_elsewhere(request, executor, tmp_path / "y.h5")
    assert_same(tmp_path / "one.h5", tmp_path / "x.h5")
    assert not (tmp_path / "x.h5.shards").exists()
