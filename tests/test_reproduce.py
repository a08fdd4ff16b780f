"""`sketchrnn reproduce`: the paper's tables and figures."""

from __future__ import annotations

import csv
import json
import shutil
import signal
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import scipy.stats

from sketchrnn.api import load
from sketchrnn.data.dataset import Dataset
from sketchrnn.data.doodles import doodles_dataset
from sketchrnn.data.formats import sketches
from sketchrnn.data.sources import read_source
from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.sheet import SketchSheet
from sketchrnn.paper.drawings import beginning, hybrid, wishes
from sketchrnn.paper.panels import Panels
from sketchrnn.paper.printed import (
    COLUMNS,
    COMPARISONS,
    DECODER_ONLY,
    TABLE_1,
    MeanLoss,
    Verdict,
    printed_row,
    verdicts,
)
from sketchrnn.paper.table1 import (
    CSV,
    MARKDOWN,
    find_data,
    read_results,
    table_1,
    trials_of,
)
from sketchrnn.paper.tradeoff import curves_of, trade_off
from sketchrnn.paper.trials import LOSSES, TEST, Recipe, run_experiment
from sketchrnn.runs import read_config
from sketchrnn.sketch import Sketch
from sketchrnn.training import loop
from sketchrnn.training.config import PRESETS, TrainingConfig
from sketchrnn.training.logs import Record, read_log
from sketchrnn.training.terminal import StopSignals, TrainingProgress
from tiny import Shell, do, listing

SIZES = {"encoder_size": 6, "decoder_size": 8, "z_size": 4, "mixtures": 2}
TRAINING = TrainingConfig(batch_size=8, max_steps=4, evaluate_every=2, patience=0)
RECIPE = Recipe(PRESETS["laptop"].model | SIZES, TRAINING)
NAMES = ("pig", "cat+pig")


