"""`import caloforge as cf`: what its functions take, give, show and refuse."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import hepunits
import jaxtyping
import numpy as np
import pytest
from matplotlib.figure import Figure

import caloforge as cf
from caloforge.api.truth import truth_split
from caloforge.data.incident import Incident
from caloforge.data.provenance import Provenance
from caloforge.data.splits import take_split
from caloforge.data.store import ShowerFile
from caloforge.data.writer import write_showers
from caloforge.errors import (
    BadFile,
    BadValue,
    CaloforgeError,
    EmptySample,
    OutsideTraining,
    UnknownName,
    UnwritablePath,
)
from caloforge.generation.sampler import sample_showers
from caloforge.training.run import load_run


@pytest.fixture(scope="module")
def model():
    return cf.load("vae-siw-1080")


@pytest.fixture
def truth(tmp_path, showers):
    write_showers(tmp_path / "truth.h5", showers[:400], "tiny stack", Provenance(generator="by hand"))
    with cf.open(tmp_path / "truth.h5") as dataset:
        yield dataset


def test_import_loads_nothing():
    """Neither PyTorch, NumPy nor anything else of caloforge is imported with it."""
    code = (
        "import sys, caloforge; print([m for m in sys.modules if m.split('.')[0] in ('torch', 'numpy', 'caloforge')])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "['caloforge']"


def test_wrong_types_get_a_sentence():
    """Without the type checks of these tests, as users run it."""
    code = """
import caloforge as cf
model = cf.load("vae-siw-1080")
for words in ({"energy": {}}, {"energy": 5e4, "n": 2.5}, {"energy": 5e4, "particle": 1.5}, {"energy": [None]}):
    try:
        model.generate(**words)
    except cf.CaloforgeError as error:
        print(error)
try:
    cf.simulate("par04-siw", energy=["10GeV"])
except cf.CaloforgeError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    says = ("energy is {}", "number of showers is 2.5", "particle is 1.5", "energy is not given", "energy is ['10GeV']")
    lines = result.stdout.splitlines()
    assert len(lines) == len(says)
    assert all(line.startswith(start) for line, start in zip(lines, says, strict=True))


def test_every_public_name_is_there():
    assert set(cf.__all__) <= set(dir(cf))
    assert all(getattr(cf, name) is not None for name in cf.__all__)
    with pytest.raises(AttributeError, match="no attribute 'generate_everything'"):
        _ = cf.generate_everything


class TestOpen:
    def test_slices_are_lazy_and_rows_are_read(self, truth, showers):
        assert len(truth) == 400
        part = truth[100:300][10:50:2]
        assert isinstance(part, cf.Dataset)
        assert np.array_equal(part.read().energy, showers.energy[110:150:2])
        assert np.array_equal(truth[-1].energy, showers.energy[[399]])
        assert np.array_equal(truth[[7, 3, 7]].incident_energy, showers.incident_energy[[7, 3, 7]])
        odd = np.arange(400) % 2 == 1
        assert np.array_equal(truth[odd].energy, showers[:400][odd].energy)
        assert len(truth[400:]) == len(truth[400:].read()) == len(truth[np.zeros(400, bool)]) == 0
        with pytest.raises(BadValue, match="read forwards"):
            truth[::-1]
        with pytest.raises(IndexError):
            truth[400]

    def test_batches_are_the_showers_in_order(self, truth, showers):
        batches = list(truth[50:].batches(120))
        assert [len(batch) for batch in batches] == [120, 120, 110]
        assert np.array_equal(cf.Showers.concatenate(batches).energy, showers.energy[50:400])
        assert np.array_equal(cf.Showers.concatenate(list(truth)).energy, showers.energy[:400])

    def test_showers_know_where_they_come_from(self, truth):
        whole = truth.read()
        assert (whole.detector, whole.provenance.generator) == ("tiny stack", "by hand")
        assert whole[5:10].provenance == whole.provenance
        assert cf.Showers.concatenate([whole[:5], whole[5:]]).detector == "tiny stack"
        assert truth[3:9].origin()["rows"] == [3, 9, 1]

    def test_incident_particles_without_cells(self, truth, showers):
        assert np.array_equal(truth[10:20].incident.energy, showers.incident_energy[10:20])

    def test_splits_are_those_of_showers(self, truth, showers):
        for split in ("train", "validation", "test"):
            assert np.array_equal(truth.split(split).energy, take_split(showers[:400], split).energy)

    def test_observables(self, truth, showers):
        response = truth.observables("response")
        assert np.allclose(response, showers[:400].total_energy / showers.incident_energy[:400], rtol=1e-6)
        assert truth.observables("layer_energy").shape == (400, 3)
        table = truth[:50].observables("response", "layer_energy", "centre_z")
        assert table.units == {"response": "", "layer_energy": "MeV", "centre_z": "mm"}
        assert table.columns["layer_energy"] == ("layer 0", "layer 1", "layer 4")
        assert np.array_equal(table["response"][:, 0], response[:50])
        assert "layer_energy [MeV]: (50, 3)" in repr(table)
        with pytest.raises(UnknownName, match="respons"):
            truth.observables("respons")
        with pytest.raises(BadValue, match="value for every cell"):
            truth.observables("voxel_energy")

    def test_shows_itself(self, truth):
        shown = rf"<Dataset {re.escape(str(truth.path))}: 400 showers, e-, [\d.]+GeV to [\d.]+GeV, tiny>"
        assert re.fullmatch(shown, repr(truth))
        page = truth._repr_html_()
        assert all(word in page for word in ("particles", "incident energy", "mesh", "tiny stack", "mean response"))
        assert isinstance(truth.plot(), Figure)

    def test_names_are_escaped(self, tmp_path, showers):
        write_showers(tmp_path / "a<b>.h5", showers[:30], "<i>", Provenance())
        with cf.open(tmp_path / "a<b>.h5") as dataset:
            assert "<b>" not in dataset._repr_html_()
            assert "<i>" not in dataset._repr_html_()

    def test_refuses(self, tmp_path):
        with pytest.raises(BadFile, match="no such file"):
            cf.open(tmp_path / "nothing.h5")


