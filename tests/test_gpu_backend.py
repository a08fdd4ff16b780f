"""The GPU's backends, and the step that a CUDA graph holds, as far as a CPU can test them.

On a machine with a GPU everything here runs on it; elsewhere the kernels go through Triton's
interpreter, which runs their code but does not compile it. That they compile is a test of its own,
for which no GPU is needed. Without Triton (`pip install triton`, Linux) those tests are skipped.

Tolerances: sums of float32 in another order; on a GPU exp is an approximation as well. bfloat16 has
8 bits, and each of some ten steps rounds its factors to them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from sketchrnn.data.batches import Batch
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.backends.cudnn import unroll_cudnn
from sketchrnn.model.backends.plain import Dropout, Run
from sketchrnn.model.config import ModelConfig
from sketchrnn.model.unroll import PLAIN, Backend, unroll_beside
from sketchrnn.training.config import TrainingConfig
from sketchrnn.training.graph import DeviceStep
from sketchrnn.training.trainer import Trainer
from unrolling import Answer, Problem, assert_same, every_cell, ragged, random_loss, random_problem

ON_GPU = torch.cuda.is_available()
DEVICE = torch.device("cuda" if ON_GPU else "cpu")
TOLERANCE = 1e-4 if ON_GPU else 1e-5
BF16_TOLERANCE = 0.05
TRITON, CUDNN = Backend("triton"), Backend("cudnn")

AGAIN = 1e-6 if ON_GPU else 0.0  # the same step by another graph
needs_triton = pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")
pytestmark = pytest.mark.filterwarnings("ignore:TRITON_DEFAULT_FP_FUSION")


@pytest.fixture(autouse=True)
def interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read when the kernels are imported, which nothing does before they are run."""
    if not ON_GPU:
        monkeypatch.setenv("TRITON_INTERPRET", "1")


def here(problem: Problem) -> Problem:
    """In float32, on the device."""
    problem = problem.to(torch.float32)
    moved = {
        "cell": problem.cell.to(DEVICE),
        "state": tuple(part.to(DEVICE) for part in problem.state),
    }
    if problem.dropout is not None:
        kept_TBm = problem.dropout.kept_TBm.to(DEVICE)
        moved["dropout"] = replace(problem.dropout, kept_TBm=kept_TBm)
    if problem.lengths_B is not None:
        moved["lengths_B"] = problem.lengths_B.to(DEVICE)
    for name in ("x_TBD", "weights_DP", "constant"):
        moved[name] = getattr(problem, name).to(DEVICE)
    return replace(problem, **moved)


def on_cpu(answer: Answer) -> Answer:
    return {name: None if value is None else value.cpu() for name, value in answer.items()}


def assert_is_plain(problem: Problem, backend: Backend, tolerance: float = TOLERANCE) -> None:
    assert_same(on_cpu(here(problem).answer(backend)), problem.expected(), tolerance)


# --- kernels --------------------------------------------------------------------------------------


@needs_triton
@pytest.mark.parametrize("keep", [1.0, 0.8], ids=["no dropout", "dropout"])
@pytest.mark.parametrize("is_ragged", [False, True], ids=["all steps", "ragged"])
@every_cell
def test_triton_is_plain(name: str, is_ragged: bool, keep: float) -> None:
    lengths = [2, 4, 1] if is_ragged else None
    T, B = (4, 3) if is_ragged else (2, 2)
    assert_is_plain(random_problem(name, T=T, B=B, H=7, lengths=lengths, keep=keep), TRITON)


@needs_triton
@every_cell
def test_a_constant_for_all_rows(name: str) -> None:
    problem = random_problem(name, T=2, B=1, H=5, a_constant_for_each_row=False)
    assert_is_plain(problem, TRITON)


@needs_triton
def test_units_of_several_programs() -> None:
    """Without layer norm a row is cut; the last piece is not whole."""
    assert_is_plain(random_problem("lstm", T=2, B=1, H=530), TRITON)


