"""CPU = GPU, where there is a GPU: encodings, losses, gradients, drawings."""

from __future__ import annotations

import pytest
import torch

from sketchrnn.drawing.sample import sample_strokes
from sketchrnn.model.config import CELL_NAMES, ModelConfig
from sketchrnn.model.network import Network
from sketchrnn.training.loss import kl_loss, reconstruction_loss

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")

TOLERANCE = 2e-4  # float32 sums in another order, through 40 recurrent steps


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_losses_and_gradients_agree(cell: str) -> None:
    torch.manual_seed(0)
    config = ModelConfig(
        N_max=40,
        encoder_cell=cell,  # type: ignore[arg-type]
        decoder_cell=cell,  # type: ignore[arg-type]
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
