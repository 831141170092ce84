"""The command line as a user meets it: what it says, how it exits, what it leaves behind."""

import json

import h5py
import numpy as np
import pytest

import caloforge
from caloforge.classifiers.protocol import PERCEPTRON, PROTOCOLS
from caloforge.cli.catalogue import COMMANDS
from caloforge.data.bundled import BUNDLED, showers_path
from caloforge.data.store import ShowerFile
from caloforge.data.writer import write_showers
from caloforge.reporting.section import Plot
from caloforge.validation.validate import validate

CONFIG = """
seed: 3
model: {name: vae, latent: 3, width: 16, depth: 1, flow_transforms: 2, flow_width: 16}
training: {steps: 40, batch: 64, log_every: 10}
"""
# networks that hardly learn anything: what they find is tested elsewhere
HASTY = PERCEPTRON.having(hidden=16, layers=1, epochs=2, folds=2)


@pytest.fixture(scope="module")
def truth(tmp_path_factory, showers):
    path = tmp_path_factory.mktemp("truth") / "truth.h5"
    write_showers(path, showers[:1600], "tiny stack", {"made": "by the tests"})
    return path


@pytest.fixture
def config(tmp_path, truth):
    path = tmp_path / "config.yaml"
    path.write_text(f"data: {truth}\n{CONFIG}")
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_is_for(call, command):
    code, out, err = call(command, "--help")
    assert (code, err) == (0, "")
    assert f"caloforge {command} [OPTIONS]" in " ".join(out.split())
    assert command in call("--help")[1].split()


def test_train_generate_validate(call, config, truth, tmp_path, monkeypatch):
    monkeypatch.setitem(PROTOCOLS, "standard", HASTY)
    monkeypatch.setattr(Plot, "render", lambda plot, kinds: dict.fromkeys(kinds, b"drawn in other tests"))
    code, out, _ = call("train", config, "-o", tmp_path / "run", "--set", "training.steps=60")
    assert (code, "60 steps" in out) == (0, True)
    code, out, _ = call("generate", tmp_path / "run", "--like", truth, "-o", tmp_path / "fake.h5", "--json")
    assert code == 0
    assert json.loads(out)["showers"] == 1600
    code, out, _ = call("inspect", tmp_path / "fake.h5", "--json")
    facts = json.loads(out)
    assert facts["detector"] == "tiny stack"
    assert facts["provenance"]["training"]["data"]["made"] == "by the tests"
    code, out, _ = call("validate", tmp_path / "fake.h5", "--truth", truth, "-o", tmp_path / "report")
    assert code == 0
    assert (tmp_path / "report" / "report.html").is_file()
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["provenance"]["truth"]["split"] == "unseen"  # the model was trained on this very file
    assert report["provenance"]["truth"]["left_out"] == 1600 - report["samples"]["truth"]
    assert report["samples"]["truth"] < 550


def test_generate_from_a_spectrum(call, config, tmp_path):
    call("train", config, "-o", tmp_path / "run")
    words = ["generate", tmp_path / "run", "--energy", "20GeV", "-n", 10, "--seed", 7]
    assert call(*words, "-o", tmp_path / "a.h5")[0] == 0
    assert call(*words, "-o", tmp_path / "b.h5", "--batch", 500)[0] == 0
    with ShowerFile(tmp_path / "a.h5") as a, ShowerFile(tmp_path / "b.h5") as b:
        assert np.array_equal(a.read().energy, b.read().energy)
        assert (a.read().incident_energy == 20_000).all()
    for extra, says in (
        (["--energy", "20"], "unit"),
        (["--energy", "200GeV"], "--extrapolate"),
        (["--energy", "20GeV", "--particle", "gamma"], "trained on"),
        (["--energy", "20GeV", "--like", "x.h5"], "one of the two"),
        ([], "give energies to generate at, or like"),
    ):
        code, out, err = call("generate", tmp_path / "run", "-o", tmp_path / "c.h5", *extra)
        assert (code, out) == (1, "")
        assert says in err
        assert err.count("\n") == 1
    assert call(*words, "-o", tmp_path / "c.h5", "--energy", "200GeV", "--extrapolate")[0] == 0


def test_bundled_sample(call):
    """What comes with caloforge is what it says: real Geant4, enough of it, from the command in its provenance."""
    code, out, _ = call("inspect", showers_path(BUNDLED), "--json")
    facts = json.loads(out)
    assert code == 0
    assert facts["showers"] >= 6000
    assert facts["provenance"]["geant4"].startswith("11.4")
    assert facts["provenance"]["command"].startswith("caloforge simulate")
    assert facts["readout"].startswith("siw-1080")
    assert showers_path(BUNDLED).stat().st_size < 10e6


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[: len(path.read_bytes()) // 2]), "truncated"),
        (lambda path: path.write_bytes(b""), "empty"),
        (lambda path: spoil(path, np.nan), "nan"),
        (lambda path: spoil(path, -1.0), "-1.0"),
        (lambda path: drop_cells(path), "shape"),
        (lambda path: path.unlink(), "no such file"),
    ],
    ids=["truncated", "empty", "nan", "negative", "shape", "missing"],
)
@pytest.mark.parametrize("command", ["inspect", "train", "validate"])
def test_bad_showers(call, truth, tmp_path, command, harm, says):
    """One clear sentence, a non-zero exit, nothing left behind, whichever command meets the file."""
    bad = tmp_path / "in" / "bad.h5"
    bad.parent.mkdir()
    bad.write_bytes(truth.read_bytes())
    harm(bad)
    (tmp_path / "in" / "config.yaml").write_text(f"data: {bad}\n{CONFIG}")
    words = {
        "inspect": ["inspect", bad],
        "train": ["train", tmp_path / "in" / "config.yaml", "-o", tmp_path / "run"],
        "validate": ["validate", bad, "--truth", truth, "-o", tmp_path / "report"],
    }[command]
    code, out, err = call(*words)
    assert code == 1
    assert out == ""
    assert err.startswith("caloforge: ")
    assert err.count("\n") == 1
    assert says in err
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def spoil(path, value):
    with h5py.File(path, "r+") as file:
        file["showers"][5, 2] = value


