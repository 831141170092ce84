"""What commands read and what they may replace: plain CaloChallenge files, earlier results, inputs."""

import json
import os
import shutil
import signal
import time
import weakref
from importlib import import_module

import h5py
import numpy as np
import pytest

from caloforge.config import load_config
from caloforge.data.store import ShowerFile
from caloforge.data.writer import write_showers
from caloforge.errors import UnwritablePath
from caloforge.files import require_new
from caloforge.physics.observables import OBSERVABLES
from caloforge.training.train import train_run

CONFIG = """
seed: 3
model: {name: vae, latent: 3, width: 16, depth: 1, flow_transforms: 2, flow_width: 16}
training: {steps: 20, batch: 64, log_every: 10}
"""
OWN = """
from caloforge.physics.observables import observable

@observable("hottest", "Energy of the hottest cell", "MeV")
def hottest(showers):
    return showers.energy.max(axis=1)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory, showers):
    """A truth, the same showers in a plain file with its mesh beside it, and a configuration."""
    folder = tmp_path_factory.mktemp("files")
    write_showers(folder / "truth.h5", showers, "tiny stack", {})
    with h5py.File(folder / "plain.h5", "w") as file:
        file["showers"], file["incident_energies"] = showers.energy, showers.incident_energy[:, None]
    (folder / "mesh.xml").write_text(showers.binning.to_xml())
    (folder / "config.yaml").write_text(f"data: {folder / 'plain.h5'}\n{CONFIG}")
    (folder / "own.py").write_text(OWN)
    return folder


@pytest.fixture(scope="module")
def run(place, showers):
    config = load_config(place / "config.yaml")
    train_run(showers, config.model, config.training, config.seed, place / "run", config.to_yaml(), {})
    return place / "run"


def test_a_plain_file_is_read_by_every_command_that_is_told_its_mesh(call, place, run, tmp_path):
    """The sentence names --binning, and whatever says it takes that option."""
    mesh, plain = ["--binning", place / "mesh.xml"], place / "plain.h5"
    for number, words in enumerate(
        (
            ["train", place / "config.yaml"],
            ["merge", plain],
            ["inspect", plain],
            ["validate", plain, "--truth", place / "truth.h5", "--quick"],
            ["reweight", plain, "--truth", place / "truth.h5"],
            ["amplification", plain, "--truth", place / "truth.h5", "--training-showers", 9],
            ["score", run, plain, "-n", 3, "--draws", 20, "--observable", "response", "--no-likelihood"],
            ["diagnose", run, "--truth", plain],
            ["extrapolation", run, "--truth", plain, "--energy", "2GeV"],
            ["beta-sweep", run, "--truth", plain, "--steps", 5],
            ["coverage", run, "--truth", plain],
            ["interpret", run, "--truth", plain],
        )
    ):
        output = ["-o", tmp_path / str(number)]
        code, out, err = call(*words, *output)
        assert (code, out, "--binning FILE.xml" in err) == (1, "", True), (words, err)
        if words[0] in ("train", "merge", "inspect", "score"):
            assert call(*words, *output, *mesh)[0] == 0
        else:
            _, _, err = call(*words, *output, "--binning", "siw-1080")  # taken, and refused because it is another mesh
            assert "of binning siw-1080" in err, (words, err)
    with ShowerFile(tmp_path / "1") as merged:
        assert len(merged) == 3000


def test_the_particles_of_a_plain_file_need_no_mesh(call, place, run, tmp_path, showers):
    assert call("generate", run, "--like", place / "plain.h5", "-o", tmp_path / "like.h5")[0] == 0
    with ShowerFile(tmp_path / "like.h5") as file:
        assert np.array_equal(file.read().incident_energy, showers.incident_energy)


def test_nothing_is_replaced_unasked(call, place, run, tmp_path):
    """A second call refuses before it works, and leaves the first result as it is."""
    generated = tmp_path / "fake.h5"
    for words, result in (
        (["generate", run, "--energy", "5GeV", "-n", 40], generated),
        (
            ["score", run, place / "truth.h5", "-n", 2, "--draws", 20, "--observable", "response", "--no-likelihood"],
            tmp_path / "scores.json",
        ),
        (["inspect", "par04-siw"], tmp_path / "stack.png"),
        (["merge", place / "truth.h5"], tmp_path / "merged.h5"),
    ):
        words = [*words, "-o", result]
        assert call(*words)[0] == 0
        before = result.read_bytes()
        code, out, err = call(*words)
        assert (code, out, "--overwrite, replaces it" in err) == (1, "", True), err
        assert result.read_bytes() == before
        assert call(*words, "--overwrite")[0] == 0


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["validate", "GEN", "--truth", "TRUTH"], "report.json"),
        (["diagnose", "RUN", "--truth", "TRUTH"], "diagnosis.json"),
        (["extrapolation", "RUN", "--truth", "TRUTH", "--energy", "2GeV"], "extrapolation.json"),
        (["beta-sweep", "RUN", "--truth", "TRUTH"], "beta_sweep.json"),
        (["interpret", "RUN", "--truth", "TRUTH"], "interpretation.json"),
        (["coverage", "RUN", "--truth", "TRUTH"], "coverage.json"),
        (["amplification", "GEN", "--truth", "TRUTH"], "amplification.json"),
        (["quickstart"], "report.json"),
    ],
)
def test_a_folder_with_an_earlier_report_is_refused(call, place, run, tmp_path, words, name):
    (tmp_path / name).write_text("earlier")
    files = {"GEN": place / "plain.h5", "TRUTH": place / "truth.h5", "RUN": run}
    code, out, err = call(*(files.get(word, word) for word in words), "-o", tmp_path)
    assert (code, out, "--overwrite, replaces it" in err) == (1, "", True), err
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_input_is_never_replaced(call, place, run, tmp_path):
    """Neither with --overwrite nor by way of a link."""
    truth, link = tmp_path / "t.h5", tmp_path / "link.h5"
    shutil.copy(place / "truth.h5", truth)
    link.symlink_to(truth)
    before = truth.read_bytes()
    for words in (
        ["generate", run, "--like", truth, "-o", truth],
        ["generate", run, "--like", truth, "-o", link],
        ["score", run, truth, "-o", truth],
        ["reweight", truth, "--apply", tmp_path / "w.h5", "-o", truth],
        ["merge", truth, "-o", truth],
    ):
        code, out, err = call(*words, "--overwrite")
        assert (code, out, "is an input" in err) == (1, "", True), err
        assert truth.read_bytes() == before


def test_require_new(tmp_path):
    path = tmp_path / "a"
    assert require_new(path, False, [None, tmp_path / "b"]) == path
    with pytest.raises(UnwritablePath, match="folder"):
        require_new(tmp_path, True)


def test_observables_of_one_s_own_are_known_to_every_command(call, place, run, showers, tmp_path, monkeypatch):
    own, truth, chosen = ["--observables", place / "own.py"], tmp_path / "few.h5", ["--observable", "hottest"]
    write_showers(truth, showers[:800], "tiny stack", {})
    for words in (
        ["expect", run, "--energy", "20GeV", "-n", 20, *chosen],
        ["score", run, truth, "-n", 2, "--draws", 20, "--no-likelihood", *chosen, "-o", tmp_path / "s.json"],
        ["diagnose", run, "--truth", truth, "-o", tmp_path / "d"],
        ["coverage", run, "--truth", truth, "--bins", 1, "--growth", 100, "-o", tmp_path / "c"],
    ):
        monkeypatch.delitem(OBSERVABLES, "hottest", raising=False)
        code, _, err = call(*words, *own)
        assert (code, err) == (0, ""), err
    monkeypatch.delitem(OBSERVABLES, "hottest")
    code, out, _ = call("inspect", "--list-observables", *own)
    assert (code, "| hottest |" in out) == (0, True)
    code, _, err = call("inspect", "--list-observables", "--observables", "response")
    assert (code, "response is the name of one that is known" in err) == (1, True)
    assert "hottest" in json.loads((tmp_path / "d" / "diagnosis.json").read_text())["observables"]
    pairs = json.loads((tmp_path / "c" / "coverage.json").read_text())["runs"][0]["pairs"]
    assert "hottest" in {pair["column"] for pair in pairs}


def test_a_pipe_is_no_place_for_a_file_though_overwrite_is_given(call, place, tmp_path):
    """Replacing it, or /dev/null, would take it from everybody."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    code, out, err = call("convert", place / "truth.h5", pipe, "--overwrite")
    assert (code, out, pipe.is_fifo()) == (1, "", True)
    assert (
        err == f"caloforge: cannot write {pipe}: it is a device or a pipe, not a plain file; give another output path\n"
    )


