"""The Python face of measuring: evaluate, compare, and what is said of data prepared otherwise."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sketchrnn import cli
from sketchrnn.api import Model
from sketchrnn.data.dataset import Dataset, Drawings
from sketchrnn.data.formats import sketches
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.config import ModelConfig
from sketchrnn.model.network import Network
from sketchrnn.runs import DataFacts
from sketchrnn.training.evaluate import compare, evaluate, evaluate_split, unlike

CONFIG = ModelConfig(
    N_max=12, encoder_size=4, decoder_size=8, z_size=3, mixtures=2, decoder_cell="layer_norm"
)


def drawings(count: int, longest: int, factor: float = 1.0, seed: int = 0) -> Drawings:
    rng = np.random.default_rng(seed)
    arrays = []
    for index in range(count):
        rows = np.zeros((longest if index == 0 else int(rng.integers(3, longest + 1)), 3))
        rows[:, :2] = factor * rng.normal(0, 10, (len(rows), 2))
        rows[-1, 2] = 1
        arrays.append(rows.astype(np.float32))
    return Drawings.from_arrays(arrays)


def data(longest: int = 12, factor: float = 1.0, epsilon: float | None = 2.0) -> Dataset:
    parts = [drawings(count, longest, factor, seed) for seed, count in enumerate((60, 5, 20))]
    return Dataset(*parts, ("a",), epsilon=epsilon, name="some")  # type: ignore[call-arg]


def facts_of(dataset: Dataset, **changes: Any) -> DataFacts:
    facts = DataFacts(scale=dataset.scale, epsilon=dataset.epsilon, size=dataset.size)
    return replace(facts, **changes)


def a_model(seed: int = 0, name: str = "one", scale: float | None = None, **changes: Any) -> Model:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Network(replace(CONFIG, **changes))
        with torch.no_grad():
            for parameter in network.parameters():
                parameter += 0.1 * torch.randn_like(parameter)
    facts = facts_of(data()) if scale is None else facts_of(data(), scale=scale)
    return Model(network, facts, name)


# --- prepared alike? ------------------------------------------------------------------------------


def test_nothing_is_said_of_data_that_are_alike() -> None:
    assert not unlike(facts_of(data()), 12, data())
    assert not unlike(facts_of(data()), 30, data())  # shorter drawings are no matter
    unknown = facts_of(data(), epsilon=None, size=None)
    assert not unlike(unknown, 12, data(epsilon=3.0))
    assert not unlike(facts_of(data(), scale=data().scale * 1.04), 12, data())
    assert not unlike(facts_of(data(), size=data().size * 1.09), 12, data())


def test_each_difference_is_a_line_and_the_command_ends_them() -> None:
    ours = data()
    raw, scaled = data(epsilon=None), facts_of(ours, scale=ours.scale * 1.06)
    line, command = unlike(scaled, 12, raw, ["my.npz"])
    assert line.startswith(f"the scale of these drawings is {ours.scale:.4g} px, of those that the")
    assert command == (
        "to prepare them alike: sketchrnn data prepare my.npz -o ALIKE.sketches --simplify 2"
    )
    assert unlike(scaled, 12, ours) == [line]  # they are prepared so already
    line, command = unlike(facts_of(ours), 9, ours)
    assert line.startswith("the longest of these drawings has 12 points, of those that the model")
    assert "prepare DATA -o ALIKE.sketches --max-points 9 --simplify 2" in command
    line, command = unlike(facts_of(ours, size=255.0), 12, ours)
    assert f"{ours.size:.4g} px (median), of those that the model learned from 255" in line
    assert command.endswith("-o ALIKE.sketches --box --simplify 2")
    line, command = unlike(facts_of(ours, epsilon=3.0), 12, ours)
    assert "simplified with epsilon 2, those that the model learned from with 3" in line
    assert command.endswith("--simplify 3")
    other = facts_of(ours, scale=1.0, size=255.0, epsilon=3.0)
    assert len(unlike(other, 9, ours)) == 5
    (line,) = unlike(facts_of(ours, epsilon=1.0), 12, ours)  # what was left out is gone
    assert line.endswith("from with 1; only the drawings as they were before can be prepared so")
    assert len(unlike(facts_of(ours, epsilon=0.0, scale=1.0), 12, raw)) == 1


@pytest.mark.parametrize("epsilon", [None, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("changes", [{}, {"scale": 1.0}, {"size": 255.0}, {"size": 30.0}])
@pytest.mark.parametrize("N_max", [9, 12])
def test_the_command_is_not_named_again_for_what_it_made(
    tmp_path: Path, epsilon: float | None, changes: dict[str, float], N_max: int
) -> None:
    path, alike = tmp_path / "some.sketches", tmp_path / "ALIKE.sketches"
    sketches.write(data(epsilon=epsilon), path)
    facts = facts_of(data(), **changes)
    *_, last = unlike(facts, N_max, sketches.read(path), [str(path)]) or [""]
    prefix, _, command = last.partition(": sketchrnn ")
    if prefix == "to prepare them alike":
        assert cli.main(shlex.split(command.replace("ALIKE.sketches", str(alike)))) == 0
        again = unlike(facts, N_max, sketches.read(alike))
        assert not [line for line in again if "to prepare" in line]


def test_what_the_model_left_out_is_left_out_before() -> None:
    longer = data(longest=30)
    shorter, _ = longer.limited(12)
    facts = facts_of(shorter, max_points=12)
    assert not unlike(facts, 12, longer)
    assert unlike(replace(facts, max_points=None), 12, longer)


def test_without_training_drawings_there_is_little_to_compare() -> None:
    none = replace(data(), train=drawings(3, 12).select([]))
    assert not unlike(facts_of(data(), scale=1.0, size=1.0), 3, none)
    assert len(unlike(facts_of(data(), epsilon=3.0), 3, none)) == 2


# --- evaluate -------------------------------------------------------------------------------------


def test_evaluate_is_what_the_verb_prints_and_warnings(tmp_path: Path) -> None:
    model, dataset = a_model(), data()
    result = evaluate(model, dataset, "valid", seed=3)
    assert result.pop("warnings") == []
    assert result == evaluate_split(model, dataset, "valid", 0.2, seed=3)
    path = tmp_path / "some.sketches"
    sketches.write(data(factor=3.0), path)
    warned = evaluate(model, path)["warnings"]
    assert len(warned) == 2
    sketches.write(data(factor=3.0, epsilon=None), path)
    *before, command = evaluate(model, path)["warnings"]
    assert before == warned
    assert f"sketchrnn data prepare {path} -o ALIKE.sketches --simplify 2" in command
    with pytest.raises(SketchRNNError, match="there is no split 'every'"):
        evaluate(model, dataset, "every")


def test_the_verb_warns_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small, large = tmp_path / "small.sketches", tmp_path / "large.sketches"
    sketches.write(data(), small)
    sketches.write(data(factor=3.0, epsilon=None), large)
    sizes = ["--encoder-size", "4", "--decoder-size", "4", "--z-size", "2", "--mixtures", "1"]
    train = ["train", str(small), "-o", str(tmp_path / "run"), "--max-steps", "1", *sizes]
    assert cli.main(train) == 0
    capsys.readouterr()
    assert cli.main(["evaluate", str(tmp_path / "run"), str(small)]) == 0
    assert capsys.readouterr().err == ""
    assert cli.main(["evaluate", str(tmp_path / "run"), str(large), "--json"]) == 0
    out, err = capsys.readouterr()
    assert "warnings" not in json.loads(out)
    first, second, command = err.splitlines()
    assert first.startswith("the scale of these drawings is ")
    assert second.startswith("the larger side of these drawings is ")
    assert f"sketchrnn data prepare {large} -o ALIKE.sketches" in command


# --- compare --------------------------------------------------------------------------------------


def test_compare_is_drawing_by_drawing() -> None:
    first, second, dataset = a_model(0), a_model(1, "two"), data()
    result = compare(first, second, dataset)
    assert (result["n"], result["split"], result["left_out"]) == (20, "test", 0)
    each = ("nats_per_drawing", "L_R", "L_KL")
    a, b = (evaluate_split(one, dataset, "test", 0.2, each=each) for one in (first, second))
    for name in ("nats_per_drawing", "L_R"):
        ours, theirs = np.array(a[name]["each"]), np.array(b[name]["each"])
        difference = result[name]["difference"]
        assert result[name]["a"]["mean"] == pytest.approx(a[name]["mean"])
        assert result[name]["b"]["stderr"] == pytest.approx(b[name]["stderr"])
        assert difference["mean"] == pytest.approx((ours - theirs).mean())
        assert difference["stderr"] == pytest.approx((ours - theirs).std(ddof=1) / np.sqrt(20))
    with_z = result["nats_with_z"]["a"]["mean"] - result["nats_per_drawing"]["a"]["mean"]
    assert with_z == pytest.approx(3 * a["L_KL"]["mean"])  # z has three numbers
    same = compare(first, first, dataset)["nats_per_drawing"]["difference"]
    assert same == {"mean": 0.0, "stderr": 0.0}


def test_compare_takes_what_both_can_read_to_its_end() -> None:
    dataset = data()
    short, long = a_model(N_max=8), a_model(1, "long", N_max=12)
    result = compare(short, long, dataset)
    lengths = dataset.test.lengths
    assert result["n"] == (lengths < 8).sum()
    assert result["left_out"] == (lengths >= 8).sum()
    assert result["L_R"] is None
    assert result["warnings"][0].startswith("one: the longest of these drawings has 12 points")
    other_scale = a_model(scale=data().scale * 1.5)
    result = compare(a_model(), other_scale, dataset)
    assert (result["n"], result["L_R"]) == (20, None)


def test_compare_without_z() -> None:
    result = compare(a_model(), a_model(1, conditional=False), data())
    assert result["nats_with_z"]["b"] == result["nats_per_drawing"]["b"]
    assert result["nats_with_z"]["a"]["mean"] > result["nats_per_drawing"]["a"]["mean"]
