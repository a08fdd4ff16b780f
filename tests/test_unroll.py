"""Running a cell over time: every way gives the plain loop's answer and gradients.

Tolerances: float64, the same operations in another order, so 1e-12 (gradients 1e-11); float32 has
eps = 6e-8, and over 25 steps differences of a few hundred eps relative to the largest entry add up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from sketchrnn.model.cells import Cell
from sketchrnn.model.unroll import last_output, reverse_by_length, unroll
from test_cells import CELLS, make_cell, make_inputs

FORWARD, BACKWARD = 1e-12, 1e-11
SINGLE = 2e-5

masks_or_not = pytest.mark.parametrize("with_masks", [False, True], ids=["no masks", "masks"])
every_cell = pytest.mark.parametrize("name", CELLS)


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def outputs_and_gradients(
    cell: Cell,
    projected: Tensor,
    state: tuple[Tensor, ...],
    masks: Tensor | None,
    loss: Callable[[Tensor, tuple[Tensor, ...]], Tensor],
    *,
    plain: bool,
) -> dict[str, Tensor]:
    """h, the last state, and the loss's gradient by every parameter, the input and the state."""
    cell.zero_grad(set_to_none=True)
    projected = projected.detach().clone().requires_grad_()
    state = tuple(part.detach().clone().requires_grad_() for part in state)
    h, final = unroll(cell, projected, state, masks, plain=plain)
    loss(h, final).backward()
    found = {"h": h.detach(), "d projected": projected.grad}
    found |= {f"final {part}": value.detach() for part, value in enumerate(final)}
    found |= {f"d state {part}": value.grad for part, value in enumerate(state)}
    found |= {f"d {key}": value.grad for key, value in cell.named_parameters()}
    return found


def assert_same(
    ours: dict[str, Tensor], expected: dict[str, Tensor], forward: float, backward: float
) -> None:
    """Equal up to the tolerances, each relative to the largest entry."""
    for key, value in expected.items():
        if value is None:  # the input weights, which `project` and not `unroll` reads
            assert ours[key] is None
            continue
        bound = (backward if key.startswith("d ") else forward) * max(1.0, float(value.abs().max()))
        torch.testing.assert_close(ours[key], value, rtol=0, atol=bound, msg=lambda m, k=key: k + m)


def random_loss(h: Tensor, final: tuple[Tensor, ...]) -> Tensor:
    """A loss that reads every h, and every part of the state that is returned."""
    generator = torch.Generator().manual_seed(5)
    return sum(
        (value * torch.randn(value.shape, generator=generator).to(value)).sum()
        for value in (h, *final)
    )


@masks_or_not
@pytest.mark.parametrize("T", [1, 2, 7])
@every_cell
def test_fast_is_plain(name: str, T: int, with_masks: bool) -> None:
    cell = make_cell(name, D=3, H=5)
    x, state, masks = make_inputs(cell, T, 4, with_masks)
    projected = cell.project(x)
    fast, plain = (
        outputs_and_gradients(cell, projected, state, masks, random_loss, plain=way)
        for way in (False, True)
    )
    assert_same(fast, plain, FORWARD, BACKWARD)


@pytest.mark.parametrize(
    "loss",
    [
        lambda h, final: h[-1].sum(),
        lambda h, final: final[1].sum(),  # c only: h has no adjoint of its own
        lambda h, final: h[2].square().sum(),  # later steps have none
        lambda h, final: h.sum() + final[0].sum(),  # the last h twice; adjoints of stride 0
    ],
    ids=["last h", "last c", "middle h", "sums"],
)
@every_cell
def test_fast_is_plain_for_parts_of_the_outputs(
    name: str, loss: Callable[[Tensor, tuple[Tensor, ...]], Tensor]
) -> None:
    cell = make_cell(name)
    x, state, masks = make_inputs(cell, 5, 3, with_masks=True)
    fast, plain = (
        outputs_and_gradients(cell, cell.project(x), state, masks, loss, plain=way)
        for way in (False, True)
    )
    assert_same(fast, plain, FORWARD, BACKWARD)


