"""The three cells against torch.nn.LSTM and against the papers' equations in float64 NumPy.

Tolerances: float64 on both sides, a few dozen operations on numbers near 1, so 1e-12; gradients add
up more of them, so 1e-10. Gradients of the oracles are complex-step derivatives, exact to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

import oracles
from sketchrnn.model.cells import Cell, HyperLSTMCell, LayerNormLSTMCell, LSTMCell

CELLS = ("lstm", "layer_norm", "hyper")
FORWARD, BACKWARD = 1e-12, 1e-10


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def make_cell(name: str, D: int = 3, H: int = 4, seed: int = 0) -> Cell:
    """A cell whose parameters are all random: none is at a value where a mistake would not show."""
    torch.manual_seed(seed)
    cell: Cell = {
        "lstm": LSTMCell,
        "layer_norm": LayerNormLSTMCell,
        "hyper": lambda D, H: HyperLSTMCell(D, H, hyper_size=3, embedding=2),
    }[name](D, H)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter += 0.4 * torch.randn_like(parameter)
    return cell


def make_inputs(
    cell: Cell, T: int, B: int, with_masks: bool
) -> tuple[Tensor, tuple[Tensor, ...], Tensor | None]:
    """x [T, B, D], a state and masks (0 or 1/keep), random."""
    x = torch.randn(T, B, cell.input_size)
    state = tuple(0.5 * torch.randn(B, size) for size in cell.state_sizes)
    masks = (torch.rand(T, B, sum(cell.mask_sizes)) < 0.6) / 0.6 if with_masks else None
    return x, state, masks


def run(
    cell: Cell, x: Tensor, state: tuple[Tensor, ...], masks: Tensor | None
) -> tuple[Tensor, tuple[Tensor, ...]]:
    outputs = []
    for t in range(len(x)):
        state = cell(x[t], state, None if masks is None else masks[t])
        outputs.append(state[0])
    return torch.stack(outputs), state


def arrays(tensors: dict[str, Tensor]) -> dict[str, oracles.Array]:
    return {name: value.detach().numpy() for name, value in tensors.items()}


def test_lstm_is_torch_lstm() -> None:
    """Outputs, last state and every gradient, with torch's gates (i, f, g, o) put in our order."""
    D, H, T, B = 3, 5, 6, 4
    cell = make_cell("lstm", D, H)
    theirs = torch.nn.LSTM(D, H)
    order = [0, 2, 1, 3]  # i, g, f, o of i, f, g, o; the exchange is its own inverse

    def to_torch(value: Tensor) -> Tensor:
        """[..., 4H] in our order -> [4H, ...] in torch's."""
        gates = value.chunk(4, dim=-1)
        return torch.cat([gates[gate] for gate in order], dim=-1).movedim(-1, 0)

    with torch.no_grad():
        theirs.weight_ih_l0.copy_(to_torch(cell.W_xh))
        theirs.weight_hh_l0.copy_(to_torch(cell.W_hh))
        theirs.bias_ih_l0.copy_(to_torch(cell.bias))
        theirs.bias_hh_l0.zero_()
        theirs.bias_hh_l0[H : 2 * H] = 1.0  # ours is added at run time

    x, state, _ = make_inputs(cell, T, B, with_masks=False)
    weights = torch.randn(T, B, H), torch.randn(B, H)
    results = []
    for module in (cell, theirs):
        inputs = [value.clone().requires_grad_() for value in (x, *state)]
        if module is cell:
            h, (_, c) = run(cell, inputs[0], tuple(inputs[1:]), None)
        else:
            h, (_, c) = theirs(inputs[0], (inputs[1][None], inputs[2][None]))
            c = c[0]
        ((h * weights[0]).sum() + (c * weights[1]).sum()).backward()
        results.append((h, c, *(value.grad for value in inputs)))
    for ours, expected in zip(*results, strict=True):
        torch.testing.assert_close(ours, expected, rtol=0, atol=FORWARD)
    for ours, expected in (
        (cell.W_xh, theirs.weight_ih_l0),
        (cell.W_hh, theirs.weight_hh_l0),
        (cell.bias, theirs.bias_ih_l0),
    ):
        torch.testing.assert_close(to_torch(ours.grad), expected.grad, rtol=0, atol=BACKWARD)


