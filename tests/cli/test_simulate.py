"""`caloforge simulate`: one line or one JSON object on stdout, and bad requests refused before Geant4 starts."""

import json
from importlib.util import find_spec

import pytest
import typer
from typer.testing import CliRunner

from caloforge.cli.merge import merge
from caloforge.cli.simulate import simulate
from caloforge.data.store import ShowerFile
from caloforge.errors import CaloforgeError, UnwritablePath

app = typer.Typer()
app.command()(simulate)

BAD = [
    ["--energy", "50"],
    ["--energy", "1GeV", "--particle", "tau-"],
    ["--energy", "1GeV", "--particle", "pi+", "--physics", "em0"],
    ["--energy", "5MeV", "--particle", "n"],
    ["--energy", "1GeV", "--physics", "em4"],
    ["--energy", "1GeV", "--physics", "QGSP"],
    ["--energy", "1GeV", "--cut", "0.7"],
    ["--energy", "1GeV", "--max-step", "-1mm"],
    ["--energy", "1GeV", "--tracking-cut", "10"],
    ["--energy", "1GeV", "--particle", "wimp"],
    ["--energy", "1GeV", "--particle", "e-:0.9,mu-:0.2"],
    ["--energy", "1GeV", "--particle", "e-:0.9,pi-:0.1", "--physics", "em0"],
    ["--energy", "1GeV", "--particle", "e-:0.9,gamma:0.1", "--engine", "gflash"],
    ["--energy", "1GeV", "-n", "0"],
    ["--energy", "1GeV", "--detector", "tea"],
    ["--energy", "1GeV", "--readout", "tea"],
    ["--energy", "1GeV", "--readout", "missing.xml"],
    ["--energy", "1GeV", "--workers", "0"],
    ["--energy", "1GeV", "--mantissa-bits", "24"],
    ["--energy", "1GeV", "-o", "missing/truth.h5"],
    ["--energy", "1GeV", "--engine", "tea"],
    ["--energy", "1GeV", "--engine", "gflash", "--dask", "tcp://127.0.0.1:9"],
    ["--energy", "1GeV", "--engine", "gflash", "-n", "10", "--shard", "1/2"],
    ["--energy", "1GeV", "--engine", "gflash", "--shard", "1/2", "--shard-size", "0"],
    ["--energy", "1MeV", "--engine", "gflash"],
    ["--energy", "1GeV", "--engine", "gflash", "--particle", "gamma"],
    ["--energy", "1GeV", "--engine", "gflash", "-o", "missing/truth.h5"],
    ["--energy", "1GeV", "--shard", "0/2"],
    ["--energy", "1GeV", "--detector", "a.gdml", "--face", "0,0,0:z", "--cells", "volumes", "--frame", "axis"],
    ["--energy", "1GeV", "--shard", "two"],
    ["--energy", "1GeV", "--shard", "1/2", "--dask", "tcp://127.0.0.1:9"],
]


@pytest.mark.geant4
def test_answer_on_stdout(tmp_path):
    if find_spec("geant4_pybind") is None:
        pytest.skip("needs geant4-pybind")
    path = tmp_path / "truth.h5"
    options = ["--energy", "100MeV:200MeV:log", "-n", "4", "-o", str(path)]
    result = CliRunner().invoke(app, [*options, "--json"])
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    with ShowerFile(path) as file:
        showers = file.read()
        assert file.provenance.facts["command"].startswith("caloforge")
    assert answer["showers"] == len(showers) == 4
    assert answer["mean_response"] == pytest.approx((showers.total_energy / showers.incident_energy).mean())
    assert answer["geant4_ms_per_shower"] > 0
    result = CliRunner().invoke(app, [*options, "--overwrite"])
    assert result.exit_code == 0
    assert "4 showers, mean response" in result.stdout
    assert result.stdout.count("\n") == 1


