"""The page in Chromium, exported and served: a shower appears, knobs compute the model, nothing complains."""

from queue import Queue
from threading import Thread

import numpy as np
import pytest

from caloforge.data.incident import Incident
from caloforge.display.compose import Choice, compose
from caloforge.display.fast_model import SEED
from caloforge.display.server import serve_display


@pytest.fixture(scope="module")
def page(display, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(display.to_html(whole=True), encoding="utf-8")
    return path


def total(tab, which):
    """Energy in all cells of a panel, MeV."""
    return float(tab.get_attribute(f"#caption-{which}", "data-total"))


def wait(tab, beginning):
    """Until the model answers."""
    script = "words => document.querySelector('#status').textContent.startsWith(words)"
    tab.wait_for_function(script, arg=beginning, timeout=60_000)


def mean_of(tab, gev):
    """Mean energy of 100 showers of the model and its error, MeV."""
    tab.fill("#energy-gev", str(gev))
    tab.keyboard.press("Tab")
    wait(tab, "Computed here")
    tab.click("#hundred")
    wait(tab, "Mean of 100")
    mean, error = (float(tab.get_attribute("#status", f"data-{name}")) for name in ("mean", "error"))
    return mean, error


def coloured(tab, which):
    """Share of a panel's pixels that are drawn in colour."""
    return tab.evaluate(
        """which => {
          const canvas = document.querySelector('#canvas'), all = canvas.getBoundingClientRect();
          const part = document.querySelector('#panel-' + which).getBoundingClientRect(), s = canvas.width / all.width;
          const copy = document.createElement('canvas');
          [copy.width, copy.height] = [part.width * s, part.height * s];
          const context = copy.getContext('2d');
          context.drawImage(canvas, (all.left - part.left) * s, (all.top - part.top) * s);
          const pixels = context.getImageData(0, 0, copy.width, copy.height).data;
          let count = 0;
          for (let i = 0; i < pixels.length; i += 4)
            if (Math.max(...pixels.slice(i, i + 3)) - Math.min(...pixels.slice(i, i + 3)) > 40) count++;
          return count / (pixels.length / 4);
        }""",
        which,
    )


@pytest.mark.slow
def test_an_exported_page_works_without_network(opened, page, display, fast):
    """One page, as a reader goes through it: showers, a cell, the model's knobs, then on a telephone."""
    tab = opened(page.as_uri())
    for number in range(2):
        assert total(tab, "full") == pytest.approx(display.truth.showers.total_energy[number], rel=1e-5)
        assert total(tab, "fast") == pytest.approx(display.generated.total_energy[number], rel=1e-5)
        tab.click("#next")
    tab.wait_for_timeout(100)
    assert coloured(tab, "full") > 0.01
    assert coloured(tab, "fast") > 0.01

    tab.focus("#stage")
    tab.keyboard.press("Enter")
    hottest = int(np.argmax(display.truth.showers.energy[2]))
    energy = display.truth.showers.energy[2, hottest]
    assert tab.inner_text("#cell").startswith(f"Cell {hottest}: layer {display.mesh.layer_of_voxel[hottest]}, r ")
    assert f"Geant4 {float(f'{energy:.4g}'):g} MeV" in tab.inner_text("#cell")

    # the seed gives Python's shower; twice the energy gives twice the sum, within the model's own statistics
    tab.fill("#energy-gev", "20")
    tab.fill("#seed", "7")
    tab.keyboard.press("Tab")
    wait(tab, "Computed here: seed 7, shower 3")
    expected = fast.model.sample(Incident.alike(np.full(3, 20e3)), 7)[2].sum()
    assert total(tab, "fast") == pytest.approx(expected, rel=1e-4)
    (low, low_error), (high, high_error) = mean_of(tab, 20), mean_of(tab, 40)
    error = np.hypot(2 * low_error, high_error)
    assert high == pytest.approx(2 * low, abs=4 * error + 0.02 * high)  # response of a sampling calorimeter: 2 %
    assert error < 0.02 * high

    tab.emulate_media(color_scheme="dark")
    tab.set_viewport_size({"width": 360, "height": 740})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.slow
def test_a_served_page_has_a_knob_for_all_that_the_model_knows(opened, inclined):
    """Angles, particle and latents give what the formula of the model says, computed in the browser."""
    display = compose("inclined", None, inclined, Choice(n=3, judge=False))
    files = {"/": display.to_html(whole=False).encode()} | {f"/{name}": data for name, data in display.assets.items()}
    addresses = Queue()
    Thread(target=serve_display, args=(files, 0, addresses.put), daemon=True).start()
    tab = opened(addresses.get(timeout=10), offline=False)
    noise = np.array(inclined.model.noise(SEED, 0, 1)[0])

    def gives(theta=0.0, phi=0.0, pdg=11):
        expected = np.abs(noise).sum() * 1e3 * (1 + theta + phi) * pdg / 100
        script = "sum => Math.abs(document.querySelector('#caption-fast').dataset.total / sum - 1) < 1e-4"
        tab.wait_for_function(script, arg=float(expected), timeout=20_000)

    gives()
    tab.fill("#theta", "20")
    gives(theta=np.radians(20))
    tab.fill("#phi", "90")
    gives(theta=np.radians(20), phi=np.pi / 2)
    tab.select_option("#particle", "22")
    gives(theta=np.radians(20), phi=np.pi / 2, pdg=22)
    tab.click("#latents summary")
    drawn = noise[1]
    noise[1] = -3.5
    tab.fill("#latent-knobs label:nth-child(2) input", "-3.5")
    gives(theta=np.radians(20), phi=np.pi / 2, pdg=22)
    assert tab.inner_text("#latent-knobs label:nth-child(2) output") == "-3.50"
    noise[1] = drawn
    tab.click("#latents-back")
    gives(theta=np.radians(20), phi=np.pi / 2, pdg=22)
