"""Running a cell over time: what `unroll` promises, whichever backend it goes.

Tolerances, relative to the largest entry: the plain loop runs in float64, the same operations in
another order, so 1e-12 (gradients 1e-11). C runs in float32, whose eps is 6e-8: over some ten steps
up to 3e-6 was seen, the same as of the plain loop in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils._python_dispatch import TorchDispatchMode

import oracles
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.backends.native import library as library_module
from sketchrnn.model.backends.plain import Dropout
from sketchrnn.model.config import BACKEND_NAMES
from sketchrnn.model.unroll import (
    AUTO,
    PLAIN,
    Backend,
    Stepper,
    random_dropout,
    reverse_by_length,
    unroll,
)
from unrolling import (
    NATIVE,
    Answer,
    Loss,
    assert_same,
    dtype_of,
    every_cell,
    every_way,
    needs_native,
    ragged,
    random_cell,
    random_loss,
    random_problem,
)

dropout_or_not = pytest.mark.parametrize("keep", [1.0, 0.75], ids=["all kept", "dropout"])


def tolerance(backend: Backend) -> float:
    return 1e-11 if backend == PLAIN else 1e-5


def tensors(result: tuple[Tensor, tuple[Tensor, ...]]) -> list[Tensor]:
    return [result[0], *result[1]]


@dropout_or_not
@every_way
@every_cell
def test_it_is_the_papers_equations(name: str, backend: Backend, keep: float) -> None:
    """Each row alone, for its own number of steps, in float64 NumPy; the z-part stands still.

    The input is [point; z] to the papers, the point alone to `unroll`. Gradients of the oracle are
    complex-step derivatives, exact to rounding, by all the parameters there are.
    """
    T, B, D, H, Z = 3, 3, 2, 3, 1
    lengths = [2, 3, 1]
    problem = random_problem(name, T=T, B=B, D=D, H=H, Y=2, E=2, lengths=lengths, keep=keep)
    problem = problem.to(dtype_of(backend))
    cell = random_cell(name, D + Z, H, Y=2, E=2).to(dtype_of(backend))
    z = torch.randn(B, Z).to(dtype_of(backend)).requires_grad_()
    weights, bias = cell.input_weights()
    constant = z @ weights[D:] + (0 if bias is None else bias)
    state = tuple(part.requires_grad_() for part in problem.state)
    problem = replace(problem, cell=cell, weights_DP=weights[:D], constant=constant)
    h, final = problem.run(backend)
    random_loss(h, final).backward()

    leaves = {"z": z, **{f"state {part}": value for part, value in enumerate(state)}}
    leaves |= dict(cell.named_parameters())
    factors = None
    if problem.dropout is not None:
        factors = torch.stack([problem.dropout.factors(t) for t in range(T)]).double().numpy()

    def oracle(values: dict[str, oracles.Array]) -> list[oracles.Array]:
        h = np.zeros((T, B, H), dtype=np.result_type(*values.values()))
        final = [np.zeros((B, size), dtype=h.dtype) for size in cell.state_sizes]
        for row, length in enumerate(lengths):
            x = problem.x_TBD[:length, row : row + 1].double().numpy()
            z = np.broadcast_to(values["z"][row], (length, 1, Z))
            own, last = oracles.run(
                name,
                values,
                np.concatenate([x, z], axis=2),
                tuple(values[f"state {part}"][row : row + 1] for part in range(len(state))),
                None if factors is None else factors[:length, row : row + 1],
            )
            h[:length, row] = own[:, 0]
            for part, value in zip(final, last, strict=True):
                part[row] = value[0]
        return [h, *final]

    def oracle_loss(values: dict[str, oracles.Array]) -> oracles.Array:
        generator = torch.Generator().manual_seed(5)  # the numbers of `random_loss`
        parts = [
            (value * torch.randn(value.shape, generator=generator, dtype=torch.float64).numpy())
            for value in oracle(values)
        ]
        return sum(part.sum() for part in parts)

    numbers = {key: value.detach().double().numpy() for key, value in leaves.items()}
    found = {str(key): value.detach() for key, value in enumerate(tensors((h, final)))}
    wanted = {str(key): torch.tensor(value) for key, value in enumerate(oracle(numbers))}
    assert_same(found, wanted, tolerance(backend))
    found = {key: value.grad for key, value in leaves.items()}
    slopes = oracles.gradient(oracle_loss, numbers)
    assert_same(found, {key: torch.tensor(v) for key, v in slopes.items()}, tolerance(backend))


@every_way
def test_the_lstm_is_torch_lstm(backend: Backend) -> None:
    """Rows of different lengths, packed as torch packs them; torch's gates are i, f, g, o."""
    T, B, D, H = 9, 6, 3, 21
    problem = random_problem("lstm", T=T, B=B, D=D, H=H, lengths=ragged(T, B)).to(dtype_of(backend))
    cell = problem.cell
    weights, bias = cell.input_weights()
    problem = replace(problem, weights_DP=weights, constant=bias)
    theirs = nn.LSTM(D, H).to(dtype_of(backend))

    def to_torch(value: Tensor) -> Tensor:
        """[..., 4H] in our order -> [4H, ...] in torch's."""
        i, g, f, o = value.chunk(4, dim=-1)
        return torch.cat([i, f, g, o], dim=-1).movedim(-1, 0)

    pairs = (
        (cell.W_xh, theirs.weight_ih_l0),
        (cell.W_hh, theirs.weight_hh_l0),
        (cell.bias, theirs.bias_ih_l0),
    )
    with torch.no_grad():
        for ours, its in pairs:
            its.copy_(to_torch(ours))
        theirs.bias_hh_l0.zero_()
        theirs.bias_hh_l0[H : 2 * H] = 1.0  # ours is added at run time

    results = []
    for which in ("ours", "theirs"):
        h0, c0 = (part.clone().requires_grad_() for part in problem.state)
        if which == "ours":
            h, final = replace(problem, state=(h0, c0)).run(backend)
        else:
            packed = pack_padded_sequence(problem.x_TBD, problem.lengths_B, enforce_sorted=False)
            rows, last = theirs(packed, (h0[None], c0[None]))
            h, final = pad_packed_sequence(rows)[0], tuple(part[0] for part in last)
        random_loss(h, final).backward()
        values = [h.detach(), *(part.detach() for part in final), h0.grad, c0.grad]
        results.append({str(key): value for key, value in enumerate(values)})
    results[0] |= {str(its.shape): to_torch(ours.grad) for ours, its in pairs}
    results[1] |= {str(its.shape): its.grad for _, its in pairs}
    assert_same(*results, tolerance(backend))  # type: ignore[call-arg]