class TestGenerate:
    def test_every_way_to_say_an_energy(self, model):
        """Text, MeV, hepunits, lists and arrays give the same showers."""
        expected = model.generate("50GeV", n=4, seed=3)
        ways = (50_000.0, 50 * hepunits.GeV, np.float64(5e4), np.array(5e4), ["50GeV"], [5e4] * 4, np.full(4, 5e4))
        for energy in ways:
            showers = model.generate(energy, n=4, seed=3)
            assert np.array_equal(showers.energy, expected.energy)
        assert np.array_equal(
            model.generate(("50GeV", 5e4, "50000MeV", 50 * hepunits.GeV), seed=3).energy, expected.energy
        )

    def test_same_as_the_sampler(self, model):
        run = load_run("vae-siw-1080")
        energies = np.array([2e3, 3e4, 9e4])
        expected = sample_showers(run.model, run.pipeline, energies, seed=5)
        assert np.array_equal(model.generate(energies, seed=5).energy, expected.energy)

    def test_lists_repeat(self, model):
        assert model.generate(["2GeV", "5GeV"], n=5).incident_energy.tolist() == [2e3, 5e3, 2e3, 5e3, 2e3]
        assert len(model.generate("2GeV")) == 1000

    def test_spectra_stay_within_their_ends(self, model):
        energy = model.generate("2GeV:5GeV:log", n=200).incident_energy
        assert energy.min() >= 2e3
        assert energy.max() <= 5e3
        assert len(np.unique(energy)) == 200

    def test_like(self, model):
        bundled = cf.open("bundled")[:30]
        expected = model.generate(like=bundled, seed=2)
        assert np.array_equal(expected.incident_energy, bundled.incident.energy)
        for like in (bundled.read(), bundled.incident):
            assert np.array_equal(model.generate(like=like, seed=2).energy, expected.energy)
        assert len(model.generate(like=bundled, n=70)) == 70
        own = model.generate(like=bundled, split="test")
        assert np.array_equal(own.incident_energy, bundled.split("test").incident_energy)

    def test_a_file_holds_the_same_showers(self, model, tmp_path):
        expected = model.generate("20GeV", n=30, seed=4)
        with model.generate("20GeV", n=30, seed=4, output=tmp_path / "fake.h5") as fake:
            assert np.array_equal(fake.read().energy, expected.energy)
            assert fake.detector == expected.detector == "par04-siw"
            facts = fake.provenance.facts
        assert facts.pop("host_ms_per_shower") > 0
        assert facts == expected.provenance.facts
        assert facts["training"]["showers_digest"] == model.provenance.showers_digest

    def test_outputs_are_not_replaced(self, model, tmp_path):
        path = tmp_path / "fake.h5"
        model.generate("20GeV", n=2, output=path).close()
        content = path.read_bytes()
        with pytest.raises(UnwritablePath, match="exists"):
            model.generate("20GeV", n=3, output=path)
        with pytest.raises(UnwritablePath, match="input"):
            model.generate(like=path, output=path, overwrite=True)
        assert path.read_bytes() == content
        assert len(model.generate("20GeV", n=3, output=path, overwrite=True)) == 3

    def test_no_such_folder(self, model, tmp_path):
        with pytest.raises(UnwritablePath, match=r"missing/fake\.h5: No such file or directory; give"):
            model.generate("20GeV", n=2, output=tmp_path / "missing" / "fake.h5")

    def test_a_seed_is_a_whole_number_from_zero_on(self, model):
        with pytest.raises(BadValue, match="seed is -1; give a whole number"):
            model.generate("20GeV", n=2, seed=-1)

    def test_outside_the_training(self, model):
        """A shower of 50 MeV is no shower of a model of 1-100 GeV, unless asked for."""
        for energy in ("50MeV", 50.0, [50_000.0, 50.0], "50MeV:10GeV:log", 150 * hepunits.GeV):
            with pytest.raises(OutsideTraining, match=r"trained on 1GeV to 100GeV"):
                model.generate(energy, n=3)
        with pytest.raises(OutsideTraining):
            model.generate(like=Incident.alike(np.array([50.0])))
        for muon in ({"energy": "50GeV", "particle": "mu-"}, {"like": Incident.alike(np.array([5e4]), 13)}):
            with pytest.raises(BadValue, match=r"'mu- \(PDG 13\)'; the model was trained on e- "):
                model.generate(**muon, extrapolate=True)  # which is for energies and angles
        with pytest.raises(OutsideTraining, match="theta"):
            model.generate("50GeV", n=3, theta="30deg")
        with pytest.warns(UserWarning, match="is a guess"):
            assert len(model.generate("150GeV", n=3, extrapolate=True)) == 3

    @pytest.mark.parametrize(
        ("words", "error", "says"),
        [
            ({"energy": "50"}, BadValue, "number with a unit"),
            ({"energy": "50 GeVs"}, BadValue, "unit"),
            ({"energy": "1GeV:5GeV"}, BadValue, "range with its shape"),
            ({"energy": "1GeV:5GeV:flat"}, UnknownName, "log, uniform"),
            ({"energy": float("nan")}, BadValue, "MeV"),
            ({"energy": -5.0}, BadValue, "1keV"),
            ({"energy": True}, BadValue, "number in MeV"),
            (
                {"energy": None},
                BadValue,
                "energy is not given; give energies to generate at, or like, showers whose particles",
            ),
            ({"energy": []}, BadValue, r"energy is \[\]; the list is empty: give a value for every shower"),
            ({"energy": "5GeV", "particle": []}, BadValue, r"particle is \[\]; the list is empty"),
            ({"energy": "5GeV", "batch": 0}, BadValue, "batch is 0; keep at least one shower in memory"),
            ({"energy": ["1GeV:5GeV:log"]}, BadValue, "no ranges"),
            ({"energy": np.ones((2, 2))}, BadValue, "one value for each particle"),
            ({"energy": [2e3, 3e3], "theta": [0.0, 0.0, 0.0]}, BadValue, "'energy': 2, 'theta': 3"),
            ({"energy": "5GeV", "n": 0}, BadValue, "at least one"),
            ({"energy": "5GeV", "particle": "electron"}, UnknownName, "gamma"),
            ({"energy": "5GeV", "particle": "gamma"}, BadValue, "trained on e- \\(PDG 11\\)"),
            ({"energy": "5GeV", "particle": 22}, BadValue, "trained on e- \\(PDG 11\\)"),
            ({"energy": "5GeV", "theta": "30"}, BadValue, "unit"),
            ({"energy": "5GeV", "like": "bundled"}, BadValue, "one of the two"),
            ({"energy": "5GeV", "split": "test"}, BadValue, "showers of like"),
            ({"like": "bundled", "particle": "e-"}, BadValue, "its own"),
            ({"like": "nothing.h5"}, BadFile, "no such file"),
        ],
    )
    def test_one_sentence_about_what_is_wrong(self, model, words, error, says):
        with pytest.raises(error, match=says) as caught:
            model.generate(**words)
        assert "\n" not in str(caught.value)

    def test_another_mesh(self, model, truth, showers):
        for like in (truth, showers):
            with pytest.raises(BadValue, match="other cells"):
                model.generate(like=like)
        with pytest.raises(EmptySample):
            model.generate(like=cf.open("bundled")[:0])

    def test_shows_itself(self, model):
        assert repr(model) == "<Model vae-siw-1080: one model, PDG 11, 1GeV to 100GeV, siw-1080>"
        assert "1GeV to 100GeV" in model._repr_html_()
        with pytest.raises(BadFile, match="vae-siw-1080"):
            cf.load("vae-siw-1081")


