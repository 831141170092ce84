"""A dask cluster as the executor of a production: `dask.distributed.Client(address).get_executor()`."""

__all__ = ["dask_executor"]

import importlib.util
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from caloforge.errors import BadValue

_PATIENCE = 30  # seconds


@contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """The executor of the cluster whose scheduler listens at ``address``, such as ``tcp://node:8786``.

    Its workers need caloforge with Geant4, and the folder of the output at the same path.

    Raises:
        BadValue: dask is not installed, or nobody answers at that address.
    """
    if importlib.util.find_spec("distributed") is None:
        raise BadValue("dask address", address, "dask is not installed; run: pip install 'caloforge[cluster]'")
    from distributed import Client

    try:
        client = Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise BadValue("dask address", address, f"no scheduler answers there ({type(error).__name__})") from error
    with client:
        yield client.get_executor(pure=False)