@pytest.fixture(scope="module", autouse=True)
def _small_and_as_it_was() -> Iterator[None]:
    """Small sheets at each validation; how products are formed stays as it was."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "SHEET_DRAWINGS", 1)
        patch.setattr(loop, "SHEET_TEMPERATURES", (0.5,))
        patch.setattr("sketchrnn.devices.prepare_cpu", lambda: None)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """cat.sketches and pig.sketches: doodles of one class each."""
    folder = tmp_path_factory.mktemp("data")
    for seed, name in enumerate(("cat", "pig")):
        sketches.write(_drawings(name, seed), folder / f"{name}.sketches")
    return folder


def _drawings(name: str, seed: int) -> Dataset:
    """Doodles of one class."""
    return replace(doodles_dataset((40, 8, 8), seed, (f"{name}_head",)), classes=(name,))


@pytest.fixture(scope="module")
def made(data: Path) -> Path:
    """A whole table of two data sets, by the command."""
    out = data.parent / "made"
    do(*_command(data, out), "--datasets", *NAMES, *_flags())
    return out


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


def _flags(**changed: int) -> list[str]:
    """SIZES and TRAINING as flags."""
    numbers = SIZES | {"batch_size": 8, "max_steps": 4, "evaluate_every": 2, "patience": 0}
    return [
        text
        for name, value in (numbers | changed).items()
        for text in (f"--{name.replace('_', '-')}", str(value))
    ]


def _command(data: Path, out: Path) -> list[str | Path]:
    return ["reproduce", "table1", "--data", data, "-o", out, "--device", "cpu"]


def _make(data: Path, out: Path, names: Sequence[str], stop_after: int | None = None) -> int:
    """Make a table, asking to stop after so many steps; returns the steps that were taken."""
    steps = 0

    def show(progress: TrainingProgress, record: Record) -> None:
        nonlocal steps
        steps += record["kind"] == "train"

    def should_stop(signals: StopSignals) -> bool:
        return stop_after is not None and steps >= stop_after

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingProgress, "show", show)
        patch.setattr(StopSignals, "__call__", should_stop)
        table = table_1(out, find_data(data, names)[0], RECIPE)
        finished = run_experiment(table, Namespace(device="cpu", backend="auto"))
    assert finished == all(trial.is_done for trial in table.trials)
    return steps


def _rows(out: Path) -> list[dict[str, str]]:
    with (out / CSV).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _tables(markdown: str) -> list[list[dict[str, str]]]:
    """The tables of a Markdown document, as rows by column name."""
    found: list[list[dict[str, str]]] = []
    for block in markdown.split("\n\n"):
        lines = [
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in block.strip().splitlines()
            if line.startswith("|")
        ]
        if lines:
            found.append([dict(zip(lines[0], line, strict=True)) for line in lines[2:]])
    return found


# The paper's numbers -----------------------------------------------------------------------------


def test_the_published_table_has_the_orders_that_the_paper_claims() -> None:
    for name, row in TABLE_1.items():
        assert tuple(row) == COLUMNS
        L_R = {column: MeanLoss(losses.L_R) for column, losses in row.items()}
        L_KL = {c: MeanLoss(x.L_KL) for c, x in row.items() if x.L_KL is not None}
        assert set(L_KL) == set(COLUMNS) - {DECODER_ONLY}
        found = compared(L_R, L_KL)
        assert len(found) == COMPARISONS
        assert all(verdict.holds and verdict.sure for verdict in found), name


def test_the_published_table_is_the_papers() -> None:
    """Sums of its columns, added up by hand from the paper."""
    assert len(TABLE_1) == 10
    columns = {c: [row[c] for row in TABLE_1.values()] for c in COLUMNS}
    L_R = {c: round(sum(losses.L_R for losses in column), 2) for c, column in columns.items()}
    L_KL = {c: round(sum(x.L_KL or 0 for x in column), 2) for c, column in columns.items()}
    assert L_R == {"1.00": -9.61, "0.50": -11.72, "0.25": -14.83, DECODER_ONLY: -6.54}
    assert L_KL == {"1.00": 2.38, "0.50": 4.83, "0.25": 10.68, DECODER_ONLY: 0}


def test_a_printed_row_is_found_whatever_the_order_of_its_classes() -> None:
    assert printed_row("pig+cat") == TABLE_1["cat+pig"]
    assert printed_row("pig+cat")["0.50"] == (-1.24, 0.49)
    assert printed_row("yoga")["0.25"] == (-1.51, 1.33)
    assert printed_row("yoga")[DECODER_ONLY] == (-0.48, None)
    assert printed_row("pig+face") == {}


# The two orders ----------------------------------------------------------------------------------


def compared(L_R: dict[str, MeanLoss], L_KL: dict[str, MeanLoss]) -> list[Verdict]:
    """The verdicts on losses by column."""
    losses: dict[str, dict[str, MeanLoss]] = {column: {} for column in L_R | L_KL}
    for name, by_column in (("L_R", L_R), ("L_KL", L_KL)):
        for column, loss in by_column.items():
            losses[column][name] = loss
    return verdicts(losses)


def test_verdicts_of_numbers_made_by_hand() -> None:
    L_R = {
        "1.00": MeanLoss(-1.0, 0.03),
        "0.50": MeanLoss(-1.09, 0.04),  # 0.09 apart; sure would be over 2 * 0.05
        "0.25": MeanLoss(-1.05, 0.001),  # rises
        DECODER_ONLY: MeanLoss(-1.07, 0.001),
    }
    L_KL = {"1.00": MeanLoss(0.2, 0.01), "0.50": MeanLoss(0.2, 0.01), "0.25": MeanLoss(0.9, 0.01)}
    found = {verdict.claim: verdict for verdict in compared(L_R, L_KL)}
    assert {claim: (v.holds, v.sure) for claim, v in found.items()} == {
        "L_R falls from w_KL 1.00 to 0.50": (True, False),
        "L_KL rises from w_KL 1.00 to 0.50": (False, False),  # equal is not risen
        "L_R falls from w_KL 0.50 to 0.25": (False, False),
        "L_KL rises from w_KL 0.50 to 0.25": (True, True),
        "L_R of w_KL 1.00 is under that of decoder-only": (False, True),
        "L_R of w_KL 0.50 is under that of decoder-only": (True, False),
        "L_R of w_KL 0.25 is under that of decoder-only": (False, True),
    }
    assert found["L_KL rises from w_KL 0.50 to 0.25"].difference == pytest.approx(0.7)


def test_the_same_drawings_are_compared_one_by_one() -> None:
    """Drawings that differ much from each other, but each by nearly as much between the models."""
    first = np.array([0.1, 2.0, 5.0, 9.0])
    difference = np.array([-0.1, -0.12, -0.11, -0.1])
    means = [MeanLoss(x.mean(), scipy.stats.sem(x), tuple(x)) for x in (first, first + difference)]
    (one,) = compared({DECODER_ONLY: means[0], "0.25": means[1]}, {})
    assert one.holds
    assert one.sure == (abs(difference.mean()) > 2 * scipy.stats.sem(difference))
    assert one.sure
    (apart,) = compared({DECODER_ONLY: means[0]._replace(each=()), "0.25": means[1]}, {})
    assert not apart.sure


def test_only_what_is_there_is_compared() -> None:
    assert compared({"1.00": MeanLoss(-1.0)}, {"1.00": MeanLoss(0.3)}) == []
    (one,) = compared({"0.25": MeanLoss(-1.0), DECODER_ONLY: MeanLoss(-0.5)}, {})
    assert one.holds
    assert one.difference == -0.5


# Making the table --------------------------------------------------------------------------------


def test_every_cell_is_trained_as_its_column_says(made: Path) -> None:
    for name in NAMES:
        for trial in trials_of(made, name):
            config = read_config(trial.run)
            assert config.model.conditional == (trial.column != DECODER_ONLY)
            if trial.column != DECODER_ONLY:
                assert config.training["w_KL"] == float(trial.column)
            assert config.data.classes == tuple(name.split("+"))
            assert len(config.data.sources) == len(name.split("+"))
            assert config.training["max_steps"] == 4
            assert config.model.z_size == 4


def test_the_numbers_are_those_of_evaluate(made: Path, data: Path, shell: Shell) -> None:
    rows = {(row["dataset"], row["model"]): row for row in _rows(made)}
    for name in NAMES:
        files = [data / f"{one}.sketches" for one in name.split("+")]
        for trial in trials_of(made, name):
            assert shell("evaluate", trial.run, *files, "--json", "--device", "cpu") == 0
            said = json.loads(shell.out)
            row = rows[name, trial.title.split(", ")[1]]
            for loss in LOSSES:
                for part, key in ((loss, "mean"), (f"{loss}_stderr", "stderr")):
                    expected = "" if said[loss] is None else said[loss][key]
                    assert row[part] == str(expected), (trial.title, part)
            for fact in ("N_max", "scale", "mean_length", "left_out"):
                assert row[fact] == str(said[fact])
            assert row["test_drawings"] == str(said["n"])
            assert row["training_drawings"] == str(40 * len(files))
            assert row["steps"] == "4"
    assert len(rows) == len(COLUMNS) * len(NAMES)


def test_markdown_and_csv_agree(made: Path) -> None:
    losses, facts, orders = _tables((made / MARKDOWN).read_text("utf-8"))
    rows = _rows(made)
    names = {
        "L_R": "L_R",
        "L_KL": "L_KL, raw",
        "L_R_masked": "L_R, pen masked",
        "nats_per_drawing": "nats a drawing, px",
    }
    assert len(losses) == len(rows)
    for shown, row in zip(losses, rows, strict=True):
        assert (shown["data set"], shown["model"]) == (row["dataset"], row["model"])
        for name, title in names.items():
            decimals = 1 if name == "nats_per_drawing" else 3
            expected = "–"
            if row[name]:
                expected = " ± ".join(
                    f"{float(row[key]):.{decimals}f}" for key in (name, f"{name}_stderr")
                )
            assert shown[title] == expected
        for name in ("L_R", "L_KL"):
            paper = row[f"paper_{name}"]
            assert shown[f"paper's {name}"] == (f"{float(paper):.2f}" if paper else "–")
        floored = row["L_KL_floored"]
        assert shown["L_KL, floored"] == (f"{float(floored):.3f}" if floored else "–")
        assert shown["steps (best)"] == f"{row['steps']} ({row['best_step']})"
    assert [row["data set"] for row in facts] == list(NAMES)
    assert [row["training drawings"] for row in facts] == ["40", "80"]
    assert len(orders) == COMPARISONS * len(NAMES)
    # what it says of an order is what its numbers say
    by_cell = {(row["dataset"], row["model"]): float(row["L_R"]) for row in rows}
    for name in NAMES:
        claim = "L_R of w_KL 0.50 is under that of decoder-only"
        (said,) = [r for r in orders if (r["data set"], r["the paper's order"]) == (name, claim)]
        holds = by_cell[name, "w_KL 0.50"] < by_cell[name, "decoder-only"]
        assert said["holds"].startswith("yes" if holds else "NO")


def test_the_paper_stands_beside_ours_where_it_has_the_data_set(made: Path) -> None:
    rows = {(row["dataset"], row["w_KL"]): row for row in _rows(made)}
    assert (rows["pig", "0.25"]["paper_L_R"], rows["pig", "0.25"]["paper_L_KL"]) == ("-1.52", "0.8")
    assert (rows["pig", ""]["paper_L_R"], rows["pig", ""]["paper_L_KL"]) == ("-0.82", "")


def test_a_stopped_table_goes_on_as_if_it_had_never_stopped(
    made: Path, data: Path, tmp_path: Path
) -> None:
    """Stopped in the middle of a cell, and again between two: the same losses in the end."""
    out = tmp_path / "out"
    assert _make(data, out, NAMES, stop_after=6) == 6
    assert [trial.column for trial in trials_of(out, "pig") if trial.is_done] == ["1.00"]
    assert [trial.column for trial in trials_of(out, "pig") if trial.is_begun] == ["1.00", "0.50"]
    first = listing(trials_of(out, "pig")[0].run)
    assert _make(data, out, NAMES, stop_after=2) == 2  # just the rest of the second cell
    assert _make(data, out, NAMES) == 4 * 6
    assert listing(trials_of(out, "pig")[0].run) == first  # what was finished was not touched
    assert _without_times(out) == _without_times(made)
    assert _make(data, out, NAMES) == 0


def _without_times(out: Path) -> list[dict[str, str]]:
    return [{k: v for k, v in row.items() if k != "minutes"} for row in _rows(out)]


def test_a_cell_that_was_trained_but_not_measured_is_measured(
    made: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(made, out)
    trial = trials_of(out, "pig")[3]
    before = (trial.run / TEST).read_bytes()
    (trial.run / TEST).unlink()
    (out / CSV).unlink()
    assert _make(data, out, NAMES) == 0
    assert (trial.run / TEST).read_bytes() == before
    assert _rows(out) == _rows(made)


def test_a_table_grows(made: Path, data: Path, tmp_path: Path, shell: Shell) -> None:
    """A call for other data sets adds them; unfinished cells have a dash."""
    out = tmp_path / "out"
    shutil.copytree(made / "runs" / "pig", out / "runs" / "pig")
    _make(data, out, ["cat"], stop_after=5)
    markdown = (out / MARKDOWN).read_text("utf-8")
    assert [row["dataset"] for row in _rows(out)] == ["cat", "pig", "pig", "pig", "pig"]
    losses = _tables(markdown)[0]
    assert [row["L_R"] == "–" for row in losses] == [False, True, True, True, *[False] * 4]
    assert "7 more wait for cells that are not finished" in markdown


def test_the_default_is_what_the_paper_has_and_the_rest_is_said(
    data: Path, made: Path, tmp_path: Path, shell: Shell
) -> None:
    found, missing = find_data(data)
    assert {name: [file.name for file in files] for name, files in found.items()} == {
        "cat": ["cat.sketches"],
        "pig": ["pig.sketches"],
        "cat+pig": ["cat.sketches", "pig.sketches"],
    }
    assert missing["crab+face+pig+rabbit"] == ["crab", "face", "rabbit"]
    assert set(missing) | set(found) == set(TABLE_1)


def test_ctrl_c_leaves_all_whole(
    data: Path, tmp_path: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first Ctrl-C ends the cell at hand after its step; 130 says that something is left."""

    def show(progress: TrainingProgress, record: Record) -> None:
        if record["kind"] == "train" and record["step"] == 3:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(TrainingProgress, "show", show)
    out = tmp_path / "out"
    assert shell(*_command(data, out), "--datasets", "pig", *_flags()) == 130
    assert "stopping after this step" in shell.err
    assert "the same command goes on with what is left" in shell.err
    assert shell.out == "# Table 1: ours beside the paper's\n\nNo cell is finished yet.\n"
    trial = trials_of(out, "pig")[0]
    assert read_log(trial.run)[-1]["reason"] == "stopped"
    assert read_log(trial.run)[-1]["step"] < 4
    monkeypatch.undo()
    assert shell(*_command(data, out), "--datasets", "pig", *_flags()) == 0
    assert [row["steps"] for row in _rows(out)] == ["4"] * 4