class TestValidate:
    @pytest.mark.parametrize("wrong", [None, 3, [], [1, 2]])
    def test_what_holds_no_showers(self, monkeypatch, halves, wrong):
        monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
        with pytest.raises(BadValue, match=r"give a file, a Dataset or Showers|give each file once"):
            cf.validate(wrong, halves[1], quick=True)
        with pytest.raises(BadValue, match="give a file, a Dataset or Showers"):
            cf.validate(halves[0], wrong, quick=True)

    def test_showers_datasets_and_files_are_one(self, tmp_path, halves):
        files = [tmp_path / "fake.h5", tmp_path / "truth.h5"]
        for path, showers in zip(files, halves, strict=True):
            write_showers(path, showers[:200], "tiny stack", Provenance(generator="by hand"))
        opened, options = [cf.open(path) for path in files], {"quick": True, "checklist": "exploration"}
        report = cf.validate(files[0], opened[1].read(), **options)
        assert cf.validate(opened[0], files[1], **options).evidence == report.evidence
        assert 0 < report["ks/response"].value < 1
        assert report.provenance["generated"]["generator"] == "by hand"
        assert "exploration" in report.verdict
        assert repr(report) == f"<Report of generated: {report.headline}>"
        page = report._repr_html_()
        assert page.startswith("<p><b>")
        assert "<table" in page

    def test_training_showers_are_left_out(self, truth, showers):
        """What a model was trained on judges nothing, whichever way both are given."""
        fake = replace(showers[:5], training_ids=truth[:7].read().ids)
        for source in (truth, truth[:50], truth[:50].read()):
            assert truth_split("auto", source, [fake])[1] == {"split": "unseen", "left_out": 7}
        assert truth_split("auto", truth, [truth.read()])[1]["left_out"] == 0

    def test_refuses(self, truth):
        with pytest.raises(UnknownName, match="strict"):
            cf.validate(truth, truth, checklist="stict")
        with pytest.raises(BadValue, match="each file once"):
            cf.validate([truth.path, truth.path], truth)
        with pytest.raises(CaloforgeError, match="binnings differ"):
            cf.validate(truth, "bundled", quick=True)