def drop_cells(path):
    with h5py.File(path, "r+") as file:
        cells = file["showers"][:, :-1]
        del file["showers"]
        file["showers"] = cells


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["simulate", "--energy", "50", "-o", "x.h5"], "unit"),
        (["simulate", "--energy", "50GeV", "--particle", "electron", "-o", "x.h5"], "particle"),
        (["simulate", "--energy", "50GeV", "--particle", "tau-", "-o", "x.h5"], "e-, e+, gamma"),
        (["simulate", "--energy", "50GeV", "--readout", "siw-108", "-o", "x.h5"], "did you mean siw-1080"),
        (["simulate", "--energy", "50GeV", "--detector", "par04-swi", "-o", "x.h5"], "did you mean par04-siw"),
        (["simulate", "--energy", "50GeV", "--particle", "Gamma", "-o", "x.h5"], "did you mean gamma?"),
        (["simulate", "--energy", "50GeV", "--physics", "ftfp-bert", "-o", "x.h5"], "did you mean FTFP_BERT"),
        (["inspect", "par04-swi"], "did you mean par04-siw"),
        (["generate", "vae-siw-108", "--energy", "50GeV", "-o", "x.h5"], "docs/models.md lists them"),
        (["valdate"], "unknown command 'valdate' (did you mean validate?); `caloforge --help` lists them"),
        (["simulate", "--energy", "50GeV", "--detector", "par05", "-o", "x.h5"], "par04-siw"),
        (["simulate", "--energy", "50GeV", "-o", "missing/folder/x.h5"], "cannot write"),
        (["simulate", "--energy", "50GeV", "-n", "0", "-o", "x.h5"], "at least one"),
        (["train", "none.yaml", "-o", "run"], "no such file"),
        (["validate", "none.h5", "--truth", "none.h5", "-o", "/proc/report"], "cannot write"),
        (["quickstart", "-o", "/proc/quickstart"], "cannot write"),
    ],
)
def test_bad_words(call, monkeypatch, tmp_path, words, says):
    monkeypatch.chdir(tmp_path)
    code, _, err = call(*words)
    assert code == 1
    assert says in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("model.latnet=3", "unknown field of model: 'latnet' (did you mean latent?)"),
        ("model.name=gann", "did you mean gan or wgan?"),
        ("training.learningrate=1", "of training: 'learningrate' (did you mean learning_rate?); docs/configuration.md"),
        ("training.penalties.stifness=1", "of training.penalties: 'stifness' (did you mean stiffness?)"),
        ("training.steps=many", "field training.steps is 'many': input should be a valid integer"),
        ("training.steps=[", "not YAML"),
        ("training.steps=0", "field training.steps is 0"),
        ("training.steps", "name=value"),
        ("colour=blue", "colour"),
    ],
)
def test_bad_configurations(call, config, tmp_path, change, says):
    before = sorted(tmp_path.iterdir())
    code, _, err = call("train", config, "-o", tmp_path / "run", "--set", change)
    assert code == 1
    assert says in err
    assert err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.slow
@pytest.mark.geant4
def test_quickstart(call, tmp_path, monkeypatch):
    """The whole story, small: real Geant4, real training, every key of the report, which is of some of the showers."""
    given = []

    def of_some(truth, generated, *more, **options):
        given.extend([len(truth), len(generated)])
        return validate(truth[:400], generated[:400], *more, protocol=HASTY, **options)

    monkeypatch.setattr("caloforge.cli.quickstart_steps.validate", of_some)
    draw, drawn = Plot.render, ("training", "response_energy")
    monkeypatch.setattr(
        Plot,
        "render",
        lambda plot, kinds: draw(plot, kinds) if plot.name in drawn else dict.fromkeys(kinds, b"drawn elsewhere"),
    )
    plain = ("model.decoder_context=energies", "model.layer_energies=couplings", "model.width=16")  # quick to draw from
    fields = (*plain, "training.steps=12", "training.batch=32")
    small = [word for field in fields for word in ("--set", field)]
    code, out, _ = call("quickstart", "-o", tmp_path / "qs", "--live-showers", 4, "-n", 600, *small)
    assert code == 0
    assert "peak memory" in out
    report = json.loads((tmp_path / "qs" / "report.json").read_text())
    assert report["schema"] == 3
    assert given[0] >= 1500
    assert given[1] == 600
    assert report["samples"] == {"truth": 400, "generated": 400}
    evidence = report["evidence"]
    assert {"auc/low", "auc/high", "separation/response", "response_bias", "resolution_ratio"} <= set(evidence)
    assert all({"value", "floor"} <= set(numbers) for numbers in evidence.values())
    speed = report["speed"]
    assert speed["ratio"] == pytest.approx(speed["geant4_ms_per_shower"] / speed["generator_ms_per_shower"])
    assert report["verdict"]
    for name in drawn:
        assert (tmp_path / "qs" / "plots" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "qs" / "report.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


def test_version(call):
    code, out, _ = call("--version")
    assert code == 0
    assert out == f"caloforge {caloforge.__version__}\n"