# Errors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (["--batch-size", "9"], "--batch-size 8, not 9"),
        (["--z-size", "5"], "--z-size 4, not 5"),
        (["--max-points", "30"], "--max-points None, not 30"),
        (["--max-steps", "5"], "--max-steps 4, not 5"),
    ],
)
def test_changed_settings_are_an_error(
    made: Path, data: Path, shell: Shell, changed: list[str], said: str
) -> None:
    before = listing(made)
    assert shell(*_command(data, made), "--datasets", "cat", *_flags(), *changed) == 2
    assert said in shell.err
    assert shell.err.count("\n") == 1
    assert listing(made) == before


@pytest.mark.parametrize("stop_after", [1, 4])
def test_other_drawings_are_an_error(data: Path, tmp_path: Path, stop_after: int) -> None:
    """In the middle of a cell, and between two of one data set."""
    out, other = tmp_path / "out", tmp_path / "data"
    assert _make(data, out, ["pig"], stop_after=stop_after) == stop_after
    other.mkdir()
    sketches.write(_drawings("pig", 7), other / "pig.sketches")
    before = listing(out)
    with pytest.raises(SketchRNNError, match=r"other drawings than those of .*pig\.sketches"):
        _make(other, out, ["pig"])
    assert listing(out) == before


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["owl"], "there is no data file of 'owl' for owl; looked for owl.npz, owl.sketches"),
        (["pig+owl"], "there is no data file of 'owl' for pig+owl"),
        (["pig+pig"], "'pig+pig' is no data set"),
        (["../pig"], "'../pig' is no data set"),
        (["pig+"], "'pig+' is no data set"),
        ([""], "'' is no data set"),
    ],
)
def test_names_that_are_none(
    data: Path, tmp_path: Path, shell: Shell, names: list[str], said: str
) -> None:
    assert shell(*_command(data, tmp_path / "out"), "--datasets", *names) == 2
    assert said in shell.err
    assert shell.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_folders_without_data(data: Path, tmp_path: Path, shell: Shell) -> None:
    assert shell(*_command(tmp_path / "no", tmp_path / "out")) == 2
    assert "there is no such folder" in shell.err
    (tmp_path / "empty").mkdir()
    assert shell(*_command(tmp_path / "empty", tmp_path / "out")) == 2
    assert "holds all files of none of the paper's data sets" in shell.err
    both = tmp_path / "both"
    shutil.copytree(data, both)
    (both / "pig.npz").write_bytes(b"PK")
    assert shell(*_command(both, tmp_path / "out"), "--datasets", "pig") == 2
    assert "has both pig.npz and pig.sketches" in shell.err


