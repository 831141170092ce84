"""A real server on a free port: showers by seed alone, limits in plain words, counts that add up, a graceful stop."""

import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection

import numpy as np
import pytest

from caloforge.data.incident import Incident
from caloforge.data.store import ShowerFile
from caloforge.errors import BadValue

pytest.importorskip("fastapi")
uvicorn = pytest.importorskip("uvicorn")

from caloforge.deployment.serving.app import create_app  # noqa: E402
from caloforge.deployment.serving.asked import Asked, Limits, incident_of  # noqa: E402


@contextmanager
def running(model, **limits):
    """A server in a thread, and its port."""
    config = uvicorn.Config(create_app(model, Limits(**limits)), port=0, log_level="error", timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield server, server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def server(toy):
    """A server of a toy that takes at most 2,500 showers and 20,000 bytes."""
    model = toy(theta=(0.0, 0.0))
    with running(model, showers=2500, body=20_000, waiting=6000) as (_, port):
        yield model, port


def ask(port, body=None, path="/showers", **headers):
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, {"content-type": "application/json"})
    for name, value in headers.items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def perpendicular(energy):
    n = len(energy)
    return Incident(np.asarray(energy, float), np.full(n, 11), np.zeros(n), np.zeros(n))


def test_showers_are_those_of_the_seed_in_json_and_in_hdf5(server, tmp_path):
    """Of three blocks, so that the answer is streamed; every number arrives as it was made."""
    model, port = server
    energy = np.linspace(200, 900, 7)
    expected = model.sample(perpendicular(np.resize(energy, 2300)), 5)
    status, body = ask(port, {"energy": energy.tolist(), "n": 2300, "seed": 5})
    answer = json.loads(body)
    assert (status, answer["unit"], answer["cells"]) == (200, "MeV", 1080)
    np.testing.assert_array_equal(np.array(answer["showers"], np.float32), expected)
    np.testing.assert_array_equal(answer["incident_energy"], np.resize(energy, 2300))
    status, body = ask(port, {"energy": energy.tolist(), "n": 2300, "seed": 5, "format": "hdf5"})
    (tmp_path / "answer.h5").write_bytes(body)
    with ShowerFile(tmp_path / "answer.h5") as file:
        showers = file.read()
        np.testing.assert_array_equal(showers.energy, expected)
        assert (file.provenance.generator, file.provenance.seed, file.detector) == ("toy", 5, "par04-siw")
        np.testing.assert_array_equal(file.training_ids, [7, 9])


def test_a_shower_does_not_depend_on_the_company_it_is_computed_in(toy):
    """Forty clients at once are computed in fewer batches than requests, and each gets what it gets alone."""
    model = toy(theta=(0.0, 0.0))
    with running(model, wait=0.3, batch=400) as (_, port), ThreadPoolExecutor(40) as clients:
        bodies = [{"energy": 150.0 + i, "n": 10, "seed": i} for i in range(40)]
        answers = list(clients.map(lambda body: ask(port, body), bodies))
        text = ask(port, path="/metrics")[1].decode()
    counts = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(counts["caloforge_showers_total"]) == 400
    assert float(counts["caloforge_batches_total"]) < 40
    assert counts['caloforge_requests_total{status="200"}'] == counts["caloforge_request_seconds_count"] == "40"
    assert counts["caloforge_waiting_showers"] == "0"
    for i, (status, body) in enumerate(answers):
        assert status == 200
        expected = model.sample(perpendicular(np.full(10, 150.0 + i)), i)
        np.testing.assert_array_equal(np.array(json.loads(body)["showers"], np.float32), expected)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({}, 422, "energy: Field required"),
        ({"energy": 50.0}, 422, "lies outside the training, 100MeV to 100GeV"),
        ({"energy": -1}, 422, "positive"),
        ({"energy": "50"}, 422, "50"),
        ({"energy": [200, "1GeV"], "theta": [0, 0, 0]}, 422, "one value of each"),
        ({"energy": []}, 422, "one value of each"),
        ({"energy": 200, "n": 2501}, 422, "at most 2500 showers a request"),
        ({"energy": 200, "n": 0}, 422, "n: "),
        ({"energy": 200, "seed": -1}, 422, "seed: "),
        ({"energy": 200, "particle": "pi+"}, 422, "trained on e- (PDG 11)"),
        ({"energy": 200, "theta": 0.3}, 422, "theta"),
        ({"energy": 200, "shape": "round"}, 422, "shape"),
        ({"energy": 200, "format": "pickle"}, 422, "format"),
        (b"{not json", 422, ""),
        (b'{"energy": NaN}', 422, ""),
        (b'{"energy": ' + b"[" * 9000, 400, "body"),
        ({"energy": [200.0] * 5000}, 413, "larger than 20000 bytes"),
    ],
    ids=lambda value: None if isinstance(value, dict | bytes) else str(value)[:12],
)
def test_what_is_wrong_is_said_in_a_sentence(server, body, status, words):
    _, port = server
    answer = ask(port, body)
    assert answer[0] == status, answer
    detail = json.loads(answer[1])["detail"]
    assert isinstance(detail, str)
    assert words in detail


