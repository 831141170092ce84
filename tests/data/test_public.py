"""Public sets by name, against a real server on this machine: resumed, verified, refused, and told what to fetch."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from caloforge.data.public import download as downloading
from caloforge.data.public import get as getting
from caloforge.data.public.download import Unreachable, download
from caloforge.data.public.get import NoNetwork, get_set
from caloforge.data.public.sets import PUBLIC_SETS, PublicFile, PublicSet, public_set
from caloforge.errors import BadFile, BadValue, UnknownName, UnwritablePath
from caloforge.geometry.readouts import READOUTS

CONTENT = bytes(i * i % 251 for i in range(300_000))
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Files with ranges, as a faithful server gives them, unless told to break."""

    def log_message(self, *words):
        pass

    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers.get("Range")))
        content = server.files.get(self.path.partition("?")[0])
        if content is None:
            self.send_error(404)
            return
        start = 0
        if server.ranges and (wanted := self.headers.get("Range")):
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        cut = server.cuts.pop(0) if server.cuts else len(content)
        self.wfile.write(content[start : start + cut])


@pytest.fixture
def server(monkeypatch):
    """A server for one test: what it has, what it was asked, and after how many bytes it hangs up."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.files, server.asked, server.cuts, server.ranges = {}, [], [], True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setattr(getting, "ZENODO", server.url)
    monkeypatch.setattr(downloading, "_PAUSE", 0.0)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def known(server):
    """A set whose checksum is known, with its file on the server."""
    server.files["/records/7/files/a b.h5"] = server.files["/records/7/files/a%20b.h5"] = CONTENT
    return PublicSet("known", "a set", 7, (PublicFile("a b.h5", MD5, len(CONTENT)),))


def test_a_file_comes_whole_and_is_not_fetched_twice(server, known, tmp_path):
    steps = []
    files = get_set(known, tmp_path / "new", progress=lambda name, done, total: steps.append((name, done, total)))
    (path,) = files
    assert path.read_bytes() == CONTENT
    assert files[path].size == len(CONTENT)
    assert steps[-1] == ("a b.h5", len(CONTENT), len(CONTENT))
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a b.h5"]
    asked = len(server.asked)
    get_set(known, tmp_path / "new")
    assert len(server.asked) == asked


def test_a_broken_connection_is_resumed_where_it_broke(server, known, tmp_path):
    server.cuts = [100_000, 150_000]
    get_set(known, tmp_path)
    assert (tmp_path / "a b.h5").read_bytes() == CONTENT
    assert [wanted for _, wanted in server.asked] == [None, "bytes=100000-", "bytes=250000-"]


def test_what_an_interrupted_call_left_is_gone_on_with(server, known, tmp_path):
    def interrupt(name, done, total):
        if done:
            raise KeyboardInterrupt

    server.cuts = [1000]
    with pytest.raises(KeyboardInterrupt):
        get_set(known, tmp_path, progress=interrupt)
    assert not (tmp_path / "a b.h5").exists()
    get_set(known, tmp_path)
    assert (tmp_path / "a b.h5").read_bytes() == CONTENT
    assert server.asked[-1][1] == "bytes=1000-"


def test_a_server_without_ranges_begins_again(server, known, tmp_path):
    server.ranges, server.cuts = False, [1000]
    get_set(known, tmp_path)
    assert (tmp_path / "a b.h5").read_bytes() == CONTENT


def test_a_connection_that_always_breaks_ends_with_what_to_do(server, known, tmp_path):
    server.cuts = [1000] + [0] * 20
    with pytest.raises(NoNetwork, match="1000 bytes are kept, the same command goes on") as caught:
        get_set(known, tmp_path)
    assert f"({len(CONTENT)} bytes, MD5 {MD5})" in str(caught.value)
    assert not (tmp_path / "a b.h5").exists()


@pytest.mark.parametrize("left", [b"", b"x" * 5000, CONTENT[:5000] + b"x", CONTENT + b"x"])
def test_a_wrong_checksum_is_refused_and_leaves_nothing(server, tmp_path, left):
    """A file that another one stands for, and remains of another one that were gone on with."""
    server.files["/file"] = CONTENT
    (tmp_path / ".file.partial").write_bytes(left)
    wrong = MD5 if left else "0" * 32
    with pytest.raises(BadFile, match=f"and not {wrong}; fetch it again"):
        download(f"{server.url}/file", tmp_path / "file", wrong)
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_way_is_verified_kept_or_replaced_when_told(server, known, tmp_path):
    path = tmp_path / "a b.h5"
    path.write_text("precious")
    with pytest.raises(BadFile, match="--overwrite"):
        get_set(known, tmp_path)
    assert path.read_text() == "precious"
    assert server.asked == []
    get_set(known, tmp_path, overwrite=True)
    assert path.read_bytes() == CONTENT
    (tmp_path / "folder" / "a b.h5").mkdir(parents=True)
    with pytest.raises(UnwritablePath, match="it is a folder"):
        get_set(known, tmp_path / "folder")
    with pytest.raises(UnwritablePath):
        get_set(known, path)


def test_what_is_not_known_is_asked_of_the_record(server, tmp_path):
    files = [{"key": f"{name}.h5", "size": len(CONTENT), "checksum": f"md5:{MD5}"} for name in "ab"]
    server.files["/api/records/9"] = json.dumps({"files": files}).encode()
    server.files |= {f"/records/9/files/{name}.h5": CONTENT for name in "ab"}
    get_set(public_set("zenodo:9"), tmp_path, names=["b.h5"])
    assert [path.name for path in tmp_path.iterdir()] == ["b.h5"]
    with pytest.raises(UnknownName, match=r"choose one of a\.h5, b\.h5"):
        get_set(public_set("zenodo:9"), tmp_path, names=["c.h5"])
    other = PublicSet("other", "", 9, (PublicFile("a.h5", "0" * 32), PublicFile("b.h5")))
    with pytest.raises(BadFile, match="there and 0000"):
        get_set(other, tmp_path)


@pytest.mark.parametrize(
    "answer",
    [
        "[]",
        '{"files": [{"key": "a"}]}',
        json.dumps({"files": [{"key": "../a", "size": 1, "checksum": f"md5:{MD5}"}]}),
        json.dumps({"files": [{"key": "..", "size": 1, "checksum": f"md5:{MD5}"}]}),
        '{"files": [{"key": "a", "size": 1, "checksum": "crc:1"}]}',
        "<html>",
    ],
)
def test_a_record_that_makes_no_sense_is_refused(server, tmp_path, answer):
    server.files["/api/records/9"] = answer.encode()
    with pytest.raises((BadFile, NoNetwork)) as caught:
        get_set(public_set("zenodo:9"), tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_a_small_disk_is_noticed_before(server, known, tmp_path, monkeypatch):
    monkeypatch.setattr(downloading.shutil, "disk_usage", lambda path: type("usage", (), {"free": 10}))
    with pytest.raises(UnwritablePath, match="are needed"):
        get_set(known, tmp_path)
    assert not (tmp_path / "a b.h5").exists()


def test_without_a_network_the_command_says_what_to_fetch(call, tmp_path, monkeypatch, server):
    server.shutdown()
    server.server_close()
    monkeypatch.chdir(tmp_path)
    code, out, err = call("data", "get", "calochallenge-2", "-o", "here")
    assert (code, out) == (1, "")
    for word in (
        "dataset_2_1.hdf5",
        "dataset_2_2.hdf5",
        "1356475617 bytes",
        "e590333e9a2da51b258288d74bd8357a",
        "here",
    ):
        assert word in err
    assert "6366271/files" in err
    code, _, err = call("data", "get", "zenodo:5")
    assert code == 1
    assert "all files of" in err


def test_files_that_were_brought_by_hand_are_verified_without_a_network(known, tmp_path, server):
    server.shutdown()
    server.server_close()
    (tmp_path / "a b.h5").write_bytes(CONTENT)
    assert list(get_set(known, tmp_path)) == [tmp_path / "a b.h5"]


def test_the_command_lists_and_fetches(call, tmp_path, known, monkeypatch):
    monkeypatch.setitem(PUBLIC_SETS, "known", known)
    code, out, _ = call("data", "list")
    assert code == 0
    assert "calochallenge-3" in out
    assert "8099322" in out
    assert {s["name"] for s in json.loads(call("data", "list", "--json")[1])} == set(PUBLIC_SETS)
    code, out, _ = call("data", "get", "known", "-o", tmp_path / "out", "--json")
    assert code == 0
    assert json.loads(out)["files"][0]["md5"] == MD5


def test_names_that_are_none(call):
    with pytest.raises(UnknownName, match="did you mean calochallenge-2"):
        public_set("calochalenge-2")
    with pytest.raises(BadValue, match=r"arXiv:2509\.05108: give it as zenodo:NUMBER"):
        public_set("lemurs")
    with pytest.raises(UnknownName):
        public_set("zenodo:../7")


def test_sets_name_meshes_that_there_are_and_checksums_of_the_right_form():
    for chosen in PUBLIC_SETS.values():
        assert chosen.mesh is None or chosen.mesh in READOUTS
        for file in chosen.files:
            assert len(bytes.fromhex(file.md5)) == 16
    assert len({file.md5 for chosen in PUBLIC_SETS.values() for file in chosen.files}) == 10


def test_a_server_that_refuses_is_not_asked_again(server, tmp_path):
    with pytest.raises(Unreachable, match="the server answers 404"):
        download(f"{server.url}/none", tmp_path / "none", MD5)
    assert len(server.asked) == 1
