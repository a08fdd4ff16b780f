"""What only a GPU can show: the same numbers as a CPU, at the paper's size too; graphs; drawings.

tests/test_gpu_backend.py has the kernels at small sizes, where there is a GPU on it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sketchrnn.data.batches import Batch
from sketchrnn.drawing.sample import sample_strokes
from sketchrnn.model.config import CELL_NAMES, ModelConfig
from sketchrnn.model.losses import kl_loss, reconstruction_loss
from sketchrnn.model.network import Network
from sketchrnn.model.unroll import PLAIN, Backend
from sketchrnn.training.config import TrainingConfig
from sketchrnn.training.trainer import Trainer
from unrolling import Problem, assert_same, random_problem

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
    pytest.mark.filterwarnings("ignore:TRITON_DEFAULT_FP_FUSION"),
]

TOLERANCE = 2e-4  # float32 sums in another order, through 40 recurrent steps
BF16_TOLERANCE = 0.05
CUDA = torch.device("cuda")
TRITON, TRITON_BF16, CUDNN = Backend("triton"), Backend("triton", bf16=True), Backend("cudnn")


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_losses_and_gradients_agree(cell: str) -> None:
    torch.manual_seed(0)
    config = ModelConfig(
        N_max=40,
        encoder_cell=cell,
        decoder_cell=cell,
        encoder_size=32,
        decoder_size=64,
        z_size=16,
        mixtures=5,
        hyper_size=32,
        hyper_embedding=8,
    )
    x = torch.zeros(6, 41, 5)
    x[:, 0, 2] = 1
    x[..., :2] = torch.randn(6, 41, 2)
    x[:, 1:, 2] = 1
    lengths = torch.tensor([40, 33, 20, 11, 5, 1])
    for row, length in enumerate(lengths):
        x[row, length + 1 :] = torch.tensor([0.0, 0, 0, 0, 1])
    results = []
    network = Network(config)
    for device in ("cpu", "cuda"):
        network = network.to(device)
        network.zero_grad()
        inputs, counts = x.to(device), lengths.to(device)
        mu, log_variance = network.encode(inputs[:, 1:], counts)
        mixture, _ = network.decode(inputs[:, :-1], mu)
        loss = reconstruction_loss(mixture, inputs[:, 1:], counts).L_R.mean()
        loss = loss + kl_loss(mu, log_variance).mean()
        loss.backward()
        gradients = [p.grad.cpu() for p in network.parameters() if p.grad is not None]
        results.append((loss.item(), mu.detach().cpu(), gradients))
    (cpu_loss, cpu_mu, cpu_gradients), (gpu_loss, gpu_mu, gpu_gradients) = results
    assert gpu_loss == pytest.approx(cpu_loss, rel=TOLERANCE)
    torch.testing.assert_close(gpu_mu, cpu_mu, rtol=TOLERANCE, atol=TOLERANCE)
    for cpu, gpu in zip(cpu_gradients, gpu_gradients, strict=True):
        torch.testing.assert_close(gpu, cpu, rtol=0, atol=TOLERANCE * float(cpu.abs().max()))


def test_drawings_agree() -> None:
    torch.manual_seed(0)
    network = Network(ModelConfig(N_max=15, conditional=False, decoder_size=32, mixtures=3))
    cpu = sample_strokes(network, None, 8, temperature=0.5, seed=1)
    gpu = sample_strokes(network.cuda(), None, 8, temperature=0.5, seed=1)
    for one, other in zip(cpu, gpu, strict=True):
        torch.testing.assert_close(torch.tensor(other), torch.tensor(one), rtol=0, atol=1e-3)


# --- the paper's size -----------------------------------------------------------------------------


def big_problem(name: str, keep: float = 0.9) -> Problem:
    """A decoder of 2048 units, on the GPU, in float32."""
    B, T = 6, 12
    lengths = [12, 3, 1, 7, 12, 10]
    problem = random_problem(name, T=T, B=B, H=2048, Y=256, E=32, lengths=lengths, keep=keep)
    problem = problem.to(torch.float32)
    dropout = problem.dropout
    if dropout is not None:
        dropout = replace(dropout, kept_TBm=dropout.kept_TBm.cuda())
    return replace(
        problem,
        cell=problem.cell.cuda(),
        x_TBD=problem.x_TBD.cuda(),
        weights_DP=problem.weights_DP.cuda(),
        constant=problem.constant.cuda(),
        state=tuple(part.cuda() for part in problem.state),
        dropout=dropout,
        lengths_B=torch.tensor(lengths).cuda(),
    )


@pytest.mark.parametrize(
    ("backend", "tolerance"), [(TRITON, TOLERANCE), (TRITON_BF16, BF16_TOLERANCE)],
    ids=["float32", "bf16"],
)  # fmt: skip
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_triton_is_plain_at_the_papers_size(cell: str, backend: Backend, tolerance: float) -> None:
    problem = big_problem(cell)
    assert_same(problem.answer(backend), problem.expected(), tolerance)


def test_cudnn_is_plain_at_the_papers_size() -> None:
    """In float32: TF32, which is the default there, has a tenth of the tolerance's digits."""
    problem = big_problem("lstm", keep=1.0)
    assert_same(problem.answer(CUDNN), problem.expected(), TOLERANCE)


