"""A page of the bundled showers beside a model that comes with caloforge, and a browser without any network."""

import shutil

import pytest

from caloforge.data.opening import open_showers
from caloforge.display.compose import Choice, compose
from caloforge.display.fast_model import open_fast_model

NAME = "vae-siw-1080-latent"
DRAWING = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]


@pytest.fixture(scope="session")
def fast():
    return open_fast_model(NAME).with_graph(5)


@pytest.fixture(scope="session")
def display(fast):
    with open_showers("bundled") as file:
        return compose("bundled beside a model", file, fast, Choice(n=5, judge=False))


@pytest.fixture(scope="session")
def browser():
    """Chromium as it is installed; nothing is downloaded."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no browser to test in")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("no Chromium on this machine: the event display is not tested in a browser")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=DRAWING)
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser):
    """Open a file in a new tab without network; at the end the console must be empty."""
    faults, contexts = [], []

    def opened(path, **options):
        context = browser.new_context(offline=True, **options)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None)
        tab.on("pageerror", lambda error: faults.append(str(error)))
        tab.goto(path.as_uri())
        tab.wait_for_selector("html[data-ready=yes]")
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert faults == []
