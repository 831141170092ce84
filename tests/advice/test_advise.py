"""Which model for which task: what fits, what speaks against the others, and the table that it is read from."""

import json

import pytest

from caloforge.advice.measured import FIGURES, MEASURED, Figure, MeasuredModel, load_measured, save_measured
from caloforge.advice.tasks import TASKS, Wish, advise
from caloforge.advice.words import advice_lines, markdown_table, number
from caloforge.errors import BadFile, UnknownName


def model(name: str, detector: str = "par04-siw", pdg: int = 11, **figures: float) -> MeasuredModel:
    measured = {key: Figure(value, f"measure {name}") for key, value in figures.items()}
    return MeasuredModel(name, "vae", detector, "mesh", (pdg,), (1e3, 99_978.0), (0.0, 0.0), "abc", measured)


MODELS = {
    m.name: m
    for m in (
        model("sharp", auc=0.6, ms_at_1000=5.0, rare_coverage=70.0, freaks=0.0),
        model("dense", auc=0.7, ms_at_1000=1.0, log_likelihood=-500.0, rare_coverage=90.0, freaks=0.5),
        model("coarse", auc=0.9, ms_at_1000=0.1, log_likelihood=-520.0, rare_coverage=95.0, freaks=8.0),
        model("hadron", "siw-hcal", 211, auc=0.55, response_beyond=0.4),
    )
}


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("fidelity", ["hadron", "sharp", "dense"]),
        ("likelihood", ["dense", "coarse"]),
        ("tails", ["dense"]),
        ("speed", ["coarse", "dense", "sharp"]),
        ("extrapolation", ["hadron"]),
    ],
)
def test_what_fits_comes_best_first(task, names):
    assert [candidate.model.name for candidate in advise(MODELS, task, Wish()).fitting] == names


def test_a_model_knows_its_detector_particle_and_energies():
    assert [c.model.name for c in advise(MODELS, "fidelity", Wish("siw-hcal", 211)).fitting] == ["hadron"]
    assert advise(MODELS, "fidelity", Wish("siw-hcal", 11)).fitting == ()
    inside, outside = (advise(MODELS, "speed", Wish("par04-siw", 11, (energy,))) for energy in (100e3, 120e3))
    assert len(inside.fitting) == 3  # the range of a training ends where its last shower is, just below 100 GeV
    assert outside.fitting == ()
    against = next(c.against for c in outside.candidates if c.model.name == "dense")
    assert against == ("trained from 1GeV to 99.98GeV",)


def test_extrapolation_is_for_energies_outside():
    assert advise(MODELS, "extrapolation", Wish("siw-hcal", 211, (200e3,))).fitting


def test_the_limit_is_the_users():
    assert [c.model.name for c in advise(MODELS, "fidelity", Wish(), 0.6).fitting] == ["hadron", "sharp"]
    assert advise(MODELS, "tails", Wish(), 92.0).fitting == ()


def test_where_none_fits_it_says_what_to_train():
    lines = list(advice_lines(advise(MODELS, "fidelity", Wish("lar-barrel", 22, (1e3, 5e4))), "gamma"))
    assert lines[0] == "no model that comes with caloforge fits: fidelity"
    assert "hadron" in lines[-3]
    assert lines[-2].strip().startswith("caloforge simulate --detector lar-barrel --particle gamma --energy 1GeV:50GeV")
    assert lines[-1].strip() == "caloforge train hadron --set data=showers.h5 -o runs/mine"
    nothing = list(advice_lines(advise({}, "fidelity", Wish())))
    assert nothing[-1].endswith("see docs/models.md for the families")


def test_an_unknown_task_is_refused():
    with pytest.raises(UnknownName, match="fidelity"):
        advise(MODELS, "fidelty", Wish())


def test_the_table_comes_back_as_it_was(tmp_path):
    save_measured(tmp_path / "m.json", MODELS)
    assert load_measured(tmp_path / "m.json") == dict(sorted(MODELS.items()))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:40],
        lambda text: text.replace('"schema": 1', '"schema": 99'),
        lambda text: text.replace('"value": 0.6', '"value": NaN'),
        lambda text: text.replace('"value": 0.6', '"value": "high"'),
        lambda text: text.replace('"pdg"', '"particles"'),
        lambda text: text.replace('"command"', '"made_up"'),
        lambda text: "[]",
        lambda text: "",
    ],
    ids=["cut", "schema", "nan", "text", "missing", "unknown", "list", "empty"],
)
def test_a_damaged_table_is_one_sentence(tmp_path, spoil):
    save_measured(tmp_path / "m.json", MODELS)
    text = spoil((tmp_path / "m.json").read_text())
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(BadFile, match="give a file that"):
        load_measured(tmp_path / "m.json")


def test_the_document_has_what_was_measured():
    """A figure that nobody has makes no row; one that a model lacks is a dash."""
    table = markdown_table(MODELS)
    assert FIGURES["auc"].title in table
    assert FIGURES["auc_low"].title not in table
    row = next(line for line in table.splitlines() if line.startswith(f"| {FIGURES['log_likelihood'].title}"))
    assert row.strip("| ").split(" | ")[1:] == ["-", "-500.0", "-520.0", "-"]
    assert number(Figure(0.9252, "", 0.0055, 0.503), FIGURES["auc"]) == "0.925 ± 0.005 (0.503)"


def test_every_figure_that_ships_says_how_it_was_measured():
    for name, measured in load_measured(MEASURED).items():
        assert measured.figures, name
        assert all(figure.command and figure.on for figure in measured.figures.values())
        assert all(limit.figure in FIGURES for task in TASKS.values() for limit in task.limits)


def test_on_the_command_line(call, tmp_path):
    save_measured(tmp_path / "m.json", MODELS)
    table = ("--table", tmp_path / "m.json")
    code, out, _ = call("advise", "--task", "speed", "--energy", "50GeV", *table, "--json")
    assert code == 0
    answer = json.loads(out)
    assert answer["fits"] == ["coarse", "dense", "sharp"]
    assert answer["models"][0]["figures"]["ms_at_1000"]["value"] == 0.1
    assert call("advise", "--task", "fidelity", *table)[1].startswith("hadron: vae, siw-hcal")
    for words in (("--task", "spede"), ("--task", "speed", "--energy", "-5GeV"), ("--task", "speed", "--limit", "nan")):
        code, _, err = call("advise", *words, *table)
        assert code == 1
        assert len(err.strip().splitlines()) == 1
