"""Job arrays and clusters: the parts of a request make the bytes of one call, wherever they are simulated."""

import os
import signal
from concurrent.futures import Executor, Future
from importlib.util import find_spec

import numpy as np
import pytest

from caloforge.data.store import ShowerFile
from caloforge.errors import BadFile, BadValue, ClusterFailed, MissingExtra, UnwritablePath
from caloforge.simulation.production.array import ArrayTask, array_status, merge_shards, parse_task, simulate_task
from caloforge.simulation.production.request import produce
from caloforge.simulation.production.workers import dask_executor

ARRAYS = ("energy", "incident_energy", "pdg", "theta", "phi")


def read(path):
    with ShowerFile(path) as file:
        return file.read()


def assert_same(first, second):
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_part_from_text():
    assert parse_task("3/8") == ArrayTask(3, 8)
    for bad in ("0/8", "9/8", "3", "a/b", "-1/8", "3/8/1", ""):
        with pytest.raises(BadValue):
            parse_task(bad)


@pytest.mark.geant4
def test_parts_make_the_file_of_one_call(request_of, undisturbed, tmp_path):
    output = tmp_path / "truth.h5"
    left = [len(simulate_task(request_of(), ArrayTask(i, 2), output, shard_size=2).missing) for i in (2, 2, 1)]
    assert left == [3, 3, 0]
    assert not output.exists()
    merge_shards(tmp_path / "truth.h5.shards", output)
    assert_same(read(output), undisturbed)
    one_call = produce(request_of(), tmp_path / "one.h5", shard_size=2, mantissa_bits=11)
    merge_shards(tmp_path / "truth.h5.shards", output, mantissa_bits=11, overwrite=True)
    assert_same(read(output), read(one_call))
    with ShowerFile(output) as merged, ShowerFile(one_call) as file:
        same = {"detector", "readout", "particle", "energy", "n", "seed", "geant4", "data_tables", "mantissa_bits"}
        assert {key: merged.provenance.facts[key] for key in same} == {key: file.provenance.facts[key] for key in same}
        assert set(merged.provenance.facts) == set(file.provenance.facts)


@pytest.mark.geant4
def test_call_without_part_goes_on_from_the_parts(request_of, undisturbed, tmp_path):
    output = tmp_path / "truth.h5"
    simulate_task(request_of(), ArrayTask(1, 2), output, shard_size=3)
    reports = []
    produce(request_of(), output, shard_size=3, progress=reports.append)
    assert reports[0].showers == 6
    assert_same(read(output), undisturbed)
    assert [p.name for p in tmp_path.iterdir()] == ["truth.h5"]


@pytest.mark.geant4
def test_array_that_is_not_finished_is_not_merged(request_of, tmp_path):
    output, folder = tmp_path / "truth.h5", tmp_path / "truth.h5.shards"
    with pytest.raises(BadFile, match="no job array"):
        array_status(folder)
    with pytest.raises(BadValue, match="only 4"):
        simulate_task(request_of(), ArrayTask(1, 5), output, shard_size=3)
    simulate_task(request_of(), ArrayTask(2, 2), output, shard_size=3)
    with pytest.raises(BadFile, match=r"2 of 4 shards are missing, the first is \w+-00000.h5"):
        merge_shards(folder, output)
    simulate_task(request_of(seed=4), ArrayTask(1, 2), output, shard_size=3)
    with pytest.raises(BadFile, match="2 different requests"):
        merge_shards(folder, output)
    simulate_task(request_of(), ArrayTask(1, 2), output, shard_size=3)
    output.write_text("precious")
    with pytest.raises(UnwritablePath):
        merge_shards(folder, output)
    assert output.read_text() == "precious"
    merge_shards(folder, output, overwrite=True)
    assert len(read(output)) == 12


class _Broken(Executor):
    """An executor whose machines die."""

    def submit(self, task, /, *arguments, **options):
        future: Future = Future()
        future.set_exception(OSError("the node is gone\nand more"))
        return future


@pytest.mark.geant4
def test_executor_that_loses_a_shard_is_reported(request_of, tmp_path):
    with pytest.raises(ClusterFailed, match=r"lost a shard \(OSError: the node is gone\)"):
        produce(request_of(), tmp_path / "truth.h5", shard_size=6, executor=_Broken())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.geant4
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # dask's own, at the end of its processes
@pytest.mark.skipif(find_spec("distributed") is None, reason="needs dask.distributed")
def test_dask_cluster_with_a_killed_worker_makes_the_same_showers(request_of, undisturbed, tmp_path, monkeypatch):
    """Two processes, one of which is killed after the first shard; the folder of the output is the caller's."""
    from distributed import LocalCluster

    monkeypatch.chdir(tmp_path)
    killed = []
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=str(tmp_path)) as nodes,
        dask_executor(nodes.scheduler_address) as executor,
    ):

        def kill(progress):
            if progress.showers and not killed:
                killed.append(nodes.workers[0].pid)
                os.kill(killed[0], signal.SIGKILL)

        produce(request_of(), "truth.h5", shard_size=4, executor=executor, progress=kill)
    assert killed
    assert_same(read(tmp_path / "truth.h5"), undisturbed)


@pytest.mark.skipif(find_spec("distributed") is None, reason="needs dask.distributed")
@pytest.mark.filterwarnings("ignore")
def test_scheduler_that_does_not_answer(monkeypatch):
    monkeypatch.setattr("caloforge.simulation.production.workers._PATIENCE", 0.5)
    with pytest.raises(BadValue, match="no scheduler answers there"), dask_executor("tcp://127.0.0.1:9"):
        pass


@pytest.mark.skipif(find_spec("distributed") is not None, reason="dask is installed")
def test_missing_dask_is_a_sentence():
    with pytest.raises(MissingExtra, match=r"caloforge\[cluster\]"), dask_executor("tcp://127.0.0.1:9"):
        pass