class TestTrain:
    @pytest.mark.parametrize("terminal", [False, True])
    def test_trains_and_generates(self, tmp_path, showers, capsys, monkeypatch, terminal):
        """With a bar on a terminal, in silence elsewhere."""
        monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
        small = {"latent": 2, "width": 8, "depth": 1, "flow_transforms": 1, "flow_width": 8}
        run = cf.train(cf.VAE(**small), showers[:1500], tmp_path / "run", seed=3, steps=5, batch=32, log_every=5)
        shown = capsys.readouterr()
        assert shown.out == ""
        assert ("training" in shown.err, "validation" in shown.err, shown.err == "") == (
            terminal,
            terminal,
            not terminal,
        )
        assert isinstance(run, cf.Model)
        assert len(run.generate("20GeV", n=4)) == 4
        assert "seed: 3" in (tmp_path / "run" / "config.yaml").read_text()
        with pytest.raises(BadValue, match="not empty"):
            cf.train(cf.VAE(**small), showers, tmp_path / "run", steps=5)

    def test_part_of_a_file_is_named(self, tmp_path, truth):
        small = {"latent": 2, "width": 8, "depth": 0, "flow_transforms": 1, "flow_width": 8}
        part = truth[:390]
        with pytest.raises(EmptySample):
            cf.train(cf.VAE(**small), part, tmp_path / "run", steps=5)
        assert not (tmp_path / "run").exists()

    def test_names_what_is_misspelt(self, tmp_path, showers):
        with pytest.raises(UnknownName, match="did you mean latent"):
            cf.VAE(latnt=3)
        with pytest.raises(BadValue, match="greater than or equal to 0"):
            cf.VAE(latent=-1)
        with pytest.raises(UnknownName, match="did you mean learning_rate"):
            cf.train(cf.VAE(), showers, tmp_path / "run", learningrate=1e-3)
        with pytest.raises(BadValue, match="showers to train on"):
            cf.train(cf.VAE(), None, tmp_path / "run")


