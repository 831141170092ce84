"""`caloforge doctor`: fine here, and where something is broken it says what to do and ends with 1."""

import json

import pytest

from caloforge.cli import doctor as module

QUICK = "print('1141')"
TORCH = """print('{"version": "2", "threads": 1, "cuda": null, "cards": []}')"""


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """Answers of Geant4 and PyTorch without importing them, and an empty cache."""
    monkeypatch.setattr(module, "_GEANT4", QUICK)
    monkeypatch.setattr(module, "_TORCH", TORCH)
    monkeypatch.setenv("CALOFORGE_CACHE", str(tmp_path / "cache"))


def test_this_machine_is_fit(call):
    code, out, err = call("doctor", "--json")
    assert code == 0, out + err
    findings = {finding["name"]: finding for finding in json.loads(out)}
    assert list(findings) == [
        "caloforge", "extras", "cache", "disk", "tables", "Geant4", "PyTorch", "threads", "GPU",
    ]  # fmt: skip
    assert findings["Geant4"]["text"].startswith("11.")
    assert findings["threads"]["text"].startswith("1 of PyTorch on ") or findings["threads"]["text"][0].isdigit()


def test_every_line_is_fine_or_says_what_to_do(call, quick):
    code, out, _ = call("doctor")
    *lines, blank, last = out.splitlines()
    assert (code, blank, last) == (0, "", "ready; a first step: caloforge quickstart")
    assert all(line.startswith("ok ") or (line.startswith("note ") and "; " in line) for line in lines)


def test_a_cache_that_cannot_be_written_is_broken(call, quick, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CALOFORGE_CACHE", str(tmp_path / "file"))
    code, out, _ = call("doctor")
    assert code == 1
    assert "export CALOFORGE_CACHE=FOLDER" in out
    assert out.splitlines()[-1] == "to mend first: cache, tables"


def test_data_that_are_named_and_not_there_are_broken(call, quick, monkeypatch, tmp_path):
    monkeypatch.setenv("GEANT4_DATA_DIR", str(tmp_path / "nowhere"))
    code, out, _ = call("doctor")
    assert code == 1
    assert "GEANT4_DATA_DIR names no folder; unset it" in out


@pytest.mark.parametrize(
    ("package", "code"), [("_GEANT4", "raise ImportError('libG4 is missing')"), ("_TORCH", "import os; os._exit(3)")]
)
def test_an_import_that_dies_is_broken_and_takes_nothing_with_it(call, quick, monkeypatch, package, code):
    monkeypatch.setattr(module, package, code)
    status, out, _ = call("doctor")
    assert status == 1
    (line,) = [line for line in out.splitlines() if line.startswith("BROKEN")]
    assert "pip install" in line
    assert "libG4 is missing" in line or "it ended with status 3" in line


def test_without_geant4_the_rest_works(call, quick, monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    code, out, _ = call("doctor")
    assert code == 0
    assert "run: pip install 'caloforge[geant4]'" in out


def test_threads_and_cards():
    assert module._threads(2, 2).state == "ok"
    assert module._threads(8, 2).remedy.endswith("export OMP_NUM_THREADS=2")
    assert "--device cuda" in module._card(["H, 80 GB"], "12.8", True).text
    assert [module._card([], cuda, driver).state for cuda, driver in ((None, False), (None, True), ("12", True))] == [
        "ok", "note", "note",
    ]  # fmt: skip
