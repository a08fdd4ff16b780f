"""Training curves and the page."""

from __future__ import annotations

import base64
import builtins
import io
import json
import math
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from sketchrnn.demo.webpage import Section, write_page
from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.curves import loss_curves, loss_curves_svg
from sketchrnn.figures.sheet import SketchSheet
from sketchrnn.files import write_text
from sketchrnn.sketch import Sketch

SHEET = SketchSheet([[Sketch.from_polylines([[[0, 0], [5, 9], [8, 2]]])]], title="One").to_svg()


def train(step: int, **changes: float) -> dict[str, object]:
    record = {
        "L_R": 2 - step / 1000,
        "L_s": 1.5,
        "L_p": 0.5,
        "L_KL": 0.3,
        "kl_weight": step / 1000,
        "learning_rate": 1e-3,
        "sketches_per_s": 200.0,
        "seconds": step / 2,
    }
    return {"kind": "train", "step": step} | record | changes


def evaluation(step: int) -> dict[str, object]:
    return {"kind": "evaluate", "step": step, "L_R": 1.9, "L_s": 1.4, "L_KL": 0.2, "loss": 2.0}


LOG = [train(step) for step in range(10, 510, 10)] + [evaluation(250), evaluation(500)]


def without(record: Mapping[str, object], *keys: str) -> dict[str, object]:
    return {key: value for key, value in record.items() if key not in keys}


def curves_of(svg: str) -> list[np.ndarray]:
    """The points [n, 2] of each curve in matplotlib's SVG: paths of the line groups with a clip."""
    return [
        np.array([[float(n) for n in pair.split()] for pair in re.split("[ML]", path)[1:]])
        for path in re.findall(r'<g id="line2d_\d+">\s*<path d="([^"]+)" clip-path', svg)
    ]


def panels(svg: str) -> int:
    return len(re.findall(r'<g id="axes_\d+">', svg))


def test_the_curves_show_the_log() -> None:
    svg = loss_curves_svg(LOG)
    ElementTree.fromstring(svg)
    assert panels(svg) == 5  # L_R, L_KL, its weight on the right, learning rate, speed
    curves = [curve for curve in curves_of(svg) if np.ptp(curve[:, 0]) > 0]
    falling = [c for c in curves if len(c) > 1 and (np.diff(c[:, 1]) > 0).all()]  # y points down
    rising = [c for c in curves if len(c) > 1 and (np.diff(c[:, 1]) < 0).all()]
    assert len(falling) == 1, "L_R in training"
    assert len(rising) == 1, "the weight of KL"
    slope = np.diff(falling[0], axis=0)
    np.testing.assert_allclose(slope[:, 1] / slope[:, 0], slope[0, 1] / slope[0, 0], rtol=1e-3)


def test_the_same_log_gives_the_same_bytes() -> None:
    svg = loss_curves_svg(LOG)
    assert svg == loss_curves_svg(list(LOG))
    assert "<dc:date>" not in svg
    assert "<text" not in svg, "labels are outlines: no font is needed"


def test_a_decoder_only_run_has_no_L_KL() -> None:
    log = [without(record, "L_KL", "kl_weight") for record in LOG]
    assert panels(loss_curves_svg(log)) == 3
    only = [without(r, "L_KL", "kl_weight", "learning_rate", "sketches_per_s") for r in LOG]
    assert panels(loss_curves_svg(only)) == 1


def test_a_resumed_run_counts_each_step_once() -> None:
    redone = [train(step) for step in range(300, 410, 10)]
    wrong = [train(step, L_R=9.0) for step in range(300, 410, 10)]
    before = [record for record in LOG if record["step"] < 300]
    after = [record for record in LOG if record["step"] > 400]
    assert loss_curves_svg([*before, *wrong, *redone, *after]) == loss_curves_svg(LOG)


def test_losses_that_are_not_finite_are_left_out() -> None:
    log = [*LOG, train(505, L_R=math.nan, L_KL=math.inf)]
    assert "nan" not in "".join(re.findall(r' d="([^"]+)"', loss_curves_svg(log)))