def test_a_body_without_a_length_is_cut_off_at_the_limit(server):
    _, port = server
    pieces, head = iter([b" " * 9000] * 3), {"content-type": "application/json"}
    with closing(HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("POST", "/showers", pieces, head, encode_chunked=True)
        with connection.getresponse() as answer:
            assert answer.status == 413
    assert ask(port, path="/health")[0] == 200


def test_more_than_can_wait_is_sent_away(server):
    """Six thousand may wait; of five requests of 2,500 at once some are refused, and afterwards all is as before."""
    _, port = server
    with ThreadPoolExecutor(8) as clients:
        bodies = [{"energy": 200, "n": 2500, "format": "hdf5", "seed": i} for i in range(8)]
        statuses = list(clients.map(lambda body: ask(port, body)[0], bodies))
    assert set(statuses) == {200, 503}
    assert ask(port, {"energy": 200, "n": 2500})[0] == 200


def test_it_describes_itself(server):
    model, port = server
    paths = json.loads(ask(port, path="/openapi.json")[1])["paths"]
    assert set(paths) == {"/showers", "/model", "/health", "/metrics"}
    about = json.loads(ask(port, path="/model")[1])
    assert (about["particles"], about["energy_mev"], about["most_showers"]) == ([11], [100.0, 1e5], 2500)
    assert about["binning_xml"] == model.binning.to_xml()
    assert ask(port, path="/nothing")[0] == 404


def test_a_stop_waits_for_answers_under_way(toy):
    class Slow(type(toy())):
        def sample_noise(self, incident, noise):
            begun.set()
            time.sleep(0.3)
            return super().sample_noise(incident, noise)

    begun = threading.Event()
    model = Slow(toy().binning, toy(theta=(0.0, 0.0)).trained)
    with ThreadPoolExecutor(1) as client, running(model) as (server, port):
        answer = client.submit(ask, port, {"energy": 200, "n": 3})
        assert begun.wait(10)
        server.should_exit = True
        assert answer.result()[0] == 200


def test_a_model_that_fails_fails_one_request(toy):
    class Broken(type(toy())):
        def sample_noise(self, incident, noise):
            if incident.energy[0] > 500:
                raise BadValue("model", "broken", "mend it")
            return super().sample_noise(incident, noise)

    with running(Broken(toy().binning, toy(theta=(0.0, 0.0)).trained)) as (_, port):
        for form in ("json", "hdf5"):
            assert ask(port, {"energy": 600, "format": form})[0] == 422
            assert ask(port, {"energy": 400, "format": form})[0] == 200


def test_words_and_numbers_mean_the_same(toy):
    trained = toy(particles=(-11, 11)).trained
    words = Asked(energy=["1GeV", "2GeV"], n=3, particle="e+", theta="10deg", phi="90deg")
    numbers = Asked(energy=[1000, 2000], n=3, particle=-11, theta=np.pi / 18, phi=np.pi / 2)
    for name in ("energy", "pdg", "theta", "phi"):
        first, second = (getattr(incident_of(asked, trained, 10), name) for asked in (words, numbers))
        np.testing.assert_allclose(first, second)
    assert incident_of(words, trained, 10).energy.tolist() == [1000, 2000, 1000]
    with pytest.raises(BadValue, match="say which"):
        incident_of(Asked(energy=1000, particle=11), trained, 10)


@pytest.mark.parametrize("limits", [{"showers": 0}, {"batch": 0}, {"body": -1}, {"wait": 2.0}, {"wait": float("nan")}])
def test_limits_that_let_nothing_through_are_refused(limits):
    with pytest.raises(BadValue):
        Limits(**limits)


@pytest.mark.slow
def test_the_command_serves_a_model_and_stops_when_it_is_told():
    """A process as a user starts it, with a model that comes with caloforge, ended by SIGTERM."""
    code = "from caloforge.cli.main import run; run()"
    command = [sys.executable, "-c", code, "serve", "vae-siw-1080", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            port = int(process.stderr.readline().partition("/showers")[0].rpartition(":")[2])
            status, body = ask(port, {"energy": "10GeV", "n": 3, "seed": 4})
            again = ask(port, {"energy": "10GeV", "n": 3, "seed": 4})[1]
        finally:
            process.terminate()
        process.wait(30)
    assert status == 200
    assert body == again
    showers = np.array(json.loads(body)["showers"])
    assert showers.shape == (3, 1080)
    assert 0.02 < showers.sum() / 30_000 < 0.05