@pytest.mark.parametrize("with_masks", [False, True], ids=["no masks", "masks"])
@pytest.mark.parametrize("name", CELLS)
def test_cells_are_the_papers_equations(name: str, with_masks: bool) -> None:
    """Every h, the last state, and the gradients by inputs, state and parameters, over 3 steps."""
    cell = make_cell(name)
    x, state, masks = make_inputs(cell, 3, 2, with_masks)
    numpy_masks = None if masks is None else masks.numpy()
    parts = [f"state {part}" for part in range(len(state))]
    tensors = {"x": x, **dict(zip(parts, state, strict=True))}
    for value in tensors.values():
        value.requires_grad_()
    tensors |= dict(cell.named_parameters())

    h, final = run(cell, x, state, masks)
    weights = [torch.randn_like(value) for value in (h, *final)]
    sum(
        (value * weight).sum() for value, weight in zip((h, *final), weights, strict=True)
    ).backward()

    def oracle(values: dict[str, oracles.Array]) -> tuple[oracles.Array, ...]:
        h, final = oracles.run(
            name, values, values["x"], tuple(values[part] for part in parts), numpy_masks
        )
        return h, *final

    def loss(values: dict[str, oracles.Array]) -> oracles.Array:
        return sum(
            (value * weight.numpy()).sum()
            for value, weight in zip(oracle(values), weights, strict=True)
        )

    numbers = arrays(tensors)
    for ours, expected in zip((h, *final), oracle(numbers), strict=True):
        np.testing.assert_allclose(ours.detach().numpy(), expected, rtol=0, atol=FORWARD)
    for key, expected in oracles.gradient(loss, numbers).items():
        np.testing.assert_allclose(
            tensors[key].grad.numpy(), expected, rtol=0, atol=BACKWARD, err_msg=key
        )


@pytest.mark.parametrize("name", ["layer_norm", "hyper"])
def test_layer_norm_epsilon(name: str) -> None:
    """At a variance near epsilon (1e-3) a wrong epsilon, or one outside the root, changes h."""
    cell = make_cell(name)
    with torch.no_grad():
        cell.W_xh *= 0.03  # type: ignore[assignment]
        cell.W_hh *= 0.03  # type: ignore[assignment]
    x, state, _ = make_inputs(cell, 1, 2, with_masks=False)
    state = tuple(0.03 * part for part in state)
    h, _ = run(cell, x, state, None)
    expected, _ = oracles.run(
        name,
        arrays(dict(cell.named_parameters())),
        x.numpy(),
        tuple(part.numpy() for part in state),
    )
    np.testing.assert_allclose(h.detach().numpy(), expected, rtol=0, atol=FORWARD)