def test_a_set_without_test_drawings(tmp_path: Path, shell: Shell) -> None:
    dataset = _drawings("pig", 0)
    none = dataset.test.select([])
    sketches.write(replace(dataset, test=none), tmp_path / "pig.sketches")
    assert shell(*_command(tmp_path, tmp_path / "out"), "--datasets", "pig") == 2
    assert "there are no test drawings" in shell.err
    assert not (tmp_path / "out").exists()


def test_a_damaged_measurement(made: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(made, out)
    trials_of(out, "pig")[1].run.joinpath(TEST).write_text("{", "utf-8")
    with pytest.raises(SketchRNNError, match=r"0\.50.test\.json: damaged.*delete it"):
        read_results(out)


# Figure 4 ----------------------------------------------------------------------------------------


def test_figure_4_shows_the_table(made: Path, tmp_path: Path, shell: Shell) -> None:
    pytest.importorskip("matplotlib")
    rows = [row for row in _rows(made) if row["dataset"] == "pig" and row["w_KL"]]
    expected = [(row["w_KL"], float(row["L_KL"]), float(row["L_R"])) for row in rows]
    assert trade_off(read_results(made)["pig"]) == expected
    curves = curves_of(made, "pig")
    assert tuple(curves) == COLUMNS
    assert all(steps == [2, 4] for steps, _ in curves.values())
    best = read_log(made / "runs" / "pig" / "0.50")[-1]
    w_KL = 0.5 * next(
        r["L_KL"]
        for r in read_log(made / "runs" / "pig" / "0.50")
        if r["kind"] == "evaluate" and r["step"] == best["best_step"]
    )
    at = curves["0.50"][0].index(best["best_step"])
    assert curves["0.50"][1][at] + w_KL == pytest.approx(best["best_loss"])
    assert shell("reproduce", "fig4", made, "-o", tmp_path / "a.svg", "--dataset", "cat+pig") == 0
    assert "pig, cat+pig; curves of cat+pig" in shell.err
    ElementTree.parse(tmp_path / "a.svg")
    assert shell("reproduce", "fig4", made, "-o", tmp_path / "a.png") == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_errors_of_figure_4(made: Path, tmp_path: Path, shell: Shell) -> None:
    for words, said in (
        ([tmp_path], "has no finished cell of a table"),
        ([made, "--dataset", "owl"], "no finished cell of 'owl'; there are pig, cat+pig"),
        ([made, "-o", tmp_path / "a.json"], "save figure 4 as .svg or .png"),
    ):
        assert shell("reproduce", "fig4", *words) == 2
        assert said in shell.err


# The other figures -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def models(made: Path) -> list[Path]:
    """Two conditional models of cats and pigs, and a decoder-only one."""
    return [made / "runs" / "cat+pig" / column for column in ("1.00", "0.25", DECODER_ONLY)]


Rows = list[list[Sketch | None]]


def _draw(figure: str, out: Path, *words: str | Path) -> list[Rows]:
    """The panels of a figure as rows of drawings."""
    do("reproduce", figure, "--seed", "3", "-o", out / "figure.json", "--force", *words)
    document = json.loads((out / "figure.json").read_text("utf-8"))
    return [
        [[None if one is None else Sketch.from_json(one) for one in row] for row in panel["rows"]]
        for panel in document["panels"]
    ]


def test_figure_3_is_a_ladder_for_each_model(models: list[Path], tmp_path: Path) -> None:
    words = ["--model", *models[1:], "-n", "2", "--temperature", "0.2", "0.9"]
    panels = _draw("fig3", tmp_path, *words)
    for panel, run in zip(panels, models[1:], strict=True):
        model = load(run)
        for row, temperature in zip(panel, (0.2, 0.9), strict=True):
            assert row == list(model.generate(2, temperature=temperature, seed=3))


def test_figure_5_has_an_input_of_another_class(
    models: list[Path], data: Path, tmp_path: Path
) -> None:
    words = ["--model", models[0], "-n", "2", "--temperature", "0.01", "1"]
    (panel,) = _draw("fig5", tmp_path, *words)
    model = load(models[0])
    assert [row[0].label for row in panel if row[0]] == ["cat", "pig", "house"]
    for one in (row[0] for row in panel[:2]):
        assert any(
            one == read_source(str(file)).sketch("test", index)
            for file in sorted(data.iterdir())
            for index in range(8)
        )
    inputs = [row[0] for row in panel if row[0]]
    assert [row[2] for row in panel] == list(model.reconstruct(inputs, temperature=1.0, seed=3))
    # a class of the data that the model has not learnt comes before the package's own
    words = ["--model", models[0].parents[1] / "pig" / "1.00", "-n", "1", "--temperature", "0.5"]
    words += ["--data", data / "pig.sketches", data / "cat.sketches"]
    (panel,) = _draw("fig5", tmp_path, *words)
    assert [row[0].label for row in panel if row[0]] == ["pig", "cat"]


def test_figure_6_has_a_way_a_model_and_equations(
    models: list[Path], data: Path, tmp_path: Path, shell: Shell
) -> None:
    cat, pig = f"{data / 'cat.sketches'}#train/1", f"{data / 'pig.sketches'}#train/2"
    other = f"{data / 'cat.sketches'}#train/3"
    words = ["--model", *models[:2], "--data", cat, pig, "-n", "3"]
    left, right = _draw("fig6", tmp_path, *words, "--analogy", cat, other, pig)
    a, b = (read_source(spec.split("#")[0]) for spec in (cat, pig))
    first, last, middle = (
        a.sketch("train", 1),
        b.sketch("train", 2),
        a.sketch("train", 3),
    )
    for row, run in zip(left, models, strict=False):
        between = load(run).interpolate(first, last, 3, temperature=0.1, seed=3)
        assert row == [first, *between, last]
    (equation,) = right
    drawn = load(models[0]).analogy(first, middle, last, temperature=0.1, seed=3)
    assert equation == [last, middle, first, *drawn]
    assert len(_draw("fig6", tmp_path, *words)) == 1
    assert shell("reproduce", "fig6", *words, "-o", "-") == 0
    assert {"w_KL 1.00", "w_KL 0.25"} <= _labels(shell.out)


def _labels(svg: str) -> set[str]:
    return {
        e.attrib["aria-label"] for e in ElementTree.fromstring(svg).iter() if e.get("aria-label")
    }


def test_figure_7_keeps_what_was_given(models: list[Path], data: Path, tmp_path: Path) -> None:
    """Beginnings of whole drawings; an unfinished drawing from a file."""
    for run in models[1:]:
        (panel,) = _draw("fig7", tmp_path, "--model", run, "-n", "2")
        assert len(panel) == 3
        for given, *rest in panel:
            assert given is not None
            for one in rest:
                assert one is not None
                assert Sketch(one.polylines[: len(given.polylines)], given.label) == given
    (tmp_path / "part.svg").write_text('<svg><path d="M0 0 L50 0 L50 50"/></svg>', "utf-8")
    words = ["--model", models[2], "-n", "1", "--data", tmp_path / "part.svg"]
    ((row,),) = _draw("fig7", tmp_path, *words)
    assert row[0] is not None
    assert row[0].size[0] == pytest.approx(row[0].size[1])


def test_figure_8_frames_the_given_drawing(models: list[Path], data: Path, tmp_path: Path) -> None:
    spec = f"{data / 'cat.sketches'}#train/1"
    (panel,) = _draw("fig8", tmp_path, "--model", models[0], "--data", spec, "-n", "8")
    given = read_source(str(data / "cat.sketches")).sketch("train", 1)
    like = load(models[0]).vary(given, 8, temperature=0.5, seed=3)
    assert [one for row in panel for one in row] == [*like[:4], given, *like[4:]]


def test_the_supplements_sheets(models: list[Path], tmp_path: Path, shell: Shell) -> None:
    for figure, run, tau in (("suppl3", models[2], 0.8), ("suppl4", models[0], 0.4)):
        (panel,) = _draw(figure, tmp_path, "--model", run, "-n", "12")
        assert [len(row) for row in panel] == [10, 2]
        assert [x for row in panel for x in row] == list(
            load(run).generate(12, temperature=tau, seed=3)
        )
    one = models[0].parents[1] / "pig" / "1.00"
    assert shell("reproduce", "suppl4", "--model", one, "-o", tmp_path / "a.svg") == 2
    assert "has learnt one class" in shell.err


@pytest.mark.parametrize(
    ("figure", "labels"),
    [
        ("suppl6", ["cat", "pig"] * 2),
        ("suppl8", ["pig"] * 4),
    ],
)
def test_the_supplements_grids(
    models: list[Path], tmp_path: Path, figure: str, labels: list[str]
) -> None:
    (panel,) = _draw(figure, tmp_path, "--model", models[0])
    corners = [panel[0][0], panel[0][-1], panel[-1][0], panel[-1][-1]]
    assert [corner.label for corner in corners if corner] == labels
    assert len({id(c) for c in corners}) == 4
    assert all(a != b for i, a in enumerate(corners) for b in corners[:i])
    drawn = load(models[0]).grid([c for c in corners if c], 7, 7, temperature=0.1, seed=3)
    assert [row[1:-1] for row in panel] == [list(row) for row in drawn]


def test_four_classes_are_needed_or_four_drawings(
    models: list[Path], data: Path, tmp_path: Path, shell: Shell
) -> None:
    out = ["-o", tmp_path / "a.svg", "--force", "--model", models[0]]
    assert shell("reproduce", "suppl7", *out) == 2
    assert "suppl7 needs drawings of 4 classes, and the model has learnt cat, pig" in shell.err
    four = [f"{data / name}.sketches#train/{index}" for name in ("cat", "pig") for index in (0, 1)]
    assert shell("reproduce", "suppl7", *out, "--data", *four) == 0
    assert shell("reproduce", "suppl7", *out, "--data", *four[:3]) == 2
    assert "it takes 4 drawings, got 3" in shell.err


def test_supplement_9_has_the_same_inputs_for_each_model(
    models: list[Path], tmp_path: Path, shell: Shell
) -> None:
    (panel,) = _draw("suppl9", tmp_path, "--model", *models[:2], "-n", "2")
    for given, *drawn in panel:
        assert given is not None
        assert given.label == "cat and pig"
        for run, one in zip(models, drawn, strict=False):
            assert one == load(run).reconstruct(given, temperature=0.1, seed=3)[0]
    words = ["--model", *models[:2], "-n", "1", "-o", "-", "--seed", "3"]
    assert shell("reproduce", "suppl9", *words) == 0
    assert {"input", "w_KL 1.00", "w_KL 0.25"} <= _labels(shell.out)


def test_a_hybrid_has_the_beginning_of_one_and_the_end_of_another() -> None:
    first = Sketch.from_polylines([[(0, 0), (10, 0), (10, 20)], [(0, 0), (5, 5)], [(1, 1), (2, 2)]])
    second = Sketch.from_polylines([[(0, 0), (100, 200)], [(50, 50), (60, 60), (70, 50)]])
    lines = hybrid(first, second, 50).polylines
    assert [line.tolist() for line in lines] == [
        [[0, 0], [10, 0], [10, 20]],
        [[5, 5], [6, 6], [7, 5]],  # in the box of the first: a tenth of its size
    ]
    assert len(hybrid(first, second, 4).polylines) == 1  # the rest would be over N_max


def test_a_beginning_is_the_first_points() -> None:
    sketch = Sketch.from_polylines([[(0, 0), (1, 0), (2, 0)], [(0, 1), (1, 1), (2, 1)]])
    assert [line.tolist() for line in beginning(sketch, 4).polylines] == [
        [[0, 0], [1, 0], [2, 0]],
        [[0, 1]],
    ]
    assert beginning(sketch, 0).point_count == 2


def test_typical_drawings_are_apart_where_there_are_enough() -> None:
    for available, ranks in ((200, [0, 5, 10, 15]), (8, [0, 2, 4, 6]), (3, [0, 1, 2, 3])):
        wished = wishes("suppl8", ["cat"], {"cat": available}, 4)
        assert wished == [("cat", rank) for rank in ranks]


def test_panels_stand_side_by_side() -> None:
    sheet = SketchSheet.grid([Sketch.from_polylines([[(0, 0), (1, 1)]])] * 2)

    def size(svg: str) -> tuple[float, float]:
        root = ElementTree.fromstring(svg)
        return float(root.attrib["width"]), float(root.attrib["height"])

    width, height = size(sheet.to_svg())
    assert size(Panels([sheet] * 3).to_svg()) == pytest.approx((3 * width, height))
    svg = Panels([sheet] * 3, columns=2).to_svg()
    assert size(svg) == pytest.approx((2 * width, 2 * height))
    places = [(float(e.get("x", 0)), float(e.get("y", 0))) for e in ElementTree.fromstring(svg)]
    assert places[1:] == [pytest.approx(p) for p in ((0, 0), (width, 0), (0, height))]
    image = ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}path")
    assert len(list(image)) == 6