class TestSimulate:
    def test_gflash_in_memory_and_in_a_file(self, tmp_path):
        options = {"energy": "10GeV:20GeV:log", "n": 6, "seed": 2, "engine": "gflash"}
        showers = cf.simulate("par04-siw", **options)
        with cf.simulate("par04-siw", **options, output=tmp_path / "truth.h5") as dataset:
            assert np.array_equal(dataset.read().energy, showers.energy)
        assert showers.detector == "par04-siw"
        assert showers.provenance.seed == 2
        with pytest.raises(UnwritablePath, match="exists"):
            cf.simulate("par04-siw", **options, output=tmp_path / "truth.h5")

    def test_numbers_are_in_mev_mm_and_rad(self):
        from caloforge.api.request import request_of

        words = request_of("par04-siw", "10GeV", theta="30deg", cut="0.5mm", tracking_cut="10keV")
        numbers = request_of(
            "par04-siw", 10 * hepunits.GeV, theta=30 * hepunits.deg, cut=0.5, tracking_cut=10 * hepunits.keV
        )
        assert numbers == words

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            ({"energy": "10"}, "unit"),
            ({"energy": "10GeV", "particle": "electron"}, "particle"),
            ({"energy": "10GeV", "particle": 15}, "cover"),
            ({"energy": "10GeV", "binning": "siw-108"}, "siw-1080"),
            ({"energy": "10GeV", "frame": "world"}, "axis"),
            ({"energy": "10GeV", "engine": "geant"}, "gflash"),
            ({"energy": "10GeV", "engine": "gflash", "cut": "1mm"}, "leave out cut$"),
            ({"energy": "10GeV", "cells": "volumes", "frame": "axis"}, "volumes stay"),
            ({"energy": "10GeV", "cut": -1.0}, "length"),
            ({"energy": "10GeV", "n": 0}, "at least one"),
            ({"energy": "10GeV", "engine": "gflash", "seed": -1}, "seed is -1"),
        ],
    )
    def test_one_sentence_about_what_is_wrong(self, words, says):
        with pytest.raises(CaloforgeError, match=says) as caught:
            cf.simulate("par04-siw", **words)
        assert "\n" not in str(caught.value)

    def test_an_unknown_detector(self):
        with pytest.raises(CaloforgeError, match="par04-siw"):
            cf.simulate("par05", energy="10GeV")


def test_plot(call, tmp_path, truth):
    """The command writes the figure of `Dataset.plot`, and refuses to write it twice."""
    words = ["plot", truth.path, "-o", tmp_path / "out"]
    code, out, err = call(*words)
    assert (code, err) == (0, "")
    assert "400 showers" in out
    names = {path.name for path in (tmp_path / "out" / "plots").iterdir()}
    kinds = ("overview", "response", "resolution", "longitudinal_profile", "lateral_profile")
    assert names == {f"{name}.{end}" for name in kinds for end in ("png", "pdf")}
    code, _, err = call(*words)
    assert (code, "exists" in err) == (1, True)
    assert call(*words, "--overwrite")[0] == 0


def test_files_of_the_command_line_and_of_python_are_one(call, tmp_path):
    words = ["--energy", "2GeV:50GeV:log", "-n", 20, "--seed", 9]
    assert call("generate", "vae-siw-1080", *words, "-o", tmp_path / "a.h5")[0] == 0
    showers = cf.load("vae-siw-1080").generate("2GeV:50GeV:log", n=20, seed=9)
    with ShowerFile(Path(tmp_path / "a.h5")) as file:
        assert np.array_equal(file.read().energy, showers.energy)
