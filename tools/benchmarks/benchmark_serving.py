"""`caloforge serve` under load on loopback: requests a second, and the median and 99th percentile of their times.

Clients keep one connection each and ask again as soon as they are answered; all ask for the same number of showers of
10 GeV, with seeds of their own. The server is a process of its own; server and clients share the cores of the machine.

Run: python tools/benchmarks/benchmark_serving.py vae-siw-1080 --clients 1 8 32 --showers 1 --seconds 10
"""

import argparse
import json
import re
import signal
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection

import numpy as np


def client(address: str, showers: int, form: str, until: float, seed: int, times: list[float]) -> None:
    """Ask until the time is over; the time of every answer goes into the list."""
    connection = HTTPConnection(address, timeout=60)
    while time.perf_counter() < until:
        body = json.dumps({"energy": 10_000, "n": showers, "seed": seed, "format": form})
        start = time.perf_counter()
        connection.request("POST", "/showers", body, {"content-type": "application/json"})
        with connection.getresponse() as answer:
            answer.read()
            if answer.status != 200:
                raise SystemExit(f"the server answered {answer.status}")
        times.append(time.perf_counter() - start)
        seed += 1
    connection.close()


def measure(address: str, clients: int, showers: int, form: str, seconds: float) -> tuple[float, float, float]:
    """Requests a second, median and 99th percentile in ms."""
    times: list[float] = []
    start = time.perf_counter()
    threads = [
        threading.Thread(target=client, args=(address, showers, form, start + seconds, 10**6 * i, times))
        for i in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate = len(times) / (time.perf_counter() - start)
    middle, high = 1e3 * np.quantile(times, [0.5, 0.99])
    return rate, float(middle), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="bundle, run folder or name")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--showers", type=int, nargs="+", default=[1])
    parser.add_argument("--format", choices=["json", "hdf5"], default="json")
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    code = "from caloforge.cli.main import run; run()"
    command = [sys.executable, "-c", code, "serve", options.model, "--port", "0"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        words = server.stderr.readline() if server.stderr else ""
        match = re.search(r"http://([\d.:]+)/showers", words)
        if match is None:
            raise SystemExit(words + (server.stderr.read() if server.stderr else ""))
        time.sleep(1)  # it listens; the application starts
        measure(match[1], 1, 1, options.format, 0.1)
        print(f"{'clients':>8} {'showers':>8} {'requests/s':>11} {'showers/s':>10} {'p50, ms':>8} {'p99, ms':>8}")
        for showers in options.showers:
            for clients in options.clients:
                rate, middle, high = measure(match[1], clients, showers, options.format, options.seconds)
                print(f"{clients:8} {showers:8} {rate:11.1f} {rate * showers:10.0f} {middle:8.1f} {high:8.1f}")
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


if __name__ == "__main__":
    main()
