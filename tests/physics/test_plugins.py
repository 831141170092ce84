import sys

import pytest

from caloforge.errors import BadFile, BrokenPlugin
from caloforge.physics.observables import OBSERVABLES
from caloforge.physics.plugins import load_file, load_plugins

GOOD = """
from caloforge.physics.observables import observable

@observable("{name}", "Energy of the first layer", "MeV")
def first(showers):
    return showers.layer_energy[:, 0]
"""


@pytest.fixture(autouse=True)
def clean_registry():
    before = dict(OBSERVABLES)
    yield
    OBSERVABLES.clear()
    OBSERVABLES.update(before)


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Make a package with an entry point, as pip would."""

    def make(module, code, target):
        (tmp_path / f"{module}.py").write_text(code)
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[caloforge.observables]\nmine = {target}\n")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, module, raising=False)

    return make


@pytest.mark.parametrize("target", ["{module}", "{module}:first"])
def test_an_entry_point_names_a_module_or_an_observable(install, showers, target):
    module = f"calo_good_{len(target)}"
    install(module, GOOD.format(name="from_package"), target.format(module=module))
    assert "mine" in load_plugins()
    assert OBSERVABLES["from_package"](showers[:5]).shape == (5, 1)


@pytest.mark.parametrize(
    ("code", "target", "problem"),
    [
        ("import no_such_thing", "calo_bad", "cannot be loaded .*no_such_thing.*; mend or uninstall"),
        ("x = 3", "calo_bad:x", "is a int; let it name an observable"),
        ("x = 3", "calo_bad:y", "cannot be loaded"),
        (GOOD.format(name="response"), "calo_bad", "'response' is already defined by caloforge"),
    ],
)
def test_a_broken_plugin_is_named(install, monkeypatch, code, target, problem):
    install("calo_bad", code, target)
    with pytest.raises(BrokenPlugin, match=rf"plug-in 'mine' = {target} \(calo_bad\) .*{problem}"):
        load_plugins()
    monkeypatch.delitem(sys.modules, "calo_bad", raising=False)


def test_a_file_of_ones_own(tmp_path, showers):
    path = tmp_path / "mine.py"
    path.write_text(GOOD.format(name="from_file"))
    assert load_file(path) == ("from_file",)
    assert load_file(path) == ("from_file",)  # again, after an edit
    assert OBSERVABLES["from_file"](showers[:5])[:, 0] == pytest.approx(showers[:5].layer_energy[:, 0])


def test_two_files_may_not_share_a_name(tmp_path):
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text(GOOD.format(name="shared"))
    load_file(tmp_path / "one.py")
    with pytest.raises(BrokenPlugin, match=r"two.py fails with BadObservable: .*'shared' is already defined by one"):
        load_file(tmp_path / "two.py")


def test_bad_files(tmp_path):
    with pytest.raises(BadFile, match="no such file"):
        load_file(tmp_path / "none.py")
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(BrokenPlugin, match="defines no observable"):
        load_file(tmp_path / "empty.py")
    (tmp_path / "wrong.py").write_text("1 +")
    with pytest.raises(BrokenPlugin, match="SyntaxError"):
        load_file(tmp_path / "wrong.py")
