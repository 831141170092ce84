"""`caloforge generate` on a bundle: the showers of the run, without PyTorch."""

import subprocess
import sys

import h5py
import numpy as np
import pytest

import caloforge as cf
from caloforge.data.incident import Incident
from caloforge.deployment.bundle import Bundle


def _words(folder, output, *more):
    return ["generate", folder, "-o", output, "--energy", "10GeV", "-n", "7", "--seed", "3", *more]


def test_a_file_of_showers_from_a_bundle(call, toy_bundle, tmp_path):
    folder = toy_bundle()
    code, out, err = call(*_words(folder, tmp_path / "x.h5", "--batch", "2", "--threads", "2"))
    assert (code, err) == (0, "")
    assert "x.h5: 7 showers" in out
    with cf.open(tmp_path / "x.h5") as showers:
        assert showers.provenance.facts["bundle"] == Bundle(folder).digest
    with h5py.File(tmp_path / "x.h5") as file:
        expected = Bundle(folder).sample(Incident.alike(np.full(7, 1e4)), seed=3)
        np.testing.assert_array_equal(file["showers"][:], expected)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--energy", "1TeV"), "lies outside|was trained on"),
        (("--particle", "gamma"), "trained on e- (PDG 11)"),
        (("--split", "test"), "among the showers of like"),
    ],
    ids=["energy", "particle", "split"],
)
def test_what_the_model_does_not_know_is_refused(call, toy_bundle, tmp_path, more, words):
    code, _, err = call(*_words(toy_bundle(), tmp_path / "x.h5", *more))
    assert code == 1
    assert any(word in err for word in words.split("|"))
    assert not (tmp_path / "x.h5").exists()


def test_an_output_that_exists_is_kept(call, toy_bundle, tmp_path):
    (tmp_path / "x.h5").write_text("mine")
    assert call(*_words(toy_bundle(), tmp_path / "x.h5"))[0] == 1
    assert (tmp_path / "x.h5").read_text() == "mine"


def test_the_command_needs_no_pytorch(toy_bundle, tmp_path):
    script = "import sys; sys.modules['torch'] = None; from caloforge.cli.main import run; run()"
    words = map(str, _words(toy_bundle(), tmp_path / "x.h5"))
    answer = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stderr) == (0, "")