@every_cell
def test_fast_is_plain_in_float32(name: str) -> None:
    torch.set_default_dtype(torch.float32)
    cell = make_cell(name, D=5, H=24)
    x, state, masks = make_inputs(cell, 25, 6, with_masks=True)
    fast, plain = (
        outputs_and_gradients(cell, cell.project(x), state, masks, random_loss, plain=way)
        for way in (False, True)
    )
    assert fast["h"].dtype == torch.float32
    assert_same(fast, plain, SINGLE, SINGLE)


@every_cell
def test_fast_reads_any_layout(name: str) -> None:
    """Inputs that are views: time and batch exchanged, states cut from one tensor."""
    cell = make_cell(name)
    x, state, masks = make_inputs(cell, 6, 3, with_masks=True)
    projected = cell.project(x)
    expected = unroll(cell, projected, state, masks, plain=True)
    views = torch.cat(state, dim=1).split(cell.state_sizes, dim=1)
    strided = projected.transpose(0, 1).contiguous().transpose(0, 1)
    assert not strided.is_contiguous()
    h, final = unroll(cell, strided, views, masks.transpose(0, 1).contiguous().transpose(0, 1))
    for ours, wanted in zip((h, *final), (expected[0], *expected[1]), strict=True):
        torch.testing.assert_close(ours, wanted, rtol=0, atol=FORWARD)


@pytest.mark.parametrize("frozen", [False, True], ids=["parameters", "frozen"])
@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
@masks_or_not
@pytest.mark.parametrize("T", [1, 2, 3, 8])
@every_cell
def test_without_gradients(
    name: str, T: int, with_masks: bool, context: Callable[[], torch.no_grad], frozen: bool
) -> None:
    """The same numbers exactly where buffers are used over and over; inputs stay as they were."""
    cell = make_cell(name)
    x, state, masks = make_inputs(cell, T, 3, with_masks)
    with_gradients = unroll(cell, cell.project(x), state, masks)
    before = [value.clone() for value in state]
    cell.requires_grad_(not frozen)
    with context():
        projected = cell.project(x)
        kept = projected.clone()
        first = unroll(cell, projected, state, masks)
        first_values = [value.clone() for value in (first[0], *first[1])]
        unroll(cell, projected + 1, state, masks)  # must not write into the first's results
    for ours, copy, wanted in zip(
        (first[0], *first[1]), first_values, (with_gradients[0], *with_gradients[1]), strict=True
    ):
        assert torch.equal(ours, copy)
        assert torch.equal(ours, wanted)
    assert torch.equal(projected, kept)
    assert all(map(torch.equal, state, before))


