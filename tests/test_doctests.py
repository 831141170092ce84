"""The examples in docstrings, and the Python lines of README and docs/python.md, do what they say."""

import doctest
import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import caloforge as cf

ROOT = Path(cf.__file__).parent
PROJECT = ROOT.parents[1]
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
    for path in ROOT.rglob("*.py")
    if ">>> " in path.read_text()
)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples(name, monkeypatch):
    from caloforge.physics.observables import OBSERVABLES

    before = dict(OBSERVABLES)
    module = import_module(name)
    result = doctest.testmod(module, extraglobs={"np": np, "cf": cf}, optionflags=doctest.NORMALIZE_WHITESPACE)
    for new in OBSERVABLES.keys() - before.keys():
        del OBSERVABLES[new]
    assert result.attempted > 0
    assert result.failed == 0


def test_readme(tmp_path, monkeypatch, showers, capsys):
    """README's lines, with fewer showers and steps."""
    (lines,) = re.findall(r"```python\n(import caloforge as cf\n.*?)```", (PROJECT / "README.md").read_text(), re.S)
    small = "latent=2, width=8, depth=0, flow_transforms=1, flow_width=8"
    for text, fewer in (
        ('cf.open("bundled")  #', 'cf.open("bundled")[:1500]  #'),
        ("n=1000", "n=20"),
        ("like=truth)", "like=truth[:150])"),
        ("n=100,", "n=5,"),
        ("latent=16", small),
        ("steps=2000", "steps=2, batch=32"),
    ):
        assert text in lines
        lines = lines.replace(text, fewer)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(lines, "README.md", "exec"), names)
    assert capsys.readouterr().out.startswith(("PASS", "FAIL", "CANNOT TELL"))
    assert (len(names["fake"]), len(names["showers"])) == (20, 5)
    assert (names["fake"].incident_energy == 50_000).all()
    assert len(names["run"].generate("20GeV", n=2)) == 2
    assert (tmp_path / "runs" / "mine" / "weights.safetensors").is_file()


def test_docs_python():
    (lines,) = re.findall(r"```python\n(.*?)```", (PROJECT / "docs" / "python.md").read_text(), re.S)
    names = {"cf": cf}
    exec(compile(lines.replace("2000", "60"), "docs/python.md", "exec"), names)
    assert names["truth"].observables("response").shape == (60,)
