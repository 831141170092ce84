"""The configuration of a run: its fields stand in the documentation, and a packaged file is not blamed for `--set`."""

from pathlib import Path

import pytest

from caloforge.config import FIELDS, RunConfig, load_config
from caloforge.errors import BadFile
from caloforge.models import MODELS
from caloforge.training.options import TrainingConfig
from caloforge.training.penalties import PenaltyConfig

KINDS = [
    RunConfig,
    TrainingConfig,
    PenaltyConfig,
    MODELS["vae"],
    MODELS["gan"],
    MODELS["wgan"],
    MODELS["flow_matching"],
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_stands_on_the_page_that_errors_name(kind):
    rows = [line for line in (Path(__file__).parents[1] / FIELDS).read_text().splitlines() if line.startswith("| `")]
    for name, field in kind.model_fields.items():
        if name != "name":
            description = (field.description or "").replace("|", "\\|")
            assert any(row.startswith(f"| `{name}` |") and row.endswith(f"{description} |") for row in rows), name


def test_overrides_are_named_beside_the_file():
    with pytest.raises(BadFile) as error:
        load_config("vae-siw-1080", ["training.steps=50", "training.learningrate=0.1"])
    message = str(error.value)
    assert "vae-siw-1080.yaml with --set training.steps=50 --set training.learningrate=0.1: unknown field" in message
    assert message.endswith("'learningrate' (did you mean learning_rate?); docs/configuration.md lists them")


def test_overrides_set_what_they_name():
    config = load_config("vae-siw-1080", ["training.steps=50", "model.warmup=[0.1, 0.2]"])
    assert (config.training.steps, config.model.warmup) == (50, (0.1, 0.2))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("data: [", "not YAML"),
        ("- data", "not a YAML mapping"),
        ("data: bundled\nmodel: {name: vae, colour: blue}", "unknown field of model: 'colour'; docs/configuration.md"),
        ("data: bundled", "field model is missing"),
        ("data: bundled\nmodel: {name: vae}\nenergies: [2GeV, 1GeV]", r"field energies is of no use: give a lower and"),
        (
            "data: bundled\nmodel: {name: vae}\nenergies: [2, 1]",
            "field energies.0 is 2: input should be a valid string",
        ),
    ],
)
def test_bad_files(tmp_path, text, problem):
    (tmp_path / "run.yaml").write_text(text)
    with pytest.raises(BadFile) as error:
        load_config(tmp_path / "run.yaml")
    assert str(error.value).startswith(f"{tmp_path / 'run.yaml'}: {problem}")
    assert "\n" not in str(error.value)