@pytest.mark.parametrize("lengths", [None, [1, 2]], ids=["whole", "ragged"])
@every_cell
def test_plain_gradcheck(name: str, lengths: list[int] | None) -> None:
    """PyTorch's numeric check of the reference: input weights, constant, state, parameters."""
    problem = random_problem(name, T=2, B=2, D=2, H=3, Y=2, E=1, lengths=lengths, keep=0.75)
    parameters = [value for key, value in problem.cell.named_parameters() if key != "W_xh"]

    def run(weights: Tensor, constant: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        state = rest[: len(problem.state)]  # the parameters are perturbed in place
        return tuple(
            tensors(replace(problem, weights_DP=weights, constant=constant, state=state).run(PLAIN))
        )

    inputs = [
        value.requires_grad_() for value in (problem.weights_DP, problem.constant, *problem.state)
    ]
    assert torch.autograd.gradcheck(run, (*inputs, *parameters))


@every_way
@every_cell
def test_the_gradient_is_the_slope(name: str, backend: Backend) -> None:
    """A step along the gradient changes the loss by what the gradient says, by central differences.

    In float32 losses of size 1 are known to 1e-7: steps of 1e-3 give slopes to 1e-3.
    """
    problem = random_problem(name, T=5, B=3, lengths=[5, 2, 4], keep=0.75).to(dtype_of(backend))
    answer = problem.answer(backend)
    step = 1e-3
    with torch.no_grad():
        for key, value in problem.learning().items():
            gradient = answer[f"d {key}"]
            if gradient is None:
                continue
            direction = gradient / gradient.norm()
            start, losses = value.clone(), []
            for sign in (1, -1):
                value.copy_(start + sign * step * direction)
                losses.append(float(random_loss(*problem.run(backend))))
            value.copy_(start)
            slope = (losses[0] - losses[1]) / (2 * step)
            assert slope == pytest.approx(float(gradient.norm()), rel=2e-2, abs=2e-3), key


@dropout_or_not
@every_way
@every_cell
def test_step_by_step_is_unrolled(name: str, backend: Backend, keep: float) -> None:
    problem = random_problem(name, keep=keep).to(dtype_of(backend))
    h, final = problem.run(backend)
    state = problem.state
    for t, x in enumerate(problem.x_TBD):
        mask = None if problem.dropout is None else problem.dropout.factors(t)
        projected = x @ problem.weights_DP + problem.constant
        state = problem.cell.next_state(projected, state, mask)
        torch.testing.assert_close(h[t], state[0], rtol=0, atol=tolerance(backend))
    for ours, wanted in zip(final, state, strict=True):
        torch.testing.assert_close(ours, wanted, rtol=0, atol=tolerance(backend))


@every_way
@every_cell
def test_a_stepper_is_unroll(name: str, backend: Backend) -> None:
    problem = random_problem(name).to(dtype_of(backend))
    h, final = problem.run(backend)
    stepper = Stepper(problem.cell, problem.weights_DP, backend)
    state = problem.state
    before = [part.clone() for part in state]
    for t, x in enumerate(problem.x_TBD):
        state = stepper.step(x, problem.constant, state)
        torch.testing.assert_close(state[0], h[t], rtol=0, atol=tolerance(backend))
    for ours, wanted in zip(state, final, strict=True):
        torch.testing.assert_close(ours, wanted, rtol=0, atol=tolerance(backend))
    assert all(map(torch.equal, problem.state, before))


@pytest.mark.parametrize("lengths", [None, [7, 3, 4, 1]], ids=["whole", "ragged"])
@every_way
@every_cell
def test_two_halves_are_the_whole(name: str, backend: Backend, lengths: list[int] | None) -> None:
    """Going on from the returned state gives the same outputs and the same gradients."""
    problem = random_problem(name, B=4, keep=0.75, lengths=lengths).to(dtype_of(backend))
    whole = problem.answer(backend)
    for value in problem.learning().values():
        value.grad = None
    if lengths is None:
        going = torch.arange(4)
    else:
        going = torch.nonzero(problem.lengths_B > 3)[:, 0]
    ends = None if lengths is None else problem.lengths_B.clamp(max=3)
    first, between = replace(
        problem,
        x_TBD=problem.x_TBD[:3],
        dropout=problem.dropout.first(3),
        lengths_B=ends,
    ).run(backend)
    second, after = replace(
        problem,
        x_TBD=problem.x_TBD[3:, going],
        constant=problem.constant[going],
        state=tuple(part[going] for part in between),
        dropout=Dropout(problem.dropout.kept_TBm[3:, going], 0.75),
        lengths_B=None if lengths is None else problem.lengths_B[going] - 3,
    ).run(backend)
    rest = torch.zeros(4, 4, first.shape[2], dtype=first.dtype).index_copy(1, going, second)
    final = tuple(part.index_copy(0, going, new) for part, new in zip(between, after, strict=True))
    h = torch.cat([first, rest])
    random_loss(h, final).backward()
    found: Answer = {"h": h.detach()}
    found |= {f"final {part}": value.detach() for part, value in enumerate(final)}
    found |= {f"d {key}": value.grad for key, value in problem.learning().items()}
    assert_same(found, whole, tolerance(backend))


@pytest.mark.parametrize("garbage", [float("nan"), float("inf"), 1e30])
@every_way
@every_cell
def test_what_stands_past_the_ends_is_not_read(name: str, backend: Backend, garbage: float) -> None:
    """Not by the outputs and not by a gradient; h is 0 there, the state that of the last step."""
    lengths = [4, 7, 1, 3]
    problem = random_problem(name, lengths=lengths, keep=0.75).to(dtype_of(backend))
    expected = problem.answer(backend)
    past = torch.arange(7)[:, None] >= problem.lengths_B
    for row, length in enumerate(lengths):
        assert torch.equal(expected["final 0"][row], expected["h"][length - 1, row])
    assert (expected["h"][past] == 0).all()
    problem.x_TBD[past] = garbage
    other = replace(problem.dropout, kept_TBm=problem.dropout.kept_TBm ^ past[..., None])  # type: ignore[type-var]
    answer = replace(problem, dropout=other).answer(backend)
    for key, value in expected.items():
        assert value is answer[key] is None or torch.equal(answer[key], value), key


@every_way
@every_cell
def test_rows_do_not_see_each_other(name: str, backend: Backend) -> None:
    problem = random_problem(name, T=6, B=5, lengths=[3, 6, 1, 4, 6], keep=0.75).to(
        dtype_of(backend)
    )
    h, final = problem.run(backend)
    for row, length in enumerate(problem.lengths_B.tolist()):
        one = slice(row, row + 1)
        alone = replace(
            problem,
            x_TBD=problem.x_TBD[:length, one],
            constant=problem.constant[one],
            state=tuple(part[one] for part in problem.state),
            dropout=Dropout(problem.dropout.kept_TBm[:length, one], 0.75),
            lengths_B=None,
        ).run(backend)
        torch.testing.assert_close(alone[0], h[:length, one], rtol=0, atol=tolerance(backend))
        for ours, wanted in zip(alone[1], final, strict=True):
            torch.testing.assert_close(ours, wanted[one], rtol=0, atol=tolerance(backend))


@every_way
@every_cell
def test_any_layout_is_read(name: str, backend: Backend) -> None:
    """Inputs that are views: time and batch exchanged, states cut from one tensor, weights too."""
    problem = random_problem(name, keep=0.75, lengths=ragged(7, 4)).to(dtype_of(backend))
    expected = problem.answer(backend)

    def turned(value: Tensor) -> Tensor:
        value = value.detach().transpose(0, 1).contiguous().transpose(0, 1)
        assert not value.is_contiguous()
        return value

    sizes = list(problem.cell.state_sizes)
    views = replace(
        problem,
        x_TBD=turned(problem.x_TBD),
        weights_DP=turned(problem.weights_DP),
        constant=turned(problem.constant),
        state=torch.cat(problem.state, dim=1).detach().split(sizes, dim=1),
        dropout=replace(problem.dropout, kept_TBm=turned(problem.dropout.kept_TBm)),  # type: ignore[type-var]
        lengths_B=torch.stack([problem.lengths_B] * 2, dim=1)[:, 0],  # type: ignore[list-item]
    )
    assert not views.state[0].is_contiguous()
    h, final = views.run(backend)
    for ours, wanted in zip((h, *final), list(expected.values())[: 1 + len(final)], strict=True):
        torch.testing.assert_close(ours.detach(), wanted, rtol=0, atol=tolerance(backend))


@pytest.mark.parametrize("frozen", [False, True], ids=["parameters", "frozen"])
@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("T", [1, 2, 3, 8])
@every_way
@every_cell
def test_without_gradients(
    name: str, backend: Backend, T: int, context: Callable[[], torch.no_grad], frozen: bool
) -> None:
    """The same numbers exactly where buffers are used over and over; inputs stay as they were."""
    problem = random_problem(name, T=T, keep=0.75, lengths=ragged(T, 4)).to(dtype_of(backend))
    with_gradients = [value.detach() for value in tensors(problem.run(backend))]
    before = problem.to(dtype_of(backend))
    problem.cell.requires_grad_(not frozen)
    with context():
        first = tensors(problem.run(backend))
        copies = [value.clone() for value in first]
        replace(problem, x_TBD=problem.x_TBD + 1).run(
            backend
        )  # must not write into those of the first
        assert not any(value.requires_grad for value in first)
        assert all(map(torch.equal, first, copies))
        assert all(map(torch.equal, first, with_gradients))
    assert torch.equal(problem.x_TBD, before.x_TBD)
    assert torch.equal(problem.constant, before.constant)
    assert all(map(torch.equal, problem.state, before.state))


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


@needs_native
@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
@every_cell
def test_without_gradients_nothing_is_kept(name: str, context: Callable[[], torch.no_grad]) -> None:
    """No tensor is larger than the outputs [T, B, H]: the gates of all steps are 4 times that."""
    problem = random_problem(name, T=500, B=4, H=8).to(torch.float32)
    with context(), Largest() as largest:
        h, _ = problem.run(NATIVE)
    assert largest.numbers == h.numel()


@pytest.mark.parametrize(
    "loss",
    [
        lambda h, final: h[-1].sum(),
        lambda h, final: final[0].square().sum(),  # the last h only: h of every step has no adjoint
        lambda h, final: final[1].sum(),  # c only
        lambda h, final: h[2].square().sum(),  # later steps have none
        lambda h, final: h.sum() + final[0].sum(),  # the last h twice; adjoints of stride 0
        lambda h, final: final[-1].sum(),  # a HyperLSTM's small c
    ],
    ids=["last h", "state's h", "state's c", "middle h", "sums", "last part"],
)
@every_way
@every_cell
def test_losses_of_parts_of_the_outputs(name: str, backend: Backend, loss: Loss) -> None:
    problem = random_problem(name, keep=0.75, lengths=ragged(7, 4)).to(dtype_of(backend))
    assert_same(problem.answer(backend, loss), problem.expected(loss), tolerance(backend))


@every_way
@every_cell
def test_only_what_needs_a_gradient_gets_one(name: str, backend: Backend) -> None:
    """Each thing learned alone: its gradient is as if all were learned, and no other has one."""
    problem = random_problem(name, T=4, B=3, lengths=[4, 2, 3], keep=0.75).to(dtype_of(backend))
    full = problem.answer(backend)
    learning = problem.learning()
    for value in learning.values():
        value.requires_grad_(False).grad = None
    for key, value in learning.items():
        value.requires_grad_()
        h, final = problem.run(backend)
        if full[f"d {key}"] is None:  # the input weights, which are read as `weights`
            assert not h.requires_grad
        else:
            random_loss(h, final).backward()
            assert_same({key: value.grad}, {key: full[f"d {key}"]}, tolerance(backend))  # type: ignore[dict-item]
        value.requires_grad_(False).grad = None
        assert all(other.grad is None for other in learning.values())


@every_cell
def test_plain_backward_twice_adds_up(name: str) -> None:
    problem = random_problem(name)
    loss = random_loss(*problem.run(PLAIN))
    loss.backward(retain_graph=True)
    read = [value for value in problem.cell.parameters() if value.grad is not None]
    once = [value.grad.clone() for value in read]
    assert once
    loss.backward()
    for value, first in zip(read, once, strict=True):
        torch.testing.assert_close(value.grad, 2 * first, rtol=1e-12, atol=1e-14)


@needs_native
@every_cell
def test_native_backward_twice_is_refused(name: str) -> None:
    """Its backward pass writes over what forward kept: an error, never wrong numbers."""
    problem = random_problem(name).to(torch.float32)
    loss = random_loss(*problem.run(NATIVE))
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="run forward again"):
        loss.backward()


