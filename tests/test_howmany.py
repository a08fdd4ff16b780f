"""How many drawings are enough: selections, copies and the table, on tiny models."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sketchrnn import cli
from sketchrnn.data.dataset import Dataset
from sketchrnn.data.doodles import doodles_dataset
from sketchrnn.data.formats import sketches
from sketchrnn.errors import SketchRNNError
from sketchrnn.paper.howmany import how_many, selection
from sketchrnn.paper.trials import Recipe, run_experiment
from sketchrnn.runs import read_config
from sketchrnn.training.config import TrainingConfig
from sketchrnn.training.logs import read_log
from sketchrnn.training.terminal import StopSignals

MODEL = {"encoder_size": 4, "decoder_size": 8, "z_size": 2, "mixtures": 2}
TRAINING = TrainingConfig(batch_size=4, max_steps=3, evaluate_every=2, augment_scale=0.2)


@pytest.fixture(scope="module")
def data() -> Dataset:
    whole = doodles_dataset((40, 6, 6), 3).limited(60)[0]
    return whole.limited(whole.N_max)[0]


RECIPE = Recipe(MODEL, TRAINING, 60)


def drawings_of(dataset: Dataset) -> list[bytes]:
    return [rows.astype("<f4").tobytes() for rows in dataset.train]


def test_selections_lie_in_one_another_and_are_measured_alike(data: Dataset) -> None:
    few, more = (selection(data, "usual", count) for count in (5, 12))
    assert len(few.train) == 5
    assert len(more.train) == 12
    assert drawings_of(more)[:5] == drawings_of(few)
    assert set(drawings_of(more)) <= set(drawings_of(data))
    for one in (few, more):
        assert (one.N_max, one.scale) == (data.N_max, data.scale)
        assert (one.valid, one.test) == (data.valid, data.test)


def test_copies_stand_behind_their_originals(data: Dataset) -> None:
    usual, copies = (selection(data, way, 5) for way in ("usual", "copies"))
    assert len(copies.train) == 50
    assert drawings_of(copies)[:5] == drawings_of(usual)
    for number, rows in enumerate(copies.train):
        original = usual.train[number if number < 5 else (number - 5) // 9]
        assert len(rows) == len(original)
        np.testing.assert_array_equal(rows[:, 2], original[:, 2])
        if number >= 5:
            # as long as the original, but for the stretching and the rounding
            lengths = [np.hypot(*one[:, :2].T.astype(float)).sum() for one in (rows, original)]
            assert 0.85 < lengths[0] / lengths[1] < 1.15
            assert not np.array_equal(rows, original)


def test_a_table_goes_on_where_it_was_stopped(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    def should_stop(signals: StopSignals) -> bool:
        nonlocal asked
        asked += 1
        return asked == 5  # after the first step of the second training

    monkeypatch.setattr(StopSignals, "__call__", should_stop)
    monkeypatch.setattr("sketchrnn.devices.prepare_cpu", lambda: None)
    begun = how_many(tmp_path, data, RECIPE, (5,), ("plain", "usual"))
    for done in ([True, False], [True, True]):
        assert run_experiment(begun, Namespace(device="cpu", backend="auto")) == all(done)
        assert [trial.is_done for trial in begun.trials] == done
    assert [
        record["step"] for record in read_log(begun.trials[1].run) if record["kind"] == "train"
    ] == [
        1,
        2,
        3,
    ]
    rates = [read_config(trial.run).training["augment_scale"] for trial in begun.trials]
    assert rates == [0.0, 0.2]

    table = (tmp_path / "howmany.md").read_text()
    for trial in begun.trials:
        L_R = json.loads((trial.run / "test.json").read_text())["L_R"]["mean"]
        assert f"{L_R:.3f}" in table
    assert "| drawings | plain | usual |" in table


def test_on_the_command_line_with_a_model_to_begin_with(
    data: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sketches.write(data, tmp_path / "data.sketches")
    out = tmp_path / "out"
    command = ["reproduce", "howmany", str(tmp_path / "data.sketches"), "-o", str(out)]
    command += ["--counts", "5", "--max-steps", "1", "--batch-size", "2"]
    assert cli.main([*command, "--ways", "tuned"]) == 2
    assert "begin with the weights of another; name it" in capsys.readouterr().err
    assert cli.main([*command, "--ways", "tuned", "--begin-with", "sun"]) == 0
    assert "| 5 | " in capsys.readouterr().out
    begun, sun = (read_config(run).model for run in (out / "runs/tuned/5", starter("sun")))
    assert replace(begun, N_max=sun.N_max) == sun


def starter(name: str) -> Path:
    from sketchrnn.runs import find_run

    return find_run(name)


def test_more_drawings_than_there_are(data: Dataset) -> None:
    with pytest.raises(SketchRNNError, match="26 training drawings; a table cannot have a row of"):
        how_many(Path("out"), data, RECIPE, (41,), ("plain",))