class Largest(TorchDispatchMode):
    """Notes the largest tensor, in numbers, that any operation makes."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            self.numbers = max(self.numbers, result.numel())
        return result


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("name", ["lstm", "layer_norm"])
def test_without_gradients_nothing_is_kept(name: str, context: Callable[[], torch.no_grad]) -> None:
    """No tensor is larger than the outputs [T, B, H]: the gates of all steps are 4 times that."""
    cell = make_cell(name)
    x, state, _ = make_inputs(cell, 20, 3, with_masks=False)
    with context():
        projected = cell.project(x)
        with Largest() as largest:
            h, _ = unroll(cell, projected, state)
    assert largest.numbers == h.numel()


@pytest.mark.parametrize("name", ["lstm", "layer_norm"])
def test_only_what_needs_a_gradient_gets_one(name: str) -> None:
    """Frozen weights, or only the initial state learned: the other gradients are as before."""
    cell = make_cell(name)
    x, state, masks = make_inputs(cell, 4, 3, with_masks=True)
    full = outputs_and_gradients(cell, cell.project(x), state, masks, random_loss, plain=True)
    cell.requires_grad_(False)
    for number in range(2):
        parts = [part.clone() for part in state]
        parts[number].requires_grad_()
        h, final = unroll(cell, cell.project(x), tuple(parts), masks)
        random_loss(h, final).backward()
        torch.testing.assert_close(
            parts[number].grad, full[f"d state {number}"], rtol=0, atol=BACKWARD
        )
        assert parts[1 - number].grad is None
    cell.W_hh.requires_grad_(True)
    cell.zero_grad(set_to_none=True)
    h, final = unroll(cell, cell.project(x), state, masks)
    random_loss(h, final).backward()
    torch.testing.assert_close(cell.W_hh.grad, full["d W_hh"], rtol=0, atol=BACKWARD)


@every_cell
def test_backward_twice_adds_up(name: str) -> None:
    """What is kept for the backward pass is not used up by it."""
    cell = make_cell(name)
    x, state, masks = make_inputs(cell, 4, 3, with_masks=True)
    cell.zero_grad(set_to_none=True)
    loss = random_loss(*unroll(cell, cell.project(x), state, masks))
    loss.backward(retain_graph=True)
    once = {key: value.grad.clone() for key, value in cell.named_parameters()}
    loss.backward()
    for key, value in cell.named_parameters():
        torch.testing.assert_close(value.grad, 2 * once[key], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["lstm", "layer_norm"])
def test_no_wrong_second_derivative(name: str) -> None:
    """The hand-derived backward pass has no derivative of its own: an error, not a wrong number."""
    cell = make_cell(name)
    x, state, _ = make_inputs(cell, 2, 2, with_masks=False)
    loss = random_loss(*unroll(cell, cell.project(x), state)).square()
    (gradient,) = torch.autograd.grad(loss, [cell.W_hh], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.square().sum().backward()


@masks_or_not
@every_cell
def test_unroll_gradcheck(name: str, with_masks: bool) -> None:
    """PyTorch's numeric check of the node, for its input, the initial state and all parameters."""
    cell = make_cell(name, D=2, H=3)
    x, state, masks = make_inputs(cell, 3, 2, with_masks)
    parameters = [value for key, value in cell.named_parameters() if key != "W_xh"]

    def run(projected: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        h, final = unroll(cell, projected, rest[: len(state)], masks)
        return h, *final  # the parameters are perturbed in place

    inputs = [value.detach().clone().requires_grad_() for value in (cell.project(x), *state)]
    assert torch.autograd.gradcheck(run, (*inputs, *parameters))


@pytest.mark.parametrize("plain", [True, False], ids=["plain", "fast"])
@masks_or_not
@every_cell
def test_step_by_step_is_unrolled(name: str, with_masks: bool, plain: bool) -> None:
    cell = make_cell(name)
    x, start, masks = make_inputs(cell, 6, 3, with_masks)
    h, final = unroll(cell, cell.project(x), start, masks, plain=plain)
    state = start
    for t in range(len(x)):
        state = cell(x[t], state, None if masks is None else masks[t])
        torch.testing.assert_close(h[t], state[0], rtol=0, atol=FORWARD)
    for ours, wanted in zip(final, state, strict=True):
        torch.testing.assert_close(ours, wanted, rtol=0, atol=FORWARD)


@every_cell
def test_two_halves_are_the_whole(name: str) -> None:
    """Going on from the returned state gives the same outputs and the same gradients."""
    cell = make_cell(name)
    x, state, masks = make_inputs(cell, 7, 3, with_masks=True)
    whole = outputs_and_gradients(cell, cell.project(x), state, masks, random_loss, plain=True)
    cell.zero_grad(set_to_none=True)
    projected = cell.project(x).detach()
    first, between = unroll(cell, projected[:3], state, masks[:3])
    second, final = unroll(cell, projected[3:], between, masks[3:])
    random_loss(torch.cat([first, second]), final).backward()
    for key, value in cell.named_parameters():
        if value.grad is not None:
            torch.testing.assert_close(value.grad, whole[f"d {key}"], rtol=0, atol=BACKWARD)
    assert cell.W_hh.grad is not None


@pytest.mark.parametrize("lengths", [[1, 4, 6, 6, 3], [1, 1, 1, 1, 1], [6, 6, 6, 6, 6]])
def test_reverse_and_last_against_a_loop(lengths: list[int]) -> None:
    T, B = 6, len(lengths)
    x = torch.randn(T, B, 2)
    lengths_B = torch.tensor(lengths)
    reversed_rows, last = x.clone(), torch.empty(B, 2)
    for row, length in enumerate(lengths):
        for step in range(length):
            reversed_rows[step, row] = x[length - 1 - step, row]
        last[row] = x[length - 1, row]
    assert torch.equal(reverse_by_length(x, lengths_B), reversed_rows)
    assert torch.equal(reverse_by_length(reversed_rows, lengths_B), x)
    assert torch.equal(last_output(x, lengths_B), last)
