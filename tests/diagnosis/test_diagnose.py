"""`caloforge diagnose` from a run to the page: a healthy stand-in, collapsed models, and files it cannot judge."""

import json
from dataclasses import replace

import numpy as np
import pytest
import yaml

from caloforge.data.bundled import BUNDLED, showers_path
from caloforge.data.showers import Showers
from caloforge.data.splits import SPLITS, take_split
from caloforge.data.store import ShowerFile
from caloforge.data.writer import write_showers
from caloforge.diagnosis.collapse.diagnose import diagnose_run, latent_use
from caloforge.diagnosis.collapse.latent import judge_latent
from caloforge.models import model_config
from caloforge.training.options import TrainingConfig
from caloforge.training.run import load_run
from caloforge.training.train import train_run
from caloforge.validation.finding import Status

MODEL = {"name": "vae", "latent": 3, "width": 32, "depth": 1, "flow_transforms": 2, "flow_width": 16}


def train(showers, folder, steps=150, balance=0.0, **model):
    options = {**MODEL, **model}
    training = TrainingConfig(
        steps=steps, batch=128, log_every=1000, augment=False, learning_rate=3e-3, balance=balance
    )
    train_run(showers, model_config(options), training, 1, folder, yaml.safe_dump({"model": options}), {})
    return folder


@pytest.fixture(scope="module")
def mixed(showers):
    """One shower in five is a muon: a little energy in every layer, on the axis."""
    rng = np.random.default_rng(4)
    muon = rng.random(len(showers)) < 0.2
    energy = showers.energy.copy()
    radius = showers.binning.r_centres
    energy[muon] = rng.gamma(5, 0.4, energy[muon].shape) * (radius < 6)
    pdg = np.where(muon, 13, 11).astype(np.int32)
    return Showers(
        energy.astype(np.float32), showers.incident_energy, pdg, showers.theta, showers.phi, showers.binning
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(mixed, tmp_path_factory):
    return train(mixed, tmp_path_factory.mktemp("diagnosed") / "run", hide_particle=True)


def test_a_hidden_particle_is_judged_by_its_label(folder, mixed):
    diagnosis = diagnose_run(load_run(folder), mixed, 1)
    assert (diagnosis.samples.generated.pdg == 0).all()
    assert load_run(folder).pipeline.n_conditions == 1
    assert [mode.label for mode in diagnosis.modes] == [11, 13]
    tests = [finding.test for finding in diagnosis.findings]
    assert tests[-3:-1] == ["Recovered fraction of mode e-", "Recovered fraction of mode mu-"]
    assert diagnosis.latent is not None
    assert diagnosis.rare is not None


def test_a_balanced_training_is_judged_without_its_likelihood(mixed, tmp_path):
    """Its density is that of the balanced mixture, so what it knows by heart cannot be told from it."""
    place = train(mixed, tmp_path / "run", steps=20, balance=1.0, hide_particle=True)
    found = {f.test: f for f in diagnose_run(load_run(place), mixed, 1, 600).findings}
    assert found["Training showers known by heart"].status is Status.CANNOT_TELL
    assert "balance" in found["Training showers known by heart"].evidence


def test_showers_of_one_particle_are_judged_by_the_modes_that_they_show(folder, mixed):
    """The same showers without their label: the mixture of Gaussians finds the muons."""
    unlabelled = replace(mixed, pdg=np.full(len(mixed), 11, np.int32))
    common, *others = diagnose_run(load_run(folder), unlabelled, 1).modes
    assert common.label == 0
    assert common.truth == pytest.approx((mixed.pdg == 11).mean(), abs=0.01)
    assert all("median response" in mode.name for mode in others)


@pytest.fixture(scope="module")
def electrons():
    """Real Geant4 electrons."""
    with ShowerFile(showers_path(BUNDLED)) as file:
        return file.read()[:2500]


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({}, Status.PASS),
        ({"decoder_context": "layers", "beta_schedule": "fixed", "free_bits": 0.0}, Status.FAIL),
    ],
    ids=["as it should be", "decoder sees the layers before"],
)
def test_a_decoder_that_needs_no_latent_is_flagged_on_real_showers(electrons, tmp_path, options, status):
    place = train(electrons, tmp_path / "run", steps=60, width=64, latent=4, **options)
    assert judge_latent(latent_use(load_run(place), take_split(electrons, "test"), 1)).status is status


