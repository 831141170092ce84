"""The command: one sentence where it cannot work, one file where it can, a server of this machine alone."""

import threading
import urllib.error
import urllib.request

import pytest

from caloforge.data.writer import write_showers
from caloforge.display.server import serve_display


@pytest.fixture
def file(tmp_path, showers):
    path = tmp_path / "showers.h5"
    write_showers(path, showers[:200], "test", {})
    return path


def test_a_file_becomes_one_page(call, file, tmp_path):
    page = tmp_path / "page.html"
    code, out, _ = call("show", file, "--export", page, "-n", 5)
    assert code == 0
    assert out.startswith(f"{page} (")
    assert page.stat().st_size < 1.2e6
    before = page.read_bytes()
    code, _, err = call("show", file, "--export", page)
    assert code == 1
    assert "the file exists" in err
    assert page.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nothing.h5"], "no such file, folder or model"),
        (["FILE", "--truth", "bundled"], "give --model"),
        (["vae-siw-1080", "--model", "wgan-siw-1080"], "give the file with --truth"),
        (["FILE", "--model", "vae-siw-1080"], "binnings differ"),
        (["FILE", "--export", "FOLDER"], "it is a folder"),
        (["FILE", "--export", "FOLDER/no/page.html"], "the folder is missing"),
        (["FILE", "--export", "FILE", "--overwrite"], "it is an input"),
    ],
    ids=lambda words: "-".join(words) if isinstance(words, list) else None,
)
def test_what_cannot_be_shown_gets_a_sentence(call, file, tmp_path, words, sentence):
    before = file.read_bytes()
    words = [word.replace("FILE", str(file)).replace("FOLDER", str(tmp_path)) for word in words]
    export = [] if "--export" in words else ["--export", tmp_path / "page.html"]
    code, out, err = call("show", *words, *export)
    assert (code, out) == (1, "")
    assert sentence in err
    assert sum(line.startswith("caloforge:") and "warning" not in line for line in err.splitlines()) == 1
    assert file.read_bytes() == before
    assert not (tmp_path / "page.html").exists()


def test_the_server_gives_the_page_and_its_files_and_nothing_else():
    address = []

    def ready(where):
        address.append(where)
        started.set()

    started = threading.Event()
    files = {"/": b"<p>page", "/model.onnx.gz": b"graph"}
    threading.Thread(target=serve_display, args=(files, 0, ready), daemon=True).start()
    assert started.wait(10)
    assert address[0].startswith("http://127.0.0.1:")
    for path, content in files.items():
        with urllib.request.urlopen(address[0] + path[1:]) as answer:
            assert answer.read() == content
    with pytest.raises(urllib.error.HTTPError, match="404") as refused:
        urllib.request.urlopen(address[0] + "../etc/passwd")
    refused.value.close()
