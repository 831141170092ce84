"""A model of one's own: the example of the documents works with every command, and is run only where it is given."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from caloforge.data.store import ShowerFile
from caloforge.data.writer import write_showers
from caloforge.errors import BadValue, BrokenPlugin, UnknownModel
from caloforge.models import MODELS
from caloforge.models.plugins import PLUGINS, source_of
from caloforge.training.run import load_run

PAGE = Path(__file__).parents[2] / "docs" / "own-model.md"


@pytest.fixture(autouse=True)
def _registries_as_before(monkeypatch):
    """Models that a test makes known are forgotten after it."""
    before = dict(MODELS)
    monkeypatch.delitem(sys.modules, "linear", raising=False)
    yield
    MODELS.clear()
    MODELS.update(before)
    sys.modules.pop("linear", None)


def forget():
    """As in a new process: the family is not known."""
    MODELS.pop("linear", None)
    sys.modules.pop("linear", None)


@pytest.fixture
def files(tmp_path, showers):
    """The example's file, showers, and a configuration of 20 steps."""
    code, configuration = (
        re.search(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)[1] for language in ("python", "yaml")
    )
    assert len(code.splitlines()) <= 60
    (tmp_path / "linear.py").write_text(code)
    write_showers(tmp_path / "truth.h5", showers[:1500], "par04-siw", {})
    tree = yaml.safe_load(configuration) | {"data": str(tmp_path / "truth.h5")}
    tree["training"] = {"steps": 20, "batch": 128, "log_every": 10, "learning_rate": 0.003}
    (tmp_path / "linear.yaml").write_text(yaml.safe_dump(tree))
    return tmp_path


def test_the_example_from_training_to_scores(files, call):
    own, run = ("--models", files / "linear.py"), files / "run"
    code, _, err = call("train", files / "linear.yaml", *own, "-o", run)
    assert code == 0, err
    losses = [json.loads(line)["validation"] for line in (run / "log.jsonl").read_text().splitlines()]
    assert losses[1] < losses[0]
    source = json.loads((run / "provenance.json").read_text())["model_source"]
    assert source["file"] == "linear.py"
    assert len(source["sha256"]) == 64

    forget()
    made = files / "made.h5"
    code, _, err = call("generate", run, *own, "--like", files / "truth.h5", "--split", "test", "-o", made)
    assert code == 0, err
    with ShowerFile(made) as file:
        cells = file.read().energy
    assert np.isfinite(cells).all()
    assert (cells >= 0).all()
    words = ("--split", "test", "--quick", "--observable", "response", "--json")
    code, out, err = call("validate", made, "--truth", files / "truth.h5", *words)
    assert code == 0, err
    assert json.loads(out)["schema"]

    forget()
    words = ("--split", "test", "-n", 20, "--draws", 20, "-o", files / "scores.json", "--json")
    code, out, err = call("score", run, files / "truth.h5", *own, *words)
    assert code == 0, err
    scores = json.loads((files / "scores.json").read_text())["scores"]["log_likelihood"]
    assert np.isfinite(scores["value"]).all()
    assert set(scores["error"]) == {0.0}

    forget()
    code, out, err = call("expect", run, *own, "--energy", "20GeV", "--observable", "response", "-n", 50, "--json")
    assert code == 0, err
    assert json.loads(out)["expectations"]


def test_a_run_never_loads_its_file_by_itself(files, call):
    run, own = files / "run", ("--models", files / "linear.py")
    code, _, err = call("train", files / "linear.yaml", "-o", run)
    assert code == 1
    assert "unknown model 'linear'" in err
    assert "--models FILE.py" in err
    assert not run.exists()
    call("train", files / "linear.yaml", *own, "-o", run)
    forget()
    code, _, err = call("generate", run, "--energy", "5GeV", "-n", 10, "-o", files / "none.h5")
    assert code == 1
    assert "defined in linear.py when it was trained; give the file that defines it with models=FILE.py, or" in err
    assert "linear" not in MODELS
    assert not (files / "none.h5").exists()
    with pytest.raises(UnknownModel, match=r"linear\.py"):
        load_run(run)


def test_files_that_define_no_model_or_anothers(files):
    (files / "empty.py").write_text("")
    with pytest.raises(BrokenPlugin, match=r"defines no model; use the decorator caloforge\.models\.register"):
        PLUGINS.load_file(files / "empty.py")
    (files / "vae_again.py").write_text((files / "linear.py").read_text().replace('"linear"', '"vae"'))
    with pytest.raises(BrokenPlugin, match=r"'vae'; it is already defined by caloforge\.models\.vae"):
        PLUGINS.load_file(files / "vae_again.py")
    assert PLUGINS.load_file(files / "linear.py") == ("linear",)
    assert PLUGINS.load_file(files / "linear.py") == ("linear",)  # again, after an edit


def test_annotations_that_are_strings(files):
    """A file that postpones its annotations loads as any other."""
    code = (files / "linear.py").read_text()
    (files / "linear.py").write_text(code.replace('"""\n\n', '"""\n\nfrom __future__ import annotations\n\n', 1))
    PLUGINS.load_file(files / "linear.py")
    assert MODELS["linear"](spread=0.5).spread == 0.5


def test_an_entry_point_announces_a_model(files, monkeypatch):
    info = files / "own_model-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own_model\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[caloforge.models]\nlinear = linear:LinearConfig\n")
    monkeypatch.syspath_prepend(files)
    assert "linear" in PLUGINS.load_installed()
    assert source_of(MODELS["linear"]())["module"] == "linear"
    assert source_of(MODELS["vae"]()) is None


def test_a_family_needs_a_name():
    from caloforge.models import ModelConfig, register

    with pytest.raises(BadValue, match="give it a default"):

        @register
        class Nameless(ModelConfig):
            pass
