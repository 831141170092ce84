"""What docs/observables.md says is what the code does: its table is the registry's, its examples run."""

import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from caloforge.cli.main import app
from caloforge.physics.observables import OBSERVABLES, tabulate

PAGE = Path(__file__).parents[2] / "docs" / "observables.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def clean_registry():
    before = dict(OBSERVABLES)
    yield
    OBSERVABLES.clear()
    OBSERVABLES.update(before)


def test_the_table_is_the_registrys():
    printed = CliRunner().invoke(app, ["inspect", "--list-observables"])
    assert printed.exit_code == 0
    assert printed.output.count("\n") == len(OBSERVABLES) + 2
    assert printed.output in PAGE.read_text(encoding="utf-8")


@pytest.mark.usefixtures("clean_registry")
def test_the_examples_run(showers, tmp_path, monkeypatch):
    """In order, in one namespace: the first defines observables, which are then tabulated with all others."""
    assert len(EXAMPLES) >= 3
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "my_observables", "truth": showers[:1500], "generated": showers[1500:]}
    (tmp_path / "my_observables.py").write_text(EXAMPLES[0])
    exec(EXAMPLES[0], namespace)
    table = tabulate(showers[:200])
    assert {"start_mip", "hits_above_mip"} <= table.keys()
    assert table["hits_above_mip"].shape == (200, 2)
    started = table["start_mip"][:, 0]
    assert np.isfinite(started).any()
    assert set(started[np.isfinite(started)]) <= {0.0, 1.0}
    for example in EXAMPLES[1:]:
        exec(example, namespace)
