"""Models as folders to give away, and on a hub: a server on this machine that speaks like it."""

from __future__ import annotations

import json
import re
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import sketchrnn
from hub_server import Hub, hub_server
from sketchrnn.api import Model
from sketchrnn.cli import main
from sketchrnn.errors import SketchRNNError
from sketchrnn.runs import CONFIG, MODEL, DataFacts, read_config, starter_names, weights_place
from sketchrnn.share.hub import PATIENCE_S
from sketchrnn.share.pretrained import FILES
from test_model import make_model

huggingface_hub = pytest.importorskip("huggingface_hub")

NAME = "ann/little-cats"
AT_ONCE_S = 3.0  # a busy machine's time for what takes a tenth of a second


@pytest.fixture(scope="module")
def model() -> Model:
    return make_model(classes=("cat", "a|b_c"))


@pytest.fixture(scope="module")
def saved(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("give") / "away"
    model.save_pretrained(folder, licence="mit")
    return folder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """An empty hub, and an empty cache."""
    from huggingface_hub import constants

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with hub_server() as server:
        template = server.address + "/{repo_id}/resolve/{revision}/{filename}"
        for name, value in {
            "ENDPOINT": server.address,
            "HUGGINGFACE_CO_URL_TEMPLATE": template,
            "HF_HUB_CACHE": str(tmp_path / "cache"),
            "HF_HUB_OFFLINE": False,
            "HF_HUB_DISABLE_XET": True,
            "HF_HUB_DISABLE_PROGRESS_BARS": True,
        }.items():
            monkeypatch.setattr(constants, name, value)
        yield server
        huggingface_hub.close_session()


def put(hub: Hub, folder: Path, name: str = NAME) -> dict[str, bytes]:
    hub.models[name] = {path.name: path.read_bytes() for path in folder.iterdir()}
    return hub.models[name]


def assert_same(model: Model, other: Model) -> None:
    assert (model.config, model.facts) == (other.config, other.facts)
    state = other.network.state_dict()
    for name, value in model.network.state_dict().items():
        assert torch.equal(value, state[name])


def refusal(name: Any, **options: Any) -> str:
    """The message of a refusal, which comes at once and on one line."""
    begun = time.monotonic()
    with pytest.raises(SketchRNNError) as caught:
        sketchrnn.from_pretrained(name, **options)
    assert time.monotonic() - begun < AT_ONCE_S
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Folders -----------------------------------------------------------------------------------------


def test_there_and_back(model: Model, saved: Path) -> None:
    assert {path.name for path in saved.iterdir()} == set(FILES)
    for load in (sketchrnn.from_pretrained, Model.from_pretrained, sketchrnn.load):
        back = load(saved)
        assert_same(model, back)
        assert back.name == "away"
    assert back.generate(2, seed=3) == model.generate(2, seed=3)
    live = sketchrnn.load_live(saved).generate(1, seed=3)[0]
    for line, other in zip(live.polylines, model.generate(1, seed=3)[0].polylines, strict=True):
        np.testing.assert_allclose(line, other, atol=1e-2)


@pytest.mark.parametrize("conditional", [True, False])
def test_every_kind(conditional: bool, tmp_path: Path) -> None:
    model = make_model(conditional=conditional, decoder_cell="hyper")
    assert model.save_pretrained(tmp_path) == [tmp_path / name for name in FILES]
    assert_same(model, sketchrnn.from_pretrained(str(tmp_path)))


def test_the_paths_of_the_data_stay_at_home(tmp_path: Path) -> None:
    facts = DataFacts(scale=2.0, classes=("cat",), sources=("/secret/cat.npz",))
    Model(make_model().network, facts).save_pretrained(tmp_path / "deep" / "cat")
    for name in (CONFIG, "README.md"):
        text = (tmp_path / "deep" / "cat" / name).read_text("utf-8")
        assert "secret" not in text
        assert str(tmp_path) not in text
    assert read_config(tmp_path / "deep" / "cat").data.sources == ()


def test_starters_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = starter_names()[0]
    assert_same(sketchrnn.from_pretrained(name), sketchrnn.load(name))


def test_the_verbs_take_such_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_model(N_max=120).save_pretrained("saved")
    assert main(["generate", "saved", "-n", "1", "--seed", "1", "-o", "a.svg"]) == 0
    assert main(["reconstruct", "saved", "a.svg", "-o", "b.svg"]) == 0
    capsys.readouterr()
    assert main(["evaluate", "saved", "doodles:20:1:pig_head", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n"] > 0
    with pytest.raises(SketchRNNError, match="its best weights only; leave out --which last"):
        sketchrnn.load("saved", which="last")


def test_best_weights_of_a_training_come_first(tmp_path: Path) -> None:
    for name in (MODEL, "best.safetensors"):
        (tmp_path / name).touch()
        assert weights_place(tmp_path, "best") == (tmp_path / name, "")


def test_places_that_cannot_be(model: Model, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SketchRNNError, match="file: is no folder"):
        model.save_pretrained(tmp_path / "file")
    for name in ("best.safetensors", "last.safetensors"):
        (tmp_path / name).touch()
        with pytest.raises(SketchRNNError, match="is a run folder, which stays as it is"):
            model.save_pretrained(tmp_path)
        (tmp_path / name).unlink()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_all_files_or_none(
    model: Model, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full at the last file."""
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.name.startswith(f".{FILES[-1]}") and saved in path.parents:
            raise OSError("no space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        model.save_pretrained(saved, licence="other")
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before


def test_the_card(tmp_path: Path) -> None:
    summary = {"n": 1200, "split": "test", "L_R": {"mean": -0.5, "stderr": 0.01}, "L_KL": None}
    facts = DataFacts(
        scale=30.0,
        classes=("cat", "a|b_c"),
        mean_length=41.26,
        counts={"train": 7000, "valid": 100},
        provenance=("cat.npz: 7,000 of\n70,000",),
    )
    Model(make_model().network, facts, "little cats").save_pretrained(
        tmp_path,
        licence="cc-by-4.0",
        data_licence="CC BY 4.0, by Google",
        about="Drawn on a *train*.",
        datasets=["google/quickdraw: all"],
        measured=summary,
    )
    card = (tmp_path / "README.md").read_text("utf-8")
    data = huggingface_hub.ModelCard(card).data.to_dict()  # as the hub reads it
    assert data["license"] == "cc-by-4.0"
    assert data["library_name"] == "sketchrnn"
    assert data["datasets"] == ["google/quickdraw: all"]
    assert "sketch-rnn" in data["tags"]
    for text in (
        *("# little cats: a sketch-rnn model of cat, a\\|b\\_c", "CC BY 4.0, by Google"),
        *("Drawn on a *train*.", "7,000 to train, 100 to validate", "cat.npz: 7,000 of 70,000"),
        *("mean length 41.3", "on 1,200 drawings of the test split", "| -0.500 | 0.010 |"),
        *("(sheet.png)", f"from_pretrained({json.dumps(tmp_path.name)})"),
    ):
        assert text in card
    (code,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    compile(code, "card", "exec")


def test_a_card_of_which_nothing_was_said(saved: Path) -> None:
    card = (saved / "README.md").read_text("utf-8")
    data = huggingface_hub.ModelCard(card).data.to_dict()
    assert data["license"] == "mit"
    assert "datasets" not in data
    assert "**Licence of the drawings**: not said" in card
    assert "Measured" not in card
    with pytest.raises(TypeError, match="license"):
        make_model().save_pretrained(saved, license="mit")  # type: ignore[call-arg]


# The hub -----------------------------------------------------------------------------------------


def test_fetched_are_two_files_and_no_more(model: Model, saved: Path, hub: Hub) -> None:
    put(hub, saved)["pytorch_model.bin"] = b"a pickle"
    fetched = sketchrnn.from_pretrained(NAME)
    assert_same(model, fetched)
    assert fetched.name == "little-cats"
    files = {asked.rpartition("/")[2] for asked in hub.asked if "/resolve/" in asked}
    assert files == {CONFIG, MODEL}


def test_a_revision(model: Model, saved: Path, hub: Hub) -> None:
    put(hub, saved)
    assert_same(model, sketchrnn.from_pretrained(NAME, revision=hub.commit_of(NAME)))
    assert "it has no such revision" in refusal(NAME, revision="v7")


def test_a_folder_comes_before_the_network(
    model: Model, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model.save_pretrained(NAME)
    assert_same(model, sketchrnn.from_pretrained(NAME))
    (tmp_path / "bob" / "empty").mkdir(parents=True)
    assert "it has no config.json" in refusal("bob/empty")
    assert "there is no such run folder" in refusal("nobody")
    assert "there is no such run folder" in refusal(tmp_path / "nobody")
    assert "there is no such run folder" in refusal("../ann")
    assert hub.asked == []


def test_without_a_network(
    model: Model, saved: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offline, or nobody answers: at once, in words; what was fetched before is used."""
    from huggingface_hub import constants

    put(hub, saved)
    sketchrnn.from_pretrained(NAME)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        for name, value in (("HF_HUB_OFFLINE", True), ("ENDPOINT", closed)):
            with monkeypatch.context() as patch:
                patch.setattr(constants, name, value)
                huggingface_hub.close_session()
                message = refusal("ann/other")
                assert "no such folder here, no copy in the hub's cache" in message
                assert "offline mode" in message or "refused" in message
                assert_same(model, sketchrnn.from_pretrained(NAME))
                with pytest.raises(SketchRNNError, match="could not be sent"):
                    model.push_to_hub(NAME)


def test_a_hub_that_accepts_and_stays_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        huggingface_hub.close_session()
        started = time.monotonic()
        with pytest.raises(SketchRNNError, match="the hub cannot be reached"):
            sketchrnn.from_pretrained("ann/silent")
        assert time.monotonic() - started < 2.5 * PATIENCE_S


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_hub_that_is_ill(status: int, hub: Hub) -> None:
    hub.status = status
    assert str(status) in refusal(NAME)


def test_what_is_no_model(saved: Path, hub: Hub) -> None:
    assert "nor a model of that name on the hub" in refusal(NAME)
    hub.models[NAME] = {"README.md": b"hello"}
    assert refusal(NAME) == f"{NAME}: is no sketchrnn model: it has no config.json"
    put(hub, saved)[CONFIG] = b'{"model_type": "bert"}'
    assert "is no sketchrnn model" in refusal(NAME)
    assert not any(asked.endswith(MODEL) for asked in hub.asked)  # not fetched in vain
    put(hub, saved)[MODEL] = b"\0" * 100
    assert "not a weight file, or damaged" in refusal(NAME)
    content = put(hub, saved)[MODEL]
    hub.models[NAME][MODEL] = content[:-10]
    assert "not a weight file, or damaged" in refusal(NAME)
    for name in (CONFIG, MODEL):
        put(hub, saved)
        hub.claimed_bytes = {name: 10**12}
        assert f"its {name} has 1,000,000,000,000 bytes" in refusal(NAME)


def test_without_the_package(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert "needs the package huggingface_hub: pip install 'sketchrnn[hub]'" in refusal(NAME)
    with pytest.raises(SketchRNNError, match="needs the package huggingface_hub"):
        model.push_to_hub(NAME)


def test_pushed_and_fetched(model: Model, hub: Hub) -> None:
    address = model.push_to_hub(NAME, token="hf_test", licence="mit", about="Hello.")
    assert address == f"{hub.address}/{NAME}"
    assert set(hub.models[NAME]) == set(FILES)
    card = hub.models[NAME]["README.md"].decode("utf-8")
    assert "Hello." in card
    assert f'from_pretrained("{NAME}")' in card
    assert_same(model, sketchrnn.from_pretrained(NAME))
    hub.status = 403
    with pytest.raises(SketchRNNError, match=r"could not be sent.*log in with"):
        model.push_to_hub(NAME, token="hf_test")
    with pytest.raises(SketchRNNError, match="is named OWNER/NAME"):
        model.push_to_hub("cats")