@pytest.mark.parametrize("with_masks", [False, True], ids=["no masks", "masks"])
@pytest.mark.parametrize("name", CELLS)
def test_cell_gradcheck(name: str, with_masks: bool) -> None:
    """PyTorch's own numeric check, at its tolerances, for every input and parameter of one step."""
    cell = make_cell(name, D=2, H=3)
    x, state, masks = make_inputs(cell, 1, 2, with_masks)
    mask = None if masks is None else masks[0]
    inputs = [value.requires_grad_() for value in (x[0], *state)]

    def step(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        return cell(x, rest[: len(state)], mask)  # the parameters are perturbed in place

    assert torch.autograd.gradcheck(step, (*inputs, *cell.parameters()))


@pytest.mark.parametrize("name", CELLS)
def test_dropout_touches_only_the_candidate(name: str) -> None:
    """c' = sigma(f + 1) c + mask (what i and g add); the output gate is as without a mask."""
    cell = make_cell(name)
    H = cell.hidden_size
    x, state, _ = make_inputs(cell, 1, 2, with_masks=False)
    ones = torch.ones(2, sum(cell.mask_sizes))
    masked = ones.clone()
    masked[:, :H] = torch.tensor([0.0, 1.0, 1 / 0.9, 0.0])
    zeroed = ones.clone()
    zeroed[:, :H] = 0.0
    p = arrays(dict(cell.named_parameters()))
    x0, h0 = x[0].numpy(), state[0].numpy()
    if name == "lstm":
        gates = np.split(x0 @ p["W_xh"] + h0 @ p["W_hh"] + p["bias"], 4, axis=1)
    elif name == "layer_norm":
        gates = oracles.layer_norm_gates(p, x0, h0)
    else:
        small = {key.removeprefix("hyper."): v for key, v in p.items() if key.startswith("hyper.")}
        k, _ = oracles.layer_norm_lstm_step(
            small, np.hstack([x0, h0]), (state[2].numpy(), state[3].numpy()), None
        )
        gates = oracles.hyper_gates(p, x0, h0, k)
    i, g, f, o = gates
    with torch.no_grad():
        kept = oracles.sigmoid(f + 1) * state[1].numpy()
        added = oracles.sigmoid(i) * np.tanh(g)
        h, c, *_ = cell(x[0], state, zeroed)
        np.testing.assert_allclose(c.numpy(), kept, rtol=0, atol=FORWARD)
        h, c, *_ = cell(x[0], state, masked)
        expected = kept + masked[:, :H].numpy() * added
        np.testing.assert_allclose(c.numpy(), expected, rtol=0, atol=FORWARD)
        if name != "lstm":
            expected = oracles.layer_norm(expected, p["c_norm.gamma"], p["c_norm.beta"])
        expected = oracles.sigmoid(o) * np.tanh(expected)
        np.testing.assert_allclose(h.numpy(), expected, rtol=0, atol=FORWARD)
        for ours, plain in zip(cell(x[0], state, ones), cell(x[0], state), strict=True):
            torch.testing.assert_close(ours, plain, rtol=0, atol=0)


def test_dropout_of_the_small_lstm() -> None:
    """The second mask of a HyperLSTM acts on its small LSTM's candidate: all zero keeps sigma n."""
    cell = make_cell("hyper")
    x, state, _ = make_inputs(cell, 1, 2, with_masks=False)
    mask = torch.ones(2, sum(cell.mask_sizes))
    mask[:, cell.hidden_size :] = 0.0
    p = arrays(dict(cell.hyper.named_parameters()))
    joined = np.hstack([x[0].numpy(), state[0].numpy()])
    _, _, f, _ = oracles.layer_norm_gates(p, joined, state[2].numpy())
    *_, n = cell(x[0], state, mask)
    expected = oracles.sigmoid(f + 1) * state[3].numpy()
    np.testing.assert_allclose(n.detach().numpy(), expected, rtol=0, atol=FORWARD)


@pytest.mark.parametrize("name", CELLS)
def test_forget_bias(name: str) -> None:
    """Without weights and biases c' = sigma(1) c: the 1 is added at run time, not in the bias."""
    cell = make_cell(name)
    with torch.no_grad():
        for key, parameter in cell.named_parameters():
            if not key.endswith("gamma"):
                parameter.zero_()
    x, state, _ = make_inputs(cell, 1, 2, with_masks=False)
    _, c, *_ = cell(x[0], state)
    torch.testing.assert_close(c, state[1] / (1 + np.exp(-1.0)), rtol=0, atol=FORWARD)


@pytest.mark.parametrize("name", CELLS)
def test_initial_weights(name: str) -> None:
    """W_hh is one orthogonal matrix a gate, no two alike; biases are zero; W_xh is Xavier's."""
    torch.manual_seed(0)
    D, H = 40, 30
    cell = {"lstm": LSTMCell, "layer_norm": LayerNormLSTMCell, "hyper": HyperLSTMCell}[name](D, H)
    for matrix in [cell.W_hh] + ([cell.hyper.W_hh] if name == "hyper" else []):
        gates = matrix.detach().chunk(4, dim=1)
        for gate in gates:
            torch.testing.assert_close(gate @ gate.T, torch.eye(len(gate)), rtol=0, atol=1e-12)
        assert min((a - b).abs().max() for a, b in pairwise(gates)) > 0.1
    bound = (6 / (D + 4 * H)) ** 0.5
    W_xh = cell.W_xh.detach()
    assert W_xh.abs().max() <= bound
    # 4800 uniform numbers: the standard deviation is bound / sqrt 3 within about 1 %
    assert float(W_xh.std()) == pytest.approx(bound / 3**0.5, rel=0.04)
    parameters = dict(cell.named_parameters())
    zero = [key for key in parameters if key in ("bias", "W_zw", "W_beta") or key.endswith("beta")]
    assert zero
    assert all((parameters[key] == 0).all() for key in zero)
    assert all((value == 1).all() for key, value in parameters.items() if key.endswith("gamma"))


def test_initial_hyper_scaling_is_a_tenth() -> None:
    """Ha, Dai, Le 2016, appendix A.3: at first every scale is 0.1 and every shift 0."""
    torch.manual_seed(0)
    cell = HyperLSTMCell(3, 4, hyper_size=6, embedding=5)
    p = arrays(dict(cell.named_parameters()))
    x, state, _ = make_inputs(cell, 1, 2, with_masks=False)
    gates = oracles.hyper_gates(p, x[0].numpy(), state[0].numpy(), state[2].numpy())
    scaled = 0.1 * (x[0].numpy() @ p["W_xh"] + state[0].numpy() @ p["W_hh"])
    for gate, before in zip(gates, np.split(scaled, 4, axis=1), strict=True):
        expected = oracles.layer_norm(before, np.ones(4), np.zeros(4))
        np.testing.assert_allclose(gate, expected, rtol=0, atol=FORWARD)