@needs_native
@every_cell
def test_no_wrong_second_derivative(name: str) -> None:
    """The hand-derived backward pass has no derivative of its own: an error, not a wrong number."""
    problem = random_problem(name).to(torch.float32)
    loss = random_loss(*problem.run(NATIVE)).square()
    (gradient,) = torch.autograd.grad(loss, [problem.cell.W_hh], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.square().sum().backward()


@needs_native
@pytest.mark.parametrize("what", ["h", "W_hh"])
@every_cell
def test_writing_into_what_backward_needs_is_noticed(name: str, what: str) -> None:
    problem = random_problem(name).to(torch.float32)
    h, final = problem.run(NATIVE)
    loss = random_loss(h, final)
    with torch.no_grad():
        (h if what == "h" else problem.cell.W_hh).mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("lengths", [[1, 4, 6, 6, 3], [1, 1, 1, 1, 1], [6, 6, 6, 6, 6]])
def test_reverse_against_a_loop(lengths: list[int]) -> None:
    T, B = 6, len(lengths)
    x = torch.randn(T, B, 2)
    lengths_B = torch.tensor(lengths)
    reversed_rows = x.clone()
    for row, length in enumerate(lengths):
        for step in range(length):
            reversed_rows[step, row] = x[length - 1 - step, row]
    assert torch.equal(reverse_by_length(x, lengths_B), reversed_rows)
    assert torch.equal(reverse_by_length(reversed_rows, lengths_B), x)


@pytest.mark.parametrize("keep", [0.9, 0.5, 0.25])
def test_random_dropout(keep: float) -> None:
    """Independent trials, from the generator alone."""
    shape = (40, 30, 51)  # not a multiple of four units
    global_state = torch.get_rng_state()
    cpu = torch.device("cpu")
    dropout = random_dropout(shape, keep, torch.Generator().manual_seed(3), cpu)
    assert torch.equal(torch.get_rng_state(), global_state)
    kept = dropout.kept_TBm
    assert kept.shape == shape
    assert kept.dtype == torch.bool
    # 4.5 standard deviations around keep; beside that it is rounded to 1 / 65536
    deviation = (keep * (1 - keep) / kept.numel()) ** 0.5
    assert abs(float(kept.double().mean()) - keep) < 4.5 * deviation + 2**-16
    # units that come from one random word, and steps and rows, agree as often as independent ones
    agree = keep**2 + (1 - keep) ** 2
    flat = kept.flatten()
    for distance in (1, 2, 3, 4, 51, 51 * 30):
        same = (flat[distance:] == flat[:-distance]).double()
        deviation = (agree * (1 - agree) / same.numel()) ** 0.5
        assert abs(float(same.mean()) - agree) < 6 * deviation
    again = random_dropout(shape, keep, torch.Generator().manual_seed(3), cpu)
    other = random_dropout(shape, keep, torch.Generator().manual_seed(4), cpu)
    assert torch.equal(again.kept_TBm, kept)
    assert not torch.equal(other.kept_TBm, kept)
    factors = dropout.factors(7)
    assert factors.dtype == torch.float32
    torch.testing.assert_close(factors, kept[7] / keep, rtol=1e-7, atol=0)
    assert dropout.first(3).keep == keep
    assert torch.equal(dropout.first(3).kept_TBm, kept[:3])


def test_auto_takes_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    single, double = torch.zeros(1), torch.zeros(1, dtype=torch.float64)
    assert AUTO.name == "auto"
    assert AUTO.chosen(double) == PLAIN
    for available, expected in ((None, PLAIN), (object(), NATIVE)):
        monkeypatch.setattr(library_module, "library", lambda found=available: found)
        assert AUTO.chosen(single) == expected
        assert PLAIN.chosen(single) == PLAIN
    assert NATIVE.chosen(single) == NATIVE


def test_auto_computes_float64_too() -> None:
    problem = random_problem("lstm")
    assert all(map(torch.equal, tensors(problem.run(AUTO)), tensors(problem.run(PLAIN))))


def test_ways_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    single, double = torch.zeros(1), torch.zeros(1, dtype=torch.float64)
    with pytest.raises(SketchRNNError, match="the native backend needs float32 on the CPU"):
        NATIVE.chosen(double)
    for backend in (Backend("plain", bf16=True), Backend("auto", bf16=True)):
        with pytest.raises(SketchRNNError, match="bfloat16 products cannot be had here"):
            backend.chosen(double)
    monkeypatch.setattr(library_module, "has_bf16", lambda: False)
    monkeypatch.setattr(library_module, "library", object)
    for backend in (Backend("native", bf16=True), Backend("auto", bf16=True)):
        with pytest.raises(SketchRNNError, match="bfloat16 products cannot be had here"):
            backend.chosen(single)
    monkeypatch.setattr(library_module, "library", lambda: None)
    with pytest.raises(SketchRNNError, match="and a C compiler"):
        NATIVE.chosen(single)
    problem = random_problem("lstm").to(torch.float32)
    with pytest.raises(SketchRNNError, match="and a C compiler"):
        unroll(
            problem.cell,
            problem.x_TBD,
            problem.weights_DP,
            problem.constant,
            problem.state,
            backend=NATIVE,
        )


def test_the_names_of_ways() -> None:
    assert {"auto", "plain", "native"} <= set(BACKEND_NAMES)
