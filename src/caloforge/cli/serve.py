"""`caloforge serve`: showers of a model over HTTP."""

__all__ = ["serve"]

import sys
from importlib.util import find_spec
from typing import Annotated

import typer

from caloforge.errors import BadValue, MissingExtra


def serve(
    model: Annotated[str, typer.Argument(help="bundle, run folder, or the name of a model that comes with caloforge")],
    host: Annotated[str, typer.Option(help="address to listen at; there is no password")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one and prints it")] = 8000,
    max_showers: Annotated[int, typer.Option(min=1, help="most showers of one request")] = 10_000,
    max_waiting: Annotated[int, typer.Option(min=1, help="most showers of all requests that wait")] = 100_000,
    batch: Annotated[int, typer.Option(min=1, help="showers computed at a time")] = 1000,
    wait: Annotated[float, typer.Option(min=0, max=1, help="seconds that a batch waits for more requests")] = 0.002,
) -> None:
    """Serve showers over HTTP: POST particles, get JSON or HDF5; requests of many clients share batches."""
    for package in ("fastapi", "orjson", "uvicorn"):
        if find_spec(package) is None:
            raise MissingExtra(package, "serve")
    import socket

    import uvicorn

    from caloforge.deployment.open_model import open_shower_model
    from caloforge.deployment.serving.app import create_app
    from caloforge.deployment.serving.asked import Limits
    from caloforge.deployment.timing import time_model

    limits = Limits(showers=max_showers, waiting=max_waiting, batch=batch, wait=wait)
    ready = open_shower_model(model)
    time_model(ready, 0.0, [1])  # what cannot be served is refused now, and nobody waits for libraries to start
    app = create_app(ready, limits)
    with socket.socket() as listener:
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(128)  # who comes before the model is ready waits
        except OSError as error:
            raise BadValue("address", f"{host}:{port}", f"nobody can listen there ({error.strerror})") from error
        where = "{}:{}".format(*listener.getsockname()[:2])
        print(f"caloforge: {model} at http://{where}/showers, described at http://{where}/docs", file=sys.stderr)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=30, access_log=False)
        uvicorn.Server(config).run(sockets=[listener])