@pytest.mark.geant4
def test_hadrons_name_their_physics_and_tables_once(tmp_path):
    if find_spec("geant4_pybind") is None:
        pytest.skip("needs geant4-pybind")
    options = ["--energy", "1GeV", "--particle", "pi-", "-n", "2", "-o", str(tmp_path / "truth.h5"), "--json"]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 0
    assert json.loads(result.stdout)["physics_list"] == "FTFP_BERT"
    assert result.stderr.count("FTFP_BERT for pi-") == 1
    assert result.stderr.count("approximate hadronic tables") == 1


@pytest.mark.parametrize("options", BAD, ids=" ".join)
def test_bad_request_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["-o", "truth.h5", *options])
    assert isinstance(result.exception, CaloforgeError)
    assert "\n" not in str(result.exception)
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--events", "--detector", "--binning"])
@pytest.mark.parametrize("name", ["input.gdml", "./input.gdml"])
def test_input_is_never_replaced(tmp_path, monkeypatch, option, name):
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "input.gdml"
    source.write_text("kept")
    result = CliRunner().invoke(app, [option, "input.gdml", "--energy", "1GeV", "-o", name, "--overwrite"])
    assert isinstance(result.exception, UnwritablePath)
    assert "input of this command" in str(result.exception)
    assert source.read_text() == "kept"
    assert list(tmp_path.iterdir()) == [source]


def test_engine_names_the_options_that_it_does_not_know(tmp_path):
    options = ["--engine", "gflash", "--energy", "1GeV", "-o", str(tmp_path / "a.h5")]
    result = CliRunner().invoke(app, [*options, "--gate", "5ns", "--cut", "1mm", "--time"])
    assert str(result.exception).endswith("leave out --cut, --gate, --time")


def test_gflash_says_what_it_is(tmp_path):
    path = tmp_path / "fast.h5"
    options = ["--engine", "gflash", "--energy", "5GeV:20GeV:uniform", "-n", "30", "-o", str(path)]
    result = CliRunner().invoke(app, [*options, "--json"])
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert answer["engine"] == "Grindhammer-Peters parametrisation"
    with ShowerFile(path) as file:
        facts, showers = file.provenance.facts, file.read()
    assert facts["engine"] == "Grindhammer-Peters parametrisation"
    assert not {"geant4", "physics_list", "data_tables"} & set(facts)
    assert len(showers) == answer["showers"] == 30
    result = CliRunner().invoke(app, [*options, "--overwrite"])
    assert result.stdout.rstrip().endswith("Grindhammer-Peters parametrisation")


@pytest.mark.geant4
def test_part_of_an_array_says_what_is_left(tmp_path):
    if find_spec("geant4_pybind") is None:
        pytest.skip("needs geant4-pybind")
    path = tmp_path / "truth.h5"
    options = ["--energy", "50MeV", "-n", "4", "--shard-size", "1", "-o", str(path)]
    result = CliRunner().invoke(app, [*options, "--shard", "1/2"])
    assert result.exit_code == 0
    assert "part 1/2 is done; 2 of 4 shard files are missing" in result.stdout
    result = CliRunner().invoke(app, [*options, "--shard", "2/2", "--json"])
    assert json.loads(result.stdout)["missing"] == 0
    merging = typer.Typer()
    merging.command()(merge)
    result = CliRunner().invoke(merging, [f"{path}.shards", "-o", str(path)])
    assert result.exit_code == 0
    assert "4 showers" in result.stdout


def test_merge_of_files(tmp_path):
    merging = typer.Typer()
    merging.command()(merge)
    paths = [str(tmp_path / f"{seed}.h5") for seed in (1, 2)]
    for seed, path in zip("12", paths, strict=True):
        options = ["--engine", "gflash", "--energy", "5GeV", "-n", "3", "--seed", seed, "-o", path]
        assert CliRunner().invoke(app, options).exit_code == 0
    result = CliRunner().invoke(merging, [*paths, "-o", str(tmp_path / "both.h5"), "--json"])
    assert json.loads(result.stdout)["showers"] == 6
    for bad in ([paths[0], paths[0]], [str(tmp_path), paths[0]], [str(tmp_path)]):
        result = CliRunner().invoke(merging, [*bad, "-o", str(tmp_path / "bad.h5")])
        assert isinstance(result.exception, CaloforgeError)
        assert "\n" not in str(result.exception)
