"""Models handed on: whole or not at all, by hashes, through folders and through what huggingface_hub is asked for."""

import hashlib
import inspect
import json
import shutil
from pathlib import Path

import pytest
import yaml

from caloforge.deployment import hub
from caloforge.deployment.hub import INDEX, Place, files_of, place_of, pull, push
from caloforge.deployment.open_model import model_identity
from caloforge.errors import BadFile, BadValue, MissingExtra, UnwritablePath
from caloforge.reporting.citation import bibtex, cff
from caloforge.training.folders import run_folder

RUN = run_folder("vae-siw-1080")


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pushed(tmp_path):
    push(RUN, Place(tmp_path / "shelf"))
    return tmp_path / "shelf"


def test_what_is_pulled_is_what_was_pushed(tmp_path):
    work = tmp_path / "work"
    shutil.copytree(RUN, work)
    (work / "state.pt").write_bytes(b"only to resume")
    (work / "notes.txt").write_text("mine")
    assert push(work, place_of(str(tmp_path / "shelf"))) == str(tmp_path / "shelf")
    pull(place_of(str(tmp_path / "shelf")), tmp_path / "copy")
    copy = contents(tmp_path / "copy")
    assert copy.pop(INDEX) == (tmp_path / "shelf" / INDEX).read_bytes()
    assert copy == contents(RUN)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_bundle_and_an_ensemble_travel_too(toy_bundle, tmp_path):
    bundle, ensemble = toy_bundle(), tmp_path / "ensemble"
    (bundle / "README.md").write_text("a card")
    manifest = json.loads((bundle / "bundle.json").read_text())
    snippet = b"# of DDML, which caloforge only hands on"
    (bundle / "ddml_steering.py").write_bytes(snippet)
    manifest["files"]["ddml_steering.py"] = hashlib.sha256(snippet).hexdigest()
    (bundle / "bundle.json").write_text(json.dumps(manifest))
    shutil.copytree(RUN, ensemble / "members" / "1")
    (ensemble / "ensemble.json").write_text("{}")
    (ensemble / "README.md").write_text("a card")
    for i, folder in enumerate((bundle, ensemble)):
        push(folder, Place(tmp_path / f"shelf{i}"))
        pull(Place(tmp_path / f"shelf{i}"), tmp_path / f"copy{i}")
        copy = contents(tmp_path / f"copy{i}")
        copy.pop(INDEX)
        assert copy == contents(folder)


@pytest.mark.parametrize("name", ["weights.safetensors", "config.yaml"])
def test_a_changed_file_leaves_nothing(tmp_path, name):
    shelf = pushed(tmp_path)
    content = (shelf / name).read_bytes()
    (shelf / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(BadFile, match="hash"):
        pull(Place(shelf), tmp_path / "copy")
    (shelf / name).unlink()
    with pytest.raises(BadFile, match="missing"):
        pull(Place(shelf), tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("name", ["../x.json", "/tmp/x.json", "state.pt", "members/../x.json", "code.py", ""])
def test_a_list_with_other_than_files_of_models_is_refused(tmp_path, name):
    shelf = pushed(tmp_path)
    index = json.loads((shelf / INDEX).read_text())
    index["files"][name] = "0" * 64
    (shelf / INDEX).write_text(json.dumps(index))
    with pytest.raises(BadFile, match="no file of a model"):
        pull(Place(shelf), tmp_path / "copy")


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    shelf = pushed(tmp_path)
    shutil.move(shelf / "config.yaml", tmp_path / "elsewhere.yaml")
    (shelf / "config.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    with pytest.raises(BadFile, match="missing"):
        pull(Place(shelf), tmp_path / "copy")


@pytest.mark.parametrize("text", [None, "", "[]", '{"files": 3}', "{"])
def test_a_folder_that_nobody_pushed_is_refused(tmp_path, text):
    (tmp_path / "shelf").mkdir()
    if text is not None:
        (tmp_path / "shelf" / INDEX).write_text(text)
    with pytest.raises(BadFile, match="no model that caloforge pushed"):
        pull(Place(tmp_path / "shelf"), tmp_path / "copy")


def test_nothing_is_replaced_and_nothing_goes_without_a_card(tmp_path, toy_bundle):
    shelf = pushed(tmp_path)
    with pytest.raises(UnwritablePath, match="something already"):
        push(RUN, Place(shelf))
    with pytest.raises(UnwritablePath, match="something already"):
        pull(Place(shelf), shelf)
    bundle = toy_bundle()
    with pytest.raises(BadFile, match="no card"):
        files_of(bundle)
    (bundle / "README.md").write_text("a card")
    (bundle / "model.onnx").write_bytes(b"another graph")
    with pytest.raises(BadFile, match="hash"):
        files_of(bundle)
    with pytest.raises(BadFile, match="neither a finished run nor a bundle"):
        files_of(tmp_path)


def test_addresses():
    assert place_of("owner/name") == Place(repository="owner/name")
    assert place_of("owner/name@v1.0") == Place(repository="owner/name", revision="v1.0")
    assert place_of("./runs/mine") == Place(folder=Path("runs/mine"))
    for address in ("name", "a/b/c", "https://x.y/z", "owner/", ""):
        with pytest.raises(BadValue, match="owner/name"):
            place_of(address)


def test_the_hub_is_asked_for_the_listed_files_and_nothing_else(tmp_path, monkeypatch):
    """A stand-in that keeps repositories in folders; its calls must fit the signatures of huggingface_hub."""
    huggingface_hub = pytest.importorskip("huggingface_hub")
    real, asked = (huggingface_hub.HfApi, huggingface_hub.snapshot_download), []

    class Api:
        def create_repo(self, *args, **options):
            inspect.signature(real[0].create_repo).bind(None, *args, **options)
            assert options["private"] is True

        def upload_folder(self, **options):
            inspect.signature(real[0].upload_folder).bind(None, **options)
            shutil.copytree(options["folder_path"], tmp_path / "hub" / options["repo_id"])
            return "https://hub.example/commit"

    def download(*args, **options):
        inspect.signature(real[1]).bind(*args, **options)
        asked.append(options["allow_patterns"])
        for name in options["allow_patterns"]:
            target = Path(options["local_dir"], name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(tmp_path / "hub" / args[0] / name, target)

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert push(RUN, place_of("owner/name")) == "https://hub.example/commit"
    (tmp_path / "hub" / "owner" / "name" / "surprise.py").write_text("")
    pull(place_of("owner/name"), tmp_path / "copy")
    assert asked[0] == [INDEX]
    assert set(asked[1]) == {INDEX, *contents(RUN)}
    with pytest.raises(BadFile, match=r"owner/none on the Hub"):
        pull(place_of("owner/none"), tmp_path / "other")
    monkeypatch.setattr(hub, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"caloforge\[hub\]"):
        pull(place_of("owner/name"), tmp_path / "other")


def test_how_to_cite():
    """CITATION.cff is what the command prints; a model is named by the hash of its weights."""
    root = Path(__file__).parents[2]
    assert yaml.safe_load((root / "CITATION.cff").read_text()) == yaml.safe_load(cff())
    digest, version = model_identity("vae-siw-1080")
    entry = bibtex("vae_siw-1080", digest, version).split("\n\n")[1]
    assert entry.startswith("@misc{caloforge-vae-siw-1080,")
    assert r"vae\_siw-1080" in entry
    assert digest in entry
    assert entry.count("{") == entry.count("}")
