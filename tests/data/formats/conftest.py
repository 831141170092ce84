"""A folder with one small file of every layout, made once."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest


def load_samples():
    """The module of samples: tests are no package."""
    place = Path(__file__).with_name("samples.py")
    spec = importlib.util.spec_from_file_location("samples", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def samples():
    return load_samples()


@pytest.fixture(scope="session")
def sample_files(samples, tmp_path_factory):
    """Path of the sample of each format."""
    folder = tmp_path_factory.mktemp("samples")
    paths = {}
    for number, (name, make) in enumerate(samples.SAMPLES.items()):
        paths[name] = folder / f"{name}.data"
        make(paths[name], np.random.default_rng(number))
    return paths


def pytest_generate_tests(metafunc):
    """A test that asks for ``format_name`` runs for every format that has a sample."""
    if "format_name" in metafunc.fixturenames:
        metafunc.parametrize("format_name", list(load_samples().SAMPLES))