@pytest.mark.parametrize("output", ["nowhere/out.h5", "file/out.h5", "o" * 300 + ".h5"])
def test_an_output_that_cannot_be_is_one_sentence_with_its_name(call, place, tmp_path, output):
    (tmp_path / "file").write_text("precious")
    for words in (["convert"], ["data", "mirror"]):
        code, out, err = call(*words, place / "truth.h5", tmp_path / output)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert err.startswith(f"caloforge: cannot write {tmp_path / output}: ")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("words", [["inspect"], ["convert"], ["data", "mirror"]])
def test_an_input_with_an_impossible_name_is_a_sentence(call, tmp_path, words):
    code, out, err = call(*words, tmp_path / ("i" * 300), *([] if words == ["inspect"] else [tmp_path / "out.h5"]))
    assert (code, out, err.count("\n"), "File name too long" in err) == (1, "", 1, True)


@pytest.mark.parametrize("earlier", [False, True])
def test_a_split_that_fails_takes_its_folders_away(call, place, tmp_path, earlier):
    folder = tmp_path / "new" / "parts"
    if earlier:
        folder.mkdir(parents=True)
    code, _, err = call("data", "split", place / "truth.h5", folder, "--fractions", "train=0.5,test=0.000000001")
    assert (code, "no shower" in err, folder.exists(), folder.parent.exists()) == (1, True, earlier, earlier)


def test_an_interrupt_that_falls_into_a_callback_comes_once_more(call, monkeypatch):
    """Python drops what a callback of a weak reference raises, and h5py has many of them."""

    class Freed:
        """Something to refer to."""

    def read(path):
        target = Freed()
        watched = weakref.ref(target, lambda _: signal.raise_signal(signal.SIGINT))
        del target  # the callback runs here
        assert watched() is None
        for _ in range(500):
            time.sleep(0.01)

    monkeypatch.setattr(import_module("caloforge.cli.inspect_detector"), "is_detector", read)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background may ignore it
    try:
        code, out, _ = call("inspect", "whatever")
    finally:
        signal.signal(signal.SIGINT, before)
    assert (code, out) == (130, "")


def test_a_single_shower_is_inspected_without_an_error(call, showers, tmp_path):
    write_showers(tmp_path / "one.h5", showers[:1], "tiny stack", {})
    code, out, err = call("inspect", tmp_path / "one.h5", "--json")
    assert (code, err) == (0, "")
    response = float(showers[:1].total_energy[0] / showers.incident_energy[0])
    assert json.loads(out)["mean_response"] == f"{response:.5f} (E_cells/E_incident)"