@pytest.mark.parametrize("log", [[train(1)], [evaluation(1)], [train(1), evaluation(1)]])
def test_a_log_of_one_step(log: list) -> None:
    ElementTree.fromstring(loss_curves_svg(log))


@pytest.mark.parametrize("log", [[], [{"kind": "note", "step": 1}], [train(1, L_R=math.nan)]])
def test_a_log_without_losses_is_refused(log: list) -> None:
    with pytest.raises(SketchRNNError, match="no L_R yet"):
        loss_curves_svg(log)


def test_files_of_curves(tmp_path: Path) -> None:
    loss_curves(LOG, tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text() == loss_curves_svg(LOG)
    loss_curves(LOG, tmp_path / "a.png")
    with Image.open(io.BytesIO((tmp_path / "a.png").read_bytes())) as image:
        assert image.size[0] == 1800
        assert 0.005 < (np.asarray(image.convert("L")) < 200).mean() < 0.2
    with pytest.raises(SketchRNNError, match=r"a\.gif: unknown ending"):
        loss_curves(LOG, tmp_path / "a.gif")


def test_without_matplotlib_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = builtins.__import__

    def without_matplotlib(name: str, *args: object) -> object:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", without_matplotlib)
    with pytest.raises(SketchRNNError, match=r"needs matplotlib: install it.*\[plots\]"):
        loss_curves_svg(LOG)


class Reader(HTMLParser):
    """Collects tags, checks that they are closed, and keeps the text inside each kind of tag."""

    VOID = frozenset({"meta", "link", "img", "rect", "path", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and data.strip():
            self.text.setdefault(self.open[-1], []).append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "demo" / "index.html"
    write_page(
        path,
        "Drawings <& more>",
        "What it is.",
        [
            Section("First", "Why.", SHEET, "A caption.", command='sketchrnn train "a b" -o <RUN>'),
            Section("Curves", svg=loss_curves_svg(LOG), caption="Losses"),
            Section("Curves again", svg=loss_curves_svg(LOG)),
            Section("Numbers", table=[["", "L_R"], ["test", "-0.2"]]),
        ],
    )
    return path.read_text(encoding="utf-8")


def test_the_page_holds_everything(page: str) -> None:
    reader = Reader(page)
    assert reader.text["h1"] == ["Drawings <& more>"]
    assert reader.text["h2"] == ["First", "Curves", "Curves again", "Numbers"]
    assert reader.text["code"] == ['sketchrnn train "a b" -o <RUN>']
    assert reader.text["figcaption"] == ["A caption.", "Losses"]
    assert reader.text["th"] == ["L_R", "test"]
    assert reader.text["td"] == ["-0.2"]
    (svg,) = reader.all("svg")
    assert svg["viewbox"] == ElementTree.fromstring(SHEET).attrib["viewBox"]
    assert [image["alt"] for image in reader.all("img")] == ["Losses", "Curves again"]
    for image in reader.all("img"):
        data = str(image["src"]).removeprefix("data:image/svg+xml;base64,")
        assert base64.b64decode(data).decode() == loss_curves_svg(LOG)


def test_the_page_needs_nothing_from_elsewhere(page: str) -> None:
    reader = Reader(page)
    assert not reader.all("script")
    for _, attributes in reader.tags:
        for name in ("src", "href", "srcset", "xlink:href"):
            assert (attributes.get(name) or "data:").startswith("data:")
    (style,) = reader.text["style"]
    assert "url(" not in style
    assert "@import" not in style


def test_ids_on_the_page_do_not_collide(page: str) -> None:
    assert " id=" in loss_curves_svg(LOG), "else this test says nothing"
    ids = [attributes["id"] for _, attributes in Reader(page).tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_a_bad_figure_leaves_the_old_page(tmp_path: Path) -> None:
    write_text(tmp_path / "index.html", "old")
    with pytest.raises(SketchRNNError, match="figure 'Bad' is not an SVG"):
        write_page(tmp_path / "index.html", "T", "", [Section("Bad", svg=json.dumps({}))])
    assert (tmp_path / "index.html").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]
