"""A page and what it loads, served on this machine alone until Ctrl-C."""

__all__ = ["serve_display"]

from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from caloforge.errors import BadValue


def serve_display(files: Mapping[str, bytes], port: int, ready: Callable[[str], None]) -> None:
    """Serve until interrupted.

    Args:
        files: path -> content; ``/`` is the page.
        port: 0 takes a free one.
        ready: called with the address.

    Raises:
        BadValue: nobody can listen there.
    """

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = files.get(self.path.partition("?")[0])
            self.send_response(404 if content is None else 200)
            kind = (
                "text/html; charset=utf-8"
                if self.path.startswith("/?") or self.path == "/"
                else "application/octet-stream"
            )
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *args: object) -> None:
            pass

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Answer)
    except OSError as error:
        raise BadValue("port", port, f"nobody can listen there ({error.strerror})") from error
    with server:
        ready(f"http://127.0.0.1:{server.server_address[1]}/")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return