@pytest.mark.parametrize("figure", ["fig5", "fig6", "fig8", "suppl5", "suppl9"])
def test_what_needs_an_encoder_says_so(
    models: list[Path], tmp_path: Path, shell: Shell, figure: str
) -> None:
    words = ["--model", models[2], "-o", tmp_path / "a.svg"]
    assert shell("reproduce", figure, *words) == 2
    assert "decoder-only model" in shell.err
    assert shell.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_errors_of_the_figures(
    models: list[Path], data: Path, tmp_path: Path, shell: Shell
) -> None:
    spec, out = f"{data / 'cat.sketches'}#train/1", ["-o", tmp_path / "a.svg"]
    for figure, words, said in (
        ("fig6", ["--data", spec], "it takes 2 drawings, got 1"),
        ("fig8", ["--data", spec, spec], "it takes 1 drawings, got 2"),
        ("fig8", ["--data", spec, data / "cat.sketches"], "is a whole data file beside single"),
        ("fig8", ["--data", tmp_path / "no.npz"], "there is no such file"),
        ("fig8", ["--temperature", "0.1", "0.2"], "one --temperature"),
        ("fig3", ["-n", "0"], "must be at least 1"),
        ("fig3", ["-o", tmp_path / "a.txt"], "unknown ending"),
    ):
        assert shell("reproduce", figure, "--model", models[0], *out, *words) == 2, said
        assert said in shell.err
        assert shell.err.count("\n") == 1