def test_a_free_latent_on_showers_with_a_hidden_variable_is_not_flagged(mixed, tmp_path):
    healthy = train(mixed, tmp_path / "healthy", steps=200, hide_particle=True, beta=0.1, free_bits=0.5)
    assert judge_latent(latent_use(load_run(healthy), mixed, 1)).status is Status.PASS


def test_a_model_that_knows_its_few_training_showers_by_heart_is_flagged(showers, folder, mixed, tmp_path):
    few = Showers.concatenate(
        [take_split(showers, "train")[:60], *(take_split(showers, s) for s in SPLITS if s != "train")]
    )
    train(few, tmp_path / "few", steps=150, beta=0.05, free_bits=0.0, prior="flow")
    (sick,) = [f for f in diagnose_run(load_run(tmp_path / "few"), few, 1).findings if "by heart" in f.test]
    assert sick.status is Status.FAIL
    (healthy,) = [f for f in diagnose_run(load_run(folder), mixed, 1).findings if "by heart" in f.test]
    assert healthy.status is not Status.FAIL


def test_what_does_not_apply_cannot_tell(showers, tmp_path):
    options = {"name": "gan", "latent": 3, "width": 8, "depth": 0, "critic_width": 8, "critic_depth": 0}
    training = TrainingConfig(steps=3, batch=64)
    text = yaml.safe_dump({"model": options})
    train_run(showers[1500:], model_config(options), training, 1, tmp_path / "gan", text, {})
    diagnosis = diagnose_run(load_run(tmp_path / "gan"), showers[:1500], 1)
    unknown = {f.test for f in diagnosis.findings if f.status is Status.CANNOT_TELL}
    assert {"Use of the latent (posterior collapse)", "Recovered fraction of modes"} <= unknown
    assert "Memorised training showers" in unknown  # other showers than it was trained on
    assert diagnosis.alarms  # three steps are no training


def test_the_command_writes_page_plots_and_json(call, folder, mixed, tmp_path):
    write_showers(tmp_path / "truth.h5", mixed, "tiny stack", {})
    words = ["diagnose", folder, "--truth", tmp_path / "truth.h5", "-o", tmp_path / "report", "--json", "--strict"]
    code, out, _ = call(*words)
    facts = json.loads(out)
    assert code == (1 if facts["alarms"] else 0)
    assert facts == json.loads((tmp_path / "report" / "diagnosis.json").read_text())
    page = (tmp_path / "report" / "diagnosis.html").read_text()
    assert "Recovered fraction of mode mu-" in page
    assert 'src="http' not in page
    plots = {path.stem for path in (tmp_path / "report" / "plots").iterdir()}
    assert {"modes", "variances", "distances", "latent", "prior"} <= plots
    assert {"information", "lost", "rate", "sensitivity", "from_prior", "active_units"} <= set(facts["latent"])
    assert "Latents one by one" in page


def test_too_few_showers_are_one_sentence(call, folder, mixed, tmp_path):
    write_showers(tmp_path / "few.h5", mixed[:60], "tiny stack", {})
    code, out, err = call("diagnose", folder, "--truth", tmp_path / "few.h5", "-o", tmp_path / "r")
    assert (code, out) == (1, "")
    assert "50 showers in each split" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "r").exists()


def test_showers_of_a_hidden_particle_can_be_generated_and_inspected(call, folder, tmp_path):
    words = ["generate", folder, "--energy", "20GeV", "-n", 5, "-o", tmp_path / "fake.h5"]
    assert call(*words)[0] == 0
    code, out, _ = call("inspect", tmp_path / "fake.h5")
    assert code == 0
    assert "PDG 0" in out
