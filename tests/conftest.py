"""Shared fixtures: a small mesh, showers that behave like electrons, drawn with NumPy, and the command line."""

import dataclasses
import functools
import gc
import inspect
import sys
import types
import typing

import beartype
import h5py  # noqa: F401
import jaxtyping
import jinja2  # noqa: F401
import numpy as np
import particle  # noqa: F401
import pydantic  # noqa: F401
import pytest
import scipy.stats  # noqa: F401
import torch
import yaml  # noqa: F401
import zuko  # noqa: F401

# Some are here for speed alone: what a module imports below the hook of jaxtyping is compiled anew in every process.

_BEARTYPE = beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True, violation_type=jaxtyping.TypeCheckError))
_JAXTYPED = jaxtyping.jaxtyped
_SCOPE = _JAXTYPED("context")  # sizes of one call: N of an argument is N of the answer


def _hint(hint, function):
    """What an annotation means; anything, where it names what is imported for type checkers alone."""
    one = types.SimpleNamespace(__annotations__={"it": hint})
    try:
        return typing.get_type_hints(one, function.__globals__, include_extras=True)["it"]
    except NameError:
        return typing.Any


def _typed(function):
    """A function that checks its arguments and its answer."""
    parts = function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    typed = types.FunctionType(*parts)
    typed.__kwdefaults__, typed.__module__ = function.__kwdefaults__, function.__module__
    typed.__qualname__ = function.__qualname__
    typed.__annotations__ = {name: _hint(hint, function) for name, hint in function.__annotations__.items()}
    return _BEARTYPE(typed)


def _checked(what=None, **_):
    """Shapes and types of a function or a dataclass, in place of ``jaxtyping.jaxtyped``, which checks arguments twice.

    Its annotations are compiled at the first call: importing all of caloforge for a few functions is quick.
    """
    if what is None:
        return _checked
    if inspect.isclass(what):
        if dataclasses.is_dataclass(what) and not hasattr(what.__init__, "__wrapped__"):
            what.__init__ = _checked(what.__init__)
        return what
    if inspect.isgeneratorfunction(what):  # whose arguments are checked when it is called, not when it first yields
        return _JAXTYPED(what, typechecker=_BEARTYPE)
    typed = None

    @functools.wraps(what)
    def checked(*args, **kwargs):
        __tracebackhide__ = True
        nonlocal typed
        if jaxtyping.config.jaxtyping_disable:
            return what(*args, **kwargs)
        if typed is None:
            typed = _typed(what)
        with _SCOPE:
            return typed(*args, **kwargs)

    return checked


# Shapes and dtypes in signatures are checked whenever the tests run.
jaxtyping.jaxtyped = _checked
jaxtyping.install_import_hook("caloforge", None)

from caloforge.data.showers import Showers  # noqa: E402
from caloforge.geometry.binning import Binning, Layer  # noqa: E402
from caloforge.physics.observables import OBSERVABLES  # noqa: E402

_STANDARD = dict(OBSERVABLES)


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """What is imported and collected stays, and is not looked through for garbage time and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(700, 10, 50)
        gc.enable()


def pytest_runtest_setup():
    """One thread of each worker, whatever the test before has set: pytest-xdist shares out the cores.

    A hook, since it comes before fixtures of any scope: a run that a fixture trains must match one that a test trains.
    """
    torch.set_num_threads(1)


def pytest_collection_modifyitems(items):
    """Toy showers are odd; tests of the warning itself use ``pytest.warns``, which sees it all the same."""
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("ignore::caloforge.errors.OddShowers"))


@pytest.fixture(autouse=True)
def _registry_as_it_was():
    """Observables that a test registers go with it, whatever runs next on the same worker."""
    yield
    OBSERVABLES.clear()
    OBSERVABLES.update(_STANDARD)


@pytest.fixture
def call(monkeypatch, capsys):
    """Run a command line; returns (exit code, stdout, stderr)."""
    from caloforge.cli.main import run  # most tests do without the command line and all that it imports

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["caloforge", *map(str, words)])
        try:
            run()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        streams = capsys.readouterr()
        return code, streams.out, streams.err

    return call


@pytest.fixture(scope="session")
def binning() -> Binning:
    """Three layers, the last one with other rings: irregular as real meshes are."""
    inner = tuple(float(r) for r in (0, 5, 10, 20))
    return Binning(
        (
            Layer(0, inner, 4, (0.0, 10.0)),
            Layer(1, inner, 4, (10.0, 20.0)),
            Layer(4, (0.0, 10.0, 30.0), 2, (20.0, 50.0)),
        ),
        "tiny",
    )


@pytest.fixture(scope="session")
def showers(binning) -> Showers:
    """3,000 showers with gamma-distributed cells, true zeros, empty layers, and a response that rises a little."""
    rng = np.random.default_rng(0)
    n = 3000
    incident = np.exp(rng.uniform(np.log(1e3), np.log(1e5), n))
    depth = np.stack([np.full(n, 0.5), 0.2 + 0.1 * np.log(incident / 1e3), np.full(n, 0.05)], 1)
    layer = 0.03 * incident[:, None] * rng.dirichlet([30, 20, 3], n) * depth / depth.mean()
    weight = rng.gamma(1.3, np.exp(-binning.r_centres / 8), (n, binning.n_voxels))
    rate = 1 - np.exp(-np.outer(np.sqrt(incident / 1e3), np.exp(-binning.r_centres / 10)))
    weight *= rng.random(weight.shape) < rate
    total = np.add.reduceat(weight, binning.layer_starts[:-1], 1)
    share = weight / np.maximum(total, 1e-30)[:, binning.layer_of_voxel]
    energy = (share * layer[:, binning.layer_of_voxel]).astype(np.float32)
    return Showers.perpendicular(energy, incident.astype(np.float32), binning)


@pytest.fixture(scope="session")
def halves(binning):
    """Two samples of showers with a resolution of 10 % / sqrt(E), deeper and with more hit cells at higher energy."""
    rng = np.random.default_rng(3)
    n = 3000
    energy = np.exp(rng.uniform(np.log(1e3), np.log(1e5), n))
    depth = np.stack([np.full(n, 0.3), 0.3 + 0.1 * np.log(energy / 1e3), np.full(n, 0.1)], 1)[:, binning.layer_of_voxel]
    weight = depth * np.exp(-binning.r_centres / 5) * rng.gamma(2.0, size=(n, binning.n_voxels))
    weight *= rng.random(weight.shape) < 1 - np.exp(-np.sqrt(energy / 1e3)[:, None] * np.exp(-binning.r_centres / 10))
    visible = 0.03 * energy * (1 + 0.1 / np.sqrt(energy / 1e3) * rng.normal(size=n))
    cells = weight * (visible / np.maximum(weight.sum(axis=1), 1e-9))[:, None]
    showers = Showers.perpendicular(cells.astype(np.float32), energy.astype(np.float32), binning)
    return showers[:1500], showers[1500:]