@pytest.mark.parametrize("backend", [TRITON, TRITON_BF16], ids=["float32", "bf16"])
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_triton_again_gives_the_same_bits(cell: str, backend: Backend) -> None:
    problem = big_problem(cell)
    first, second = problem.answer(backend), problem.answer(backend)
    for name, value in first.items():
        assert (value is None and second[name] is None) or torch.equal(value, second[name]), name


# --- graphs ---------------------------------------------------------------------------------------

N_MAX, BATCH = 24, 8


def a_batch(seed: int) -> Batch:
    rng = np.random.default_rng(seed)
    lengths_B = rng.integers(1, N_MAX + 1, BATCH)
    x_BT5 = np.zeros((BATCH, N_MAX + 1, 5), np.float32)
    x_BT5[..., :2] = rng.normal(size=(BATCH, N_MAX + 1, 2))
    x_BT5[..., 2] = 1
    x_BT5[np.arange(N_MAX + 1) > lengths_B[:, None]] = (0, 0, 0, 0, 1)
    x_BT5[:, 0, :2] = 0
    return Batch(x_BT5, lengths_B, np.arange(BATCH))


def a_trainer(cell: str, *, graphs: bool, bf16: bool = False) -> Trainer:
    model = ModelConfig(
        N_max=N_MAX,
        encoder_cell="lstm",
        decoder_cell=cell,
        encoder_size=32,
        decoder_size=64,
        z_size=16,
        mixtures=5,
        hyper_size=32,
        hyper_embedding=8,
    )
    precision = "bf16" if bf16 else "float32"
    trainer = Trainer(model, TrainingConfig(batch_size=BATCH, precision=precision), 1.0, CUDA)
    trainer.graphs = graphs
    return trainer


def losses(trainer: Trainer, steps: range) -> list[float]:
    taken = [trainer.step(a_batch(step)) for step in steps]
    return [record["loss"] for record in taken if record is not None]


@pytest.mark.parametrize("bf16", [False, True], ids=["float32", "bf16"])
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_a_graph_is_the_step(cell: str, bf16: bool) -> None:
    """The same masks, z and losses as step after step without it."""
    graph, eager = (a_trainer(cell, graphs=graphs, bf16=bf16) for graphs in (True, False))
    found, expected = losses(graph, range(5)), losses(eager, range(5))
    assert graph._graph is not None
    assert eager._graph is None
    assert len(set(expected)) == 5
    # the same kernels; products of another choice where memory is aligned otherwise
    assert found == pytest.approx(expected, rel=1e-3 if bf16 else 1e-5)


def test_a_graph_is_the_plain_loop() -> None:
    graph, plain = a_trainer("layer_norm", graphs=True), a_trainer("layer_norm", graphs=False)
    plain.backend = PLAIN
    assert losses(graph, range(5)) == pytest.approx(losses(plain, range(5)), rel=TOLERANCE)


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_a_restored_run_goes_on_as_it_was(cell: str, tmp_path: Path) -> None:
    """The graph of the moments that were replaced is made anew."""
    trainer = a_trainer(cell, graphs=True)
    losses(trainer, range(3))
    trainer.save(tmp_path / "last")
    expected = losses(trainer, range(3, 6))
    trainer.restore(tmp_path / "last")
    assert losses(trainer, range(3, 6)) == pytest.approx(expected, rel=1e-6)
    other = a_trainer(cell, graphs=True)
    other.restore(tmp_path / "last")
    assert losses(other, range(3, 6)) == pytest.approx(expected, rel=1e-6)


def test_a_graph_does_nothing_where_the_loss_is_not_finite() -> None:
    trainer = a_trainer("lstm", graphs=True)
    losses(trainer, range(2))
    before = [parameter.clone() for parameter in trainer.network.parameters()]
    bad = a_batch(2)
    bad.x_BT5[0, 1, 0] = np.nan
    assert trainer.step(bad) is None
    assert trainer.place.steps_done == 2
    for parameter, value in zip(trainer.network.parameters(), before, strict=True):
        assert torch.equal(parameter, value)
    assert {float(state["step"]) for state in trainer.adam.state.values()} == {2.0}
    assert len(losses(trainer, range(2, 4))) == 2


def test_evaluation_between_steps_of_a_graph() -> None:
    """What is computed in between does not write where the graph reads."""
    graph, alone = (a_trainer("layer_norm", graphs=True) for _ in range(2))
    expected = losses(alone, range(4))
    found = losses(graph, range(2))
    for _ in range(3):
        batch = a_batch(9)
        x_BT5 = torch.from_numpy(batch.x_BT5).cuda()
        lengths_B = torch.from_numpy(batch.lengths_B).cuda()
        mu, _ = graph.network.encode(x_BT5[:, 1:], lengths_B)
        mixture, _ = graph.network.decode(x_BT5[:, :-1], mu)
        reconstruction_loss(mixture, x_BT5[:, 1:], lengths_B).L_R.mean().item()
    assert found + losses(graph, range(2, 4)) == pytest.approx(expected, rel=1e-6)