@needs_triton
@every_cell
def test_gradients_are_summed_in_pieces(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where adjoints of all steps do not fit: here those of two of three do."""
    problem = random_problem(name, T=3, B=2, H=4, Y=4, lengths=[3, 1])
    columns = 4 * (4 + 4) + 4 * 4 + 12 * 4 if name == "hyper" else 4 * 4
    monkeypatch.setattr(
        "sketchrnn.model.backends.triton.arrays.ADJOINT_BYTES", 2 * 2 * columns * 4 + 1
    )
    assert_is_plain(problem, TRITON)


@needs_triton
@pytest.mark.parametrize("bf16", [False, True], ids=["float32", "bf16"])
@every_cell
def test_cells_side_by_side(name: str, bf16: bool) -> None:
    """Two at once give what each gives alone."""
    backend = Backend("triton", bf16)
    problems = [
        here(random_problem(name, T=2, B=2, H=6, lengths=[1, 2], keep=0.7, seed=seed))
        for seed in (1, 2)
    ]
    alone = [problem.answer(backend) for problem in problems]
    for problem in problems:
        for value in problem.learning().values():
            value.requires_grad_().grad = None
    runs = [Run(p.cell, p.x_TBD, p.weights_DP, p.constant, p.state, p.dropout) for p in problems]
    results = unroll_beside(runs, lengths_B=problems[0].lengths_B, backend=backend)
    sum(random_loss(h, final) for h, final in results).backward()
    for problem, (h, final), expected in zip(problems, results, alone, strict=True):
        found = {"h": h.detach()} | {f"final {n}": part.detach() for n, part in enumerate(final)}
        found |= {f"d {key}": value.grad for key, value in problem.learning().items()}
        assert_same(on_cpu(found), on_cpu(expected), 20 * TOLERANCE if bf16 else TOLERANCE)


@needs_triton
@every_cell
def test_products_of_bfloat16(name: str) -> None:
    """Near the plain loop, and not float32's answer."""
    problem = random_problem(name, T=3, B=2, H=8, lengths=[3, 2], keep=0.8)
    ours = on_cpu(here(problem).answer(Backend("triton", bf16=True)))
    assert_same(ours, problem.expected(), BF16_TOLERANCE)
    exact = on_cpu(here(problem).answer(TRITON))
    assert float((ours["h"] - exact["h"]).abs().max()) > 1e-4


@needs_triton
@every_cell
def test_what_follows_an_end_is_not_read(name: str) -> None:
    problem = random_problem(name, T=3, B=2, H=5, lengths=[1, 3])
    spoiled = here(problem)
    for row, length in enumerate([1, 3]):
        spoiled.x_TBD[length:, row] = torch.nan
    assert_same(on_cpu(spoiled.answer(TRITON)), problem.expected(), TOLERANCE)


@needs_triton
@pytest.mark.parametrize("loss", [
    lambda h, final: h[-1].sum(),
    lambda h, final: final[1].sum(),
    lambda h, final: h[0].square().sum() + final[0].sum(),
], ids=["last h", "last c", "parts"])  # fmt: skip
@every_cell
def test_parts_of_the_outputs(
    name: str, loss: Callable[[Tensor, tuple[Tensor, ...]], Tensor]
) -> None:
    """Where an output has no adjoint, or one without memory of its own."""
    problem = random_problem(name, T=2, B=1, H=4)
    assert_same(on_cpu(here(problem).answer(TRITON, loss)), problem.expected(loss), TOLERANCE)


@needs_triton
@every_cell
def test_without_gradients(name: str) -> None:
    """Nothing is kept from step to step, and the answer is the same."""
    problem = here(random_problem(name, T=3, B=2, H=6, lengths=[1, 3]))
    h, final = problem.run(TRITON)
    with torch.inference_mode():
        h_again, final_again = problem.run(TRITON)
    for value, again in zip((h, *final), (h_again, *final_again), strict=True):
        torch.testing.assert_close(again, value.detach(), rtol=0, atol=0)


COMPILE = """
import sys
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile
from sketchrnn.model.backends.triton import kernels

SIZES = {"t", "T", "B", "P", "first", "N", "product_first", "mask_row", "mask_first", "K",
         "factor_first", "more_group", "d_product_group", "d_projection_group", "d_scales_group"}
TYPES = {"kept_counts": "fp32", "lengths": "*i64", "kept": "*u8"}
FACTORS = {"factors", "d_product", "d_projection", "d_scales"}
for kernel in (kernels.forward_step, kernels.backward_step):
    for norm, scaled, factor in ((0, 0, "*fp32"), (1, 0, "*bf16"), (1, 1, "*bf16")):
        fixed = {"D": 5, "H": 96, "BLOCK": 128, "NORM": bool(norm), "SCALED": bool(scaled),
                 "MASKED": True, "LEARNING": True, "OUT": True, "MORE": True}
        signature = {}
        for name in kernel.arg_names:
            kind = "i32" if name in SIZES else factor if name in FACTORS else "*fp32"
            signature[name] = "constexpr" if name in fixed else TYPES.get(name, kind)
        fixed = {name: value for name, value in fixed.items() if name in kernel.arg_names}
        source = ASTSource(kernel, signature, constexprs=fixed)
        made = compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": 4})
        assert made.asm["cubin"]
"""


@needs_triton
def test_kernels_compile_for_hopper() -> None:
    """To machine code, with the types that they get; what the interpreter takes may not compile."""
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", COMPILE],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr


def test_triton_is_imported_by_nothing_else() -> None:
    """The package is loaded, and a cell run, without it."""
    script = (
        "import sys, torch, sketchrnn.training.loop\n"
        "from sketchrnn.model.cells import LSTMCell\n"
        "from sketchrnn.model.unroll import unroll\n"
        "cell = LSTMCell(2, 3)\n"
        "unroll(cell, torch.zeros(1, 1, 2), cell.W_xh, cell.bias, cell.zero_state(torch.ones(1)))\n"
        "assert 'triton' not in sys.modules\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)


def test_triton_is_refused_where_it_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(
        SketchRNNError, match="the triton backend needs float32 on an NVIDIA GPU, and Triton"
    ):
        TRITON.chosen(torch.zeros(1))
    with pytest.raises(SketchRNNError, match="needs float32"):
        TRITON.chosen(torch.zeros(1, dtype=torch.float64))


# --- cuDNN ----------------------------------------------------------------------------------------


class CudnnProblem(Problem):
    """By PyTorch's LSTM: on the CPU its own, on a GPU cuDNN's."""

    def run(self, backend: Backend) -> tuple[Tensor, tuple[Tensor, ...]]:
        if backend == PLAIN:
            return super().run(backend)
        run = Run(self.cell, self.x_TBD, self.weights_DP, self.constant, self.state)
        return unroll_cudnn(run, self.lengths_B)


def cudnn_problem(**arguments: Any) -> CudnnProblem:
    problem = random_problem("lstm", **arguments)
    return CudnnProblem(**{item.name: getattr(problem, item.name) for item in fields(problem)})


@pytest.mark.parametrize("of_rows", [True, False], ids=["a constant a row", "one constant"])
@pytest.mark.parametrize("is_ragged", [False, True], ids=["all steps", "ragged"])
def test_cudnn_is_plain(is_ragged: bool, of_rows: bool) -> None:
    lengths = ragged(6, 4) if is_ragged else None
    problem = cudnn_problem(T=6, B=4, lengths=lengths, a_constant_for_each_row=of_rows)
    assert_is_plain(problem, CUDNN)


def test_cudnn_stands_still_and_does_not_read_on() -> None:
    problem = here(cudnn_problem(T=5, B=2, lengths=[5, 2]))
    problem.x_TBD[2:, 1] = torch.nan
    h, (_, c) = problem.run(CUDNN)
    shorter = replace(problem, x_TBD=problem.x_TBD[:2], lengths_B=None)
    assert torch.equal(h[2:, 1], torch.zeros_like(h[2:, 1]))
    torch.testing.assert_close(c[1], shorter.run(CUDNN)[1][1][1], rtol=0, atol=1e-6)


def test_cudnn_is_refused_where_it_cannot_run() -> None:
    with pytest.raises(SketchRNNError, match="the cudnn backend needs float32 on an NVIDIA GPU"):
        CUDNN.chosen(torch.zeros(1))


@pytest.mark.skipif(not ON_GPU, reason="no CUDA device here")
def test_cudnn_is_refused_for_what_it_cannot_do() -> None:
    for problem in (random_problem("layer_norm"), random_problem("lstm", keep=0.5)):
        with pytest.raises(SketchRNNError, match="an LSTM without recurrent dropout"):
            here(problem).run(CUDNN)


# --- the step that a graph holds ------------------------------------------------------------------

MODEL = ModelConfig(
    N_max=3,
    encoder_cell="lstm",
    decoder_cell="layer_norm",
    encoder_size=3,
    decoder_size=4,
    z_size=2,
    mixtures=2,
)


def a_batch(seed: int) -> Batch:
    rng = np.random.default_rng(seed)
    lengths_B = np.array([3, 1])
    x_BT5 = np.zeros((2, 4, 5), np.float32)
    x_BT5[:] = (0, 0, 0, 0, 1)
    x_BT5[:, 0] = (0, 0, 1, 0, 0)
    for row, length in enumerate(lengths_B):
        x_BT5[row, 1 : length + 1, :2] = rng.normal(size=(length, 2))
        x_BT5[row, 1 : length + 1, 2:] = (1, 0, 0)
    return Batch(x_BT5, lengths_B, np.arange(2))


def trainer_and_step(
    model: ModelConfig, training: TrainingConfig, backend: Backend
) -> tuple[Trainer, DeviceStep]:
    trainer = Trainer(model, training, 1.0, DEVICE)
    trainer.backend = backend
    shape_BT5 = (2, model.N_max + 1, 5)
    return trainer, DeviceStep(trainer._learn, trainer.adam, trainer.generator, shape_BT5)


@pytest.mark.parametrize("backend", [
    pytest.param(PLAIN, id="plain", marks=pytest.mark.skipif(ON_GPU, reason="encode waits")),
    pytest.param(TRITON, id="triton", marks=needs_triton),
])  # fmt: skip
@pytest.mark.parametrize("clip_by", ["value", "norm"])
@pytest.mark.parametrize("conditional", [True, False])
def test_device_step_is_the_trainers(conditional: bool, clip_by: str, backend: Backend) -> None:
    """Three steps: the same losses, and then the same weights; on a GPU from a graph."""
    model = replace(MODEL, conditional=conditional)
    training = TrainingConfig(
        batch_size=2, learning_rate=0.01, clip_by=clip_by, gradient_clip=0.05, R=0.5
    )  # fmt: skip
    plain, _ = trainer_and_step(model, training, PLAIN)
    trainer, device_step = trainer_and_step(model, training, backend)
    for step in range(3):
        batch = a_batch(step)
        numbers = step_numbers(training, step)
        expected = plain._eager_step(batch, *numbers)
        found = device_step.take(batch, *numbers)
        assert found == pytest.approx(expected, rel=TOLERANCE, abs=TOLERANCE)
    # Adam divides by the gradient's own size: where that is nothing, its sign is rounding
    for ours, theirs in zip(trainer.network.parameters(), plain.network.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=20 * TOLERANCE)


def step_numbers(training: TrainingConfig, step: int) -> tuple[int, float, float]:
    return 1000 + step, training.rate_at(step), training.kl_weight_at(step)


@pytest.mark.parametrize("backend", [
    pytest.param(PLAIN, id="plain", marks=pytest.mark.skipif(ON_GPU, reason="encode waits")),
    pytest.param(TRITON, id="triton", marks=needs_triton),
])  # fmt: skip
def test_a_step_that_is_not_finite_does_nothing(backend: Backend) -> None:
    """Weights, moments and Adam's count stay; the next step is as if it had not been."""
    training = TrainingConfig(batch_size=2)
    trainer, device_step = trainer_and_step(MODEL, training, backend)
    other, undisturbed = trainer_and_step(MODEL, training, backend)
    bad = a_batch(5)
    bad.x_BT5[0, 2, 0] = np.nan

    def take(step: DeviceStep, batch: Batch, number: int) -> dict[str, float] | None:
        return step.take(batch, *step_numbers(training, number))

    for number in range(2):
        expected = pytest.approx(take(undisturbed, a_batch(number), number), rel=AGAIN, abs=AGAIN)
        assert take(device_step, a_batch(number), number) == expected
        assert take(device_step, bad, 7) is None
    assert {float(state["step"]) for state in trainer.adam.state.values()} == {2.0}
    for ours, theirs in zip(trainer.network.parameters(), other.network.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=AGAIN)


class NothingWaits(TorchDispatchMode):
    """Fails at what would need a number, or a size, from the device: no graph can hold that."""

    WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero", "unique")

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        assert func.overloadpacket.__name__ not in self.WAITS, func
        return func(*args, **(kwargs or {}))


@needs_triton
@pytest.mark.parametrize("decoder_cell", ["lstm", "layer_norm", "hyper"])
@pytest.mark.parametrize("clip_by", ["value", "norm"])
def test_the_step_waits_for_nothing(
    decoder_cell: str, clip_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = replace(MODEL, decoder_cell=decoder_cell, hyper_size=4, hyper_embedding=2)
    training = TrainingConfig(batch_size=2, clip_by=clip_by)
    trainer, device_step = trainer_and_step(model, training, TRITON)
    # on the CPU it reads its rate and its switch, on a GPU its kernel does
    monkeypatch.setattr(trainer.adam, "step", lambda: None)
    monkeypatch.setattr("sketchrnn.model.network.random_dropout", dropout_of_a_gpu)
    with NothingWaits():
        device_step._step()
    with NothingWaits(), pytest.raises(AssertionError, match="_local_scalar_dense"):
        trainer._eager_step(a_batch(0), 0, 0.1, 0.1)


def dropout_of_a_gpu(
    shape: tuple[int, ...], keep: float, generator: torch.Generator, device: torch.device
) -> Dropout:
    """`random_dropout` asks PyTorch for a seed on the CPU."""
    return Dropout(torch.rand(shape, generator=generator, device=device) < keep, keep)
