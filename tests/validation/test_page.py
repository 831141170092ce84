"""The page: everything is on it, nothing comes from outside, foreign text stays text, and it can be read aloud."""

import io
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from markupsafe import Markup, escape
from PIL import Image

from caloforge.classifiers.protocol import PERCEPTRON
from caloforge.data.showers import Showers
from caloforge.errors import NotMeasured, UnknownName, UnwritablePath
from caloforge.metrics.measured import Measured
from caloforge.physics.observables import OBSERVABLES
from caloforge.reporting.markup import Cell, plain_words, table, text
from caloforge.reporting.quoting import quoted
from caloforge.reporting.section import Plot, Section
from caloforge.reporting.style import figure
from caloforge.validation.spokes import spokes
from caloforge.validation.tables import posterior_table
from caloforge.validation.validate import validate

SMALL = PERCEPTRON.having(epochs=2, folds=2)
WORSE = "smeared <b>&"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def smeared(showers):
    energy = showers.energy * np.random.default_rng(5).gamma(4, 0.25, showers.energy.shape)
    names = ("incident_energy", "pdg", "theta", "phi")
    return Showers(energy=energy.astype(np.float32), binning=showers.binning, **{n: getattr(showers, n) for n in names})


@pytest.fixture(scope="module")
def report(halves):
    few = (half[:400] for half in halves)
    return validate(*few, quick=True, provenance={"truth": {"file": "<truth>.h5"}})


@pytest.fixture(scope="module")
def images():
    return _Tiny()


class _Tiny(dict):
    """A one-pixel picture for every plot."""

    def __missing__(self, name):
        buffer = io.BytesIO()
        Image.new("RGB", (1, 1)).save(buffer, "PNG")
        return buffer.getvalue()


@pytest.fixture(scope="module")
def html(report, images):
    return report.to_html(images)


@pytest.fixture(scope="module")
def several(report, halves, images):
    models = (report, replace(report, name=WORSE))
    posterior = {m.name: Measured(-0.7 - i, 0.01, -0.693, 0.01) for i, m in enumerate(models)}
    return replace(report, name="", evidence={}, findings=(), several=models, posterior=posterior)


class Reader(HTMLParser):
    """Elements that are open, what was seen, and whether each was closed."""

    VOID = {"meta", "img", "br", "input"}  # noqa: RUF012

    def __init__(self):
        super().__init__()
        self.open, self.found = [], []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def read(page):
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader.found


def test_the_page_is_well_formed_and_stands_alone(report, html):
    found = read(html)
    sources = [attributes["src"] for _, attributes in found if "src" in attributes]
    assert len(sources) == len(report.plots)
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert not [a for tag, a in found if tag in ("link", "iframe", "object") or "srcset" in a]
    assert "http" not in re.sub(r"base64,[^\"]*", "", html)
    assert "url(" not in html
    links = [a["href"] for _, a in found if "href" in a]
    places = {a["id"] for _, a in found if "id" in a}
    assert all(link.startswith("#") and link[1:] in places for link in links)


def test_the_page_names_every_observable_requirement_and_floor(report, html):
    found = read(html)
    folded = {a["id"] for tag, a in found if tag == "details" and "id" in a}
    assert folded == {f"observable_{name}" for name in OBSERVABLES}
    for finding in report.findings:
        for words in (finding.test, finding.evidence, finding.floor, finding.required):
            assert str(escape(words)) in html
    for spoke in spokes(report.evidence):
        assert spoke.name in html
        assert quoted(spoke.measured.floor, spoke.measured.floor_spread) in html
    assert "σ" in html


def test_the_verdict_comes_first(html):
    order = [html.index(mark) for mark in ("<h1>", 'class="verdict', "<table>", "<img")]
    assert order == sorted(order)


def test_what_cannot_be_seen_is_said(html):
    found = read(html)
    assert all(len(a["alt"]) > 20 for tag, a in found if tag == "img")
    assert all("scope" in a for tag, a in found if tag == "th")
    assert ("html", {"lang": "en"}) in found
    assert any(tag == "nav" and a["aria-label"] for tag, a in found)


def test_foreign_text_stays_text(html, several, images):
    assert "&lt;truth&gt;.h5" in html
    page = several.to_html(images)
    read(page)
    assert WORSE not in page
    assert "smeared &lt;b&gt;&amp;" in page
    cell = Cell("<em>x</em>", note="<em>", link="<em>")
    assert "<em>" not in table(("<em>",), [[text("<em>"), cell]], "<em>", ["<em>"])
    assert table(("a",), [[Cell(Markup("<em>x</em>"))]]).count("<em>") == 1


def test_several_models_stand_side_by_side(several, images):
    page = several.to_html(images)
    assert page.count('class="verdict') == 2
    heads = re.findall(r"<thead>.*?</thead>", page, re.DOTALL)
    assert "generated" in heads[0]
    assert "smeared" in heads[0]
    facts = json.loads(json.dumps(several.to_dict(), allow_nan=False))
    assert set(facts["log_posterior"]) == set(facts["models"]) == {"generated", WORSE}


