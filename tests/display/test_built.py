"""The files that `make app` built: made of the sources beside them, licensed, and light."""

import hashlib
import json
import re
from importlib.resources import files
from pathlib import Path

BUILT = Path(str(files("caloforge.display") / "built"))
APP = Path(__file__).parents[2] / "app"
TOP = ("finish.js", "package-lock.json", "package.json", "page.html", "tsconfig.json", "vite.config.ts")


def test_the_build_is_of_these_sources():
    """A change in app/ without `make app` would ship an old page; finish.js writes the same hash."""
    below = [f"{folder}/{path.name}" for folder in ("src", "licenses") for path in (APP / folder).iterdir()]
    digest = hashlib.sha256()
    for path in sorted([*TOP, *below]):
        digest.update(f"{path}\n".encode() + (APP / path).read_bytes())
    assert digest.hexdigest() == (BUILT / "sources.sha256").read_text().strip(), "run make app"


def test_licences_of_all_that_is_bundled():
    text = (BUILT / "LICENSES.txt").read_text()
    for package, version in json.loads((APP / "package.json").read_text())["dependencies"].items():
        assert f"{package} {version}" in text
    assert text.count("Permission is hereby granted, free of charge") == 2  # both MIT
    assert (BUILT / "onnxruntime-third-party.txt.gz").stat().st_size > 10_000


def test_it_is_light():
    """The wheel stays under 60 MB with three models inside; the page without a model is a megabyte."""
    sizes = {path.name: path.stat().st_size for path in BUILT.iterdir()}
    assert sum(sizes.values()) < 6e6
    assert sizes["display.js"] < 1e6


def test_nothing_is_fetched_from_elsewhere():
    """No address but those that name things, in the code and in sentences of errors, and are not opened."""
    text = "".join((BUILT / name).read_text() for name in ("display.js", "display.css", "page.html"))
    assert set(re.findall(r"https?://([\w.-]+)", text)) <= {"www.w3.org", "web.dev", "rolldown.rs"}
