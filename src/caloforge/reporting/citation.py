"""How to cite caloforge and its models: BibTeX, or the YAML of the Citation File Format (version 1.2.0)."""

__all__ = ["AUTHORS", "RELEASED", "TITLE", "bibtex", "cff"]

import re

from caloforge import __version__

TITLE = "caloforge: generative models of calorimeter showers, trained on and validated against Geant4"
AUTHORS = "The caloforge developers"
RELEASED = "2026-11-23"


def bibtex(model: str | None = None, digest: str | None = None, version: str | None = None) -> str:
    """Entries for the software and, where one is named, for a model.

    Args:
        model: its name.
        digest: SHA-256 of its weights or graph, which says which one it is.
        version: of caloforge that trained it.
    """
    year = RELEASED[:4]
    entries = [
        f"@software{{caloforge,\n  author = {{{{{AUTHORS}}}}},\n  title = {{{{{TITLE}}}}},\n"
        f"  year = {{{year}}},\n  version = {{{__version__}}},\n  license = {{Apache-2.0}}\n}}"
    ]
    if model is not None:
        key, name = re.sub(r"[^A-Za-z0-9-]+", "-", model).strip("-"), re.sub(r"([_#$%&{}])", r"\\\1", model)
        note = f"trained with caloforge {version or '(version unknown)'}; SHA-256 of its weights {digest}"
        entries.append(
            f"@misc{{caloforge-{key},\n  author = {{{{{AUTHORS}}}}},\n  title = {{{{{name}, a model of calorimeter "
            f"showers}}}},\n  year = {{{year}}},\n  note = {{{note}}}\n}}"
        )
    return "\n\n".join(entries) + "\n"


def cff() -> str:
    """The software, as a ``CITATION.cff``."""
    lines = [
        "cff-version: 1.2.0",
        'message: "If caloforge helps your work, please cite it."',
        f'title: "{TITLE}"',
        "type: software",
        "authors:",
        f'  - name: "{AUTHORS}"',
        "license: Apache-2.0",
        f"version: {__version__}",
        f"date-released: {RELEASED}",
    ]
    return "\n".join([*lines, ""])