def test_markup_of_labels_is_no_text_of_the_page(html):
    assert plain_words(r"Response $E_\mathrm{tot}/E_\mathrm{inc}$") == "Response E_tot/E_inc"
    assert plain_words(r"Length $\sigma_z$") == "Length σ_z"
    assert "mathrm" not in html


def test_the_best_model_is_ranked_first():
    ranked = posterior_table({"bad": Measured(-1.2, 0.01, -0.69, 0.01), "good": Measured(-0.4, 0.01, -0.69, 0.01)})
    assert ranked.index("good") < ranked.index("bad")
    assert "-0.693" in ranked


def test_numbers_are_quoted_to_their_errors():
    assert quoted(0.12345, 0.0067) == "0.1235 ± 0.0067"
    assert quoted(1234.5, 67) == "1234 ± 67"
    assert quoted(0.000123, 0.0000045) == "(1.230 ± 0.045)e-4"
    assert quoted(0.5, 0.0) == "0.5"
    assert quoted(float("inf"), 1.0) == "inf"


def test_a_gallery_marks_what_stands_out(report, images):
    def draw():
        raise AssertionError("nothing is drawn here")

    plots = (Plot("low", "low", "A.", draw, "1 × floor", 0.3), Plot("high", "high", "B.", draw, "9 × floor", 30.0))
    extra = Section("Own", "<p>words</p>", plots, {"a": float("nan")}, gallery=True)
    changed = report.with_sections([extra], title="Ours")
    found = read(changed.to_html(images))
    assert [a["id"] for tag, a in found if tag == "details" and "data-high" in a and a["id"] in ("low", "high")] == [
        "high"
    ]
    assert changed.sections[1] is extra
    assert changed.to_dict()["sections"] == {"own": {"a": None}}


def test_the_verdict_says_how_many_showers_were_left_out(report, several):
    assert "left out: the model" not in report.verdict
    trained = {"truth": {"left_out": 12}}
    for each in (report, several):
        last = "12 showers of the truth left out: the model was trained on them."
        assert replace(each, provenance=trained).verdict.endswith(last)


def test_numbers_that_quick_leaves_out_are_not_unknown(report):
    with pytest.raises(NotMeasured, match="auc/high was not measured: quick leaves the classifiers out"):
        report["auc/high"]
    with pytest.raises(UnknownName, match=r"unknown number of the report 'ks/responce'.*ks/response"):
        report["ks/responce"]


@pytest.mark.slow
def test_files_are_complete_and_an_old_pdf_goes(report, tmp_path):
    with figure(1.0, 1.0) as drawn:
        drawn.add_subplot().plot([0, 1])
    small = replace(report, sections=(Section("One", plots=(Plot("one", "One", "A line.", lambda: drawn),)),))
    steps = []
    small.write(tmp_path, progress=lambda done, name: steps.append((done, name)))
    assert {file.name for file in (tmp_path / "plots").iterdir()} == {"one.png", "one.pdf"}
    assert steps == [(0.0, "one")]
    with pytest.raises(UnwritablePath, match=r"report\.json: the file exists \(overwrite=True, or --overwrite,"):
        small.write(tmp_path, pdf=False)
    assert {file.name for file in (tmp_path / "plots").iterdir()} == {"one.png", "one.pdf"}
    small.write(tmp_path, pdf=False, overwrite=True)
    assert {file.name for file in (tmp_path / "plots").iterdir()} == {"one.png"}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["plots", "report.html", "report.json"]


@pytest.mark.slow
@pytest.mark.parametrize("sufficient", [(), ("response",)], ids=["all", "response"])
def test_every_figure_outside_the_gallery_is_drawn(halves, report, sufficient):
    few = (half[:400] for half in halves)
    found = validate(*few, sufficient=sufficient, protocol=SMALL) if sufficient else report
    plots = [plot for section in found.sections if not section.gallery for plot in section.plots]
    names = {plot.name for plot in plots}
    assert ("separation_map" in names) != bool(sufficient)
    assert {"importance", "scores_high", "worst_showers", "best_showers"} <= names or not sufficient
    for plot in plots:
        axes = [a for a in plot.draw().axes if a.axison and not a.images]
        assert axes or "map" in plot.name or "correlations" in plot.name
        unlabelled = [a for a in axes if a.name != "polar" and not (a.get_xlabel() or a.get_ylabel() or a.get_title())]
        shared = [a for a in unlabelled if len(a.get_shared_x_axes().get_siblings(a)) > 1]
        assert len(unlabelled) == len(shared), plot.name


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser")
def test_a_browser_filters_the_gallery(report, images, tmp_path):
    page = report.to_html(images)
    check = (
        "<script>const words = document.querySelector('input[type=search]'); words.value = 'cells hit in layer';"
        "words.dispatchEvent(new Event('input'));"
        "document.title = [...document.querySelectorAll('.gallery details')].filter(d => !d.hidden).map(d => d.id);"
        "</script></body>"
    )
    (tmp_path / "page.html").write_text(page.replace("</body>", check))
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
    seen = subprocess.run(
        [*command, "--dump-dom", (tmp_path / "page.html").as_uri()], capture_output=True, text=True, check=True
    )
    assert re.search("<title>(.*?)</title>", seen.stdout)[1] == "observable_layer_hits"
