"""One time step between two products, as one kernel forward and one backward. All three cells.

A program has one row of the batch (of one of several cells of a kind, side by side) and, because a
layer norm needs the whole row, all its units; without layer norm a block of them. What is read and
computed is float32; what the next product needs is stored in the type of its factors.

Forward, for each gate y of i, g, f, o (equations of `model/cells.py`):

    p_y = constant_y + x W_y                                    the projection, D columns of x
    a_y = p_y + q_y                                             q = h W_hh, the product
    a_y = (s_y + r_y) p_y + (s'_y + r'_y) q_y + s''_y + r''_y   in a HyperLSTM; s = k C, r constant
    n_y = (a_y - mean) / deviation,   u_y = gamma_y n_y + beta_y     with layer norm; else u = a
    c' = sigma(u_f + 1) c + sigma(u_i) m tanh(u_g)
    h' = sigma(u_o) tanh(v),   v = gamma_c (c' - mean) / deviation + beta_c, or c'

Backward, with z* for the gradient of the loss by z (its adjoint), given h'* and c'*:

    u_o* = h'* tanh(v) o (1 - o),   v* = h'* o (1 - tanh(v)^2),   c'* += v* through its layer norm
    u_i* = c'* m g i (1 - i),   u_g* = c'* m i (1 - g^2),   u_f* = c'* c f (1 - f),   c* = c'* f
    gamma* += u* n,   beta* += u*,   a* = (w - mean(w) - n mean(w n)) / deviation,   w = gamma u*
    p* = q* = a*, but in a HyperLSTM p* = a* (s + r), q* = a* (s' + r');
    s* = a* p, s'* = a* q, s''* = a*

a* from w is a layer norm's adjoint: the part of w along 1 and along n cannot change n.
Sums over time are kept for each row by itself and added up at the end: no atomics, so a step run
again gives the same bits.

Row b takes part while t < lengths[b]. After that its h and its adjoints are stored as zeros, so
that the products over all steps need no mask, and its c and the adjoint of its last state wait.

Shapes: G cells, T steps, B rows, D input columns, H units, P projected; arrays are contiguous
unless a group's stride is passed. Time t of [G, T + 1, ...] arrays is the state before step t.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
# (what stands under `triton.jit` is Triton's language, not Python)

from __future__ import annotations

import triton  # type: ignore[import-not-found,import-untyped,unused-ignore]
import triton.language as tl  # type: ignore[import-not-found,import-untyped,unused-ignore]

from sketchrnn.model import config

FORGET_BIAS = tl.constexpr(config.FORGET_BIAS)
EPSILON = tl.constexpr(config.LAYER_NORM_EPSILON)
STATISTICS = 6  # kept of each row's layer norms: 1/deviation of i, g, f, o and c; the mean of c
ROW = tl.constexpr(STATISTICS)


@triton.jit
def _tanh(x):
    return 2 * tl.sigmoid(2 * x) - 1


@triton.jit
def _projection(x, weights, constant, column, inside, P, D: tl.constexpr):
    """p: the constant and x W, for the columns from where the pointers stand."""
    total = tl.load(constant + column, mask=inside, other=0.0)
    for d in tl.static_range(D):
        total += tl.load(x + d) * tl.load(weights + d * P + column, mask=inside, other=0.0)
    return total


@triton.jit
def _scale(scales, shifts, column, inside):
    """s + r of a HyperLSTM."""
    s = tl.load(scales + column, mask=inside, other=0.0)
    return s + tl.load(shifts + column, mask=inside, other=0.0)


@triton.jit
def _gate(
    gate: tl.constexpr, x, weights, constant, product, scales, shifts, column, inside, P,
    D: tl.constexpr, H: tl.constexpr, SCALED: tl.constexpr,
):  # fmt: skip
    """a: a gate before layer norm and nonlinearity; pointers of this row, at gate i."""
    at = gate * H
    total = _projection(x, weights + at, constant + at, column, inside, P, D)
    q = tl.load(product + at + column, mask=inside, other=0.0)
    if SCALED:
        total *= _scale(scales + at, shifts + at, column, inside)
        total += q * _scale(scales + 4 * H + at, shifts + 4 * H + at, column, inside)
        total += _scale(scales + 8 * H + at, shifts + 8 * H + at, column, inside)
    else:
        total += q
    return total


@triton.jit
def _normalised(a, inside, H: tl.constexpr):
    """n, 1/deviation and mean of one row."""
    mean = tl.sum(a, axis=0) / H
    centred = tl.where(inside, a - mean, 0.0)
    scale = 1.0 / tl.sqrt(tl.sum(centred * centred, axis=0) / H + EPSILON)
    return centred * scale, scale, mean


@triton.jit
def _affine(n, gamma, beta, column, inside):
    """u = gamma n + beta."""
    gained = n * tl.load(gamma + column, mask=inside, other=0.0)
    return gained + tl.load(beta + column, mask=inside, other=0.0)


@triton.jit(do_not_specialize=["t"])
def forward_step(
    t, T, B,
    x, lengths, weights, constant, P, first,
    product, N, product_first, scales, shifts,
    gamma, beta, c_gamma, c_beta,
    kept, mask_row, mask_first, kept_counts,
    c, gates, statistics, out, factors, K, factor_first, h_last, c_last,
    D: tl.constexpr, H: tl.constexpr, BLOCK: tl.constexpr, NORM: tl.constexpr,
    SCALED: tl.constexpr, MASKED: tl.constexpr, LEARNING: tl.constexpr, OUT: tl.constexpr,
):  # fmt: skip
    """Step t, from its product to the state and the next product's left factor.

    x [G, T, B, D]; lengths [B]; weights [G, D, P] and constant [G, B, P], this cell's columns from
    `first` on; product [G, B, N], from `product_first` on; scales [G, B, 12 H] and shifts [G, 12 H]
    (SCALED); gamma, beta [G, 4 H] and c_gamma, c_beta [G, H] (NORM); kept [G, T, B, mask_row] bytes
    from `mask_first` on, one that is kept counting `kept_counts` (MASKED).

    Writes c [G, T + 1, B, H] and factors [G, T + 1, B, K] from `factor_first` on at t + 1, gates
    [G, T, B, 4 H] (n with layer norm, else the activated gates) and statistics [G, T, B, 6] at t;
    without LEARNING c and factors have one place of time, and gates and statistics none. Writes
    out [G, T, B, H] at t (OUT), and at a row's last step h_last, c_last [G, B, H].
    """
    row = tl.program_id(0).to(tl.int64)
    group = row // B
    b = row % B
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = column < H
    now = (group * T + t) * B + b
    if LEARNING:
        before = (group * (T + 1) + t) * B + b
        after = before + B
    else:
        before = row
        after = row
    x += now * D
    weights += group * D * P + first
    constant += row * P + first
    product += row * N + product_first
    scales += row * 12 * H
    shifts += group * 12 * H
    gamma += group * 4 * H
    beta += group * 4 * H
    statistics += now * ROW
    saved = gates + now * 4 * H + column
    length = tl.load(lengths + b)
    if t < length:
        i = _gate(0, x, weights, constant, product, scales, shifts, column, inside, P, D, H, SCALED)
        g = _gate(1, x, weights, constant, product, scales, shifts, column, inside, P, D, H, SCALED)
        f = _gate(2, x, weights, constant, product, scales, shifts, column, inside, P, D, H, SCALED)
        o = _gate(3, x, weights, constant, product, scales, shifts, column, inside, P, D, H, SCALED)
        if NORM:
            i, i_scale, _ = _normalised(i, inside, H)
            g, g_scale, _ = _normalised(g, inside, H)
            f, f_scale, _ = _normalised(f, inside, H)
            o, o_scale, _ = _normalised(o, inside, H)
            if LEARNING:
                tl.store(saved, i, mask=inside)
                tl.store(saved + H, g, mask=inside)
                tl.store(saved + 2 * H, f, mask=inside)
                tl.store(saved + 3 * H, o, mask=inside)
                tl.store(statistics, i_scale)
                tl.store(statistics + 1, g_scale)
                tl.store(statistics + 2, f_scale)
                tl.store(statistics + 3, o_scale)
            i = _affine(i, gamma, beta, column, inside)
            g = _affine(g, gamma + H, beta + H, column, inside)
            f = _affine(f, gamma + 2 * H, beta + 2 * H, column, inside)
            o = _affine(o, gamma + 3 * H, beta + 3 * H, column, inside)
        i = tl.sigmoid(i)
        g = _tanh(g)
        f = tl.sigmoid(f + FORGET_BIAS)
        o = tl.sigmoid(o)
        if LEARNING and not NORM:
            tl.store(saved, i, mask=inside)
            tl.store(saved + H, g, mask=inside)
            tl.store(saved + 2 * H, f, mask=inside)
            tl.store(saved + 3 * H, o, mask=inside)
        if MASKED:
            mask = tl.load(kept + now * mask_row + mask_first + column, mask=inside, other=0)
            g *= mask.to(tl.float32) * kept_counts
        c_new = f * tl.load(c + before * H + column, mask=inside, other=0.0) + i * g
        squashed = c_new
        if NORM:
            n, c_scale, c_mean = _normalised(c_new, inside, H)
            if LEARNING:
                tl.store(statistics + 4, c_scale)
                tl.store(statistics + 5, c_mean)
            squashed = _affine(n, c_gamma + group * H, c_beta + group * H, column, inside)
        h = o * _tanh(squashed)
        tl.store(c + after * H + column, c_new, mask=inside)
        tl.store(factors + after * K + factor_first + column, h, mask=inside)
        if OUT:
            tl.store(out + now * H + column, h, mask=inside)
        ends = column < tl.where(t == length - 1, H, 0)
        tl.store(h_last + row * H + column, h, mask=ends)
        tl.store(c_last + row * H + column, c_new, mask=ends)
    else:
        nothing = tl.zeros([BLOCK], dtype=tl.float32)
        tl.store(factors + after * K + factor_first + column, nothing, mask=inside)
        if OUT:
            tl.store(out + now * H + column, nothing, mask=inside)


@triton.jit
def _add(total, x, inside):
    """Add to a sum in memory that no other program has."""
    tl.store(total, tl.load(total, mask=inside, other=0.0) + x, mask=inside)


@triton.jit
def _normalised_adjoint(w, n, scale, H: tl.constexpr):
    """a* from w = n*: without its parts along 1 and along n."""
    return scale * (w - tl.sum(w, axis=0) / H - n * (tl.sum(w * n, axis=0) / H))


@triton.jit
def _gate_adjoint(
    gate: tl.constexpr, adjoint, n, scale, column, inside,
    x, weights, constant, d_constant, P, product, scales, shifts,
    gamma, d_gamma, d_beta, d_product, d_projection, d_scales,
    D: tl.constexpr, H: tl.constexpr, NORM: tl.constexpr, SCALED: tl.constexpr,
):  # fmt: skip
    """From u* to what is stored of it: p*, q*, and s* of a HyperLSTM; sums of gains and shifts."""
    at = gate * H + column
    if NORM:
        _add(d_gamma + at, adjoint * n, inside)
        _add(d_beta + at, adjoint, inside)
        w = adjoint * tl.load(gamma + at, mask=inside, other=0.0)
        adjoint = _normalised_adjoint(w, n, scale, H)
    if SCALED:
        p = _projection(x, weights + gate * H, constant + gate * H, column, inside, P, D)
        q = tl.load(product + at, mask=inside, other=0.0)
        tl.store(d_scales + at, adjoint * p, mask=inside)
        tl.store(d_scales + 4 * H + at, adjoint * q, mask=inside)
        tl.store(d_scales + 8 * H + at, adjoint, mask=inside)
        by_h = _scale(scales + (4 + gate) * H, shifts + (4 + gate) * H, column, inside)
        tl.store(d_product + at, adjoint * by_h, mask=inside)
        adjoint *= _scale(scales + gate * H, shifts + gate * H, column, inside)
        tl.store(d_projection + at, adjoint, mask=inside)
    else:
        tl.store(d_product + at, adjoint, mask=inside)
    _add(d_constant + at, adjoint, inside)


@triton.jit(do_not_specialize=["t"])
def backward_step(
    t, T, B,
    x, lengths, weights, constant, P, first,
    product, N, product_first, scales, shifts,
    gamma, beta, c_gamma, c_beta,
    kept, mask_row, mask_first, kept_counts,
    c, gates, statistics,
    d_more, more_group, d_carried, K, factor_first, d_h_last, d_c_last, d_c,
    d_product, d_product_group, d_projection, d_projection_group, d_scales, d_scales_group,
    d_constant, d_gamma, d_beta, d_c_gamma, d_c_beta,
    D: tl.constexpr, H: tl.constexpr, BLOCK: tl.constexpr, NORM: tl.constexpr,
    SCALED: tl.constexpr, MASKED: tl.constexpr, MORE: tl.constexpr,
):  # fmt: skip
    """The adjoint of step t: from those of h and c after it to those of its sums and of c before.

    What `forward_step` reads and writes is as there, but scales are [G, B, 8 H]. h'* is d_h_last
    [G, B, H] at a row's last step, else d_carried [G, B, K] from `factor_first` on (the product of
    the step after); plus d_more of this step, row b of group g at g * more_group + b * H (MORE).
    c'* is d_c_last or d_c [G, B, H], which is replaced by c*.

    Writes d_product (q*, in rows of N from `product_first` on), d_projection (p*, rows of 4 H) and
    d_scales (s*, rows of 12 H), the last two for SCALED only (otherwise p* is q*), each with its
    group's stride. Adds to d_constant [G, B, P], and d_gamma, d_beta [G, B, 4 H] and d_c_gamma,
    d_c_beta [G, B, H] (NORM).
    """
    row = tl.program_id(0).to(tl.int64)
    group = row // B
    b = row % B
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = column < H
    now = (group * T + t) * B + b
    before = (group * (T + 1) + t) * B + b
    x += now * D
    weights += group * D * P + first
    constant += row * P + first
    d_constant += row * P + first
    product += row * N + product_first
    scales += row * 8 * H
    shifts += group * 12 * H
    gamma += group * 4 * H
    beta += group * 4 * H
    d_gamma += row * 4 * H
    d_beta += row * 4 * H
    statistics += now * ROW
    saved = gates + now * 4 * H + column
    d_product += group * d_product_group + b * N + product_first
    d_projection += group * d_projection_group + b * 4 * H
    d_scales += group * d_scales_group + b * 12 * H
    length = tl.load(lengths + b)
    if t < length:
        ends = column < tl.where(t == length - 1, H, 0)
        goes_on = column < tl.where(t == length - 1, 0, H)
        at = row * H + column
        dh = tl.load(d_h_last + at, mask=ends, other=0.0)
        carried = d_carried + row * K + factor_first + column
        dh += tl.load(carried, mask=goes_on, other=0.0)
        if MORE:
            more = d_more + group * more_group + b * H + column
            dh += tl.load(more, mask=inside, other=0.0)
        dc = tl.load(d_c_last + at, mask=ends, other=0.0)
        dc += tl.load(d_c + at, mask=goes_on, other=0.0)
        n_i = tl.load(saved, mask=inside, other=0.0)
        n_g = tl.load(saved + H, mask=inside, other=0.0)
        n_f = tl.load(saved + 2 * H, mask=inside, other=0.0)
        n_o = tl.load(saved + 3 * H, mask=inside, other=0.0)
        c_new = tl.load(c + (before + B) * H + column, mask=inside, other=0.0)
        i = n_i
        g = n_g
        f = n_f
        o = n_o
        i_scale = 1.0
        g_scale = 1.0
        f_scale = 1.0
        o_scale = 1.0
        if NORM:
            i_scale = tl.load(statistics)
            g_scale = tl.load(statistics + 1)
            f_scale = tl.load(statistics + 2)
            o_scale = tl.load(statistics + 3)
            c_scale = tl.load(statistics + 4)
            c_mean = tl.load(statistics + 5)
            i = tl.sigmoid(_affine(n_i, gamma, beta, column, inside))
            g = _tanh(_affine(n_g, gamma + H, beta + H, column, inside))
            f = _affine(n_f, gamma + 2 * H, beta + 2 * H, column, inside)
            f = tl.sigmoid(f + FORGET_BIAS)
            o = tl.sigmoid(_affine(n_o, gamma + 3 * H, beta + 3 * H, column, inside))
            n = tl.where(inside, (c_new - c_mean) * c_scale, 0.0)
            c_gain = tl.load(c_gamma + group * H + column, mask=inside, other=0.0)
            y = _tanh(n * c_gain + tl.load(c_beta + group * H + column, mask=inside, other=0.0))
            d_v = dh * o * (1 - y * y)
            _add(d_c_gamma + at, d_v * n, inside)
            _add(d_c_beta + at, d_v, inside)
            dc += _normalised_adjoint(d_v * c_gain, n, c_scale, H)
        else:
            y = _tanh(c_new)
            dc += dh * o * (1 - y * y)
        masked = dc
        if MASKED:
            mask = tl.load(kept + now * mask_row + mask_first + column, mask=inside, other=0)
            masked = dc * (mask.to(tl.float32) * kept_counts)
        c_before = tl.load(c + before * H + column, mask=inside, other=0.0)
        tl.store(d_c + at, dc * f, mask=inside)
        d_i = masked * g * i * (1 - i)
        d_g = masked * i * (1 - g * g)
        d_f = dc * c_before * f * (1 - f)
        d_o = dh * y * o * (1 - o)
        _gate_adjoint(
            0, d_i, n_i, i_scale, column, inside, x, weights, constant, d_constant, P, product,
            scales, shifts, gamma, d_gamma, d_beta, d_product, d_projection, d_scales,
            D, H, NORM, SCALED,
        )  # fmt: skip
        _gate_adjoint(
            1, d_g, n_g, g_scale, column, inside, x, weights, constant, d_constant, P, product,
            scales, shifts, gamma, d_gamma, d_beta, d_product, d_projection, d_scales,
            D, H, NORM, SCALED,
        )  # fmt: skip
        _gate_adjoint(
            2, d_f, n_f, f_scale, column, inside, x, weights, constant, d_constant, P, product,
            scales, shifts, gamma, d_gamma, d_beta, d_product, d_projection, d_scales,
            D, H, NORM, SCALED,
        )  # fmt: skip
        _gate_adjoint(
            3, d_o, n_o, o_scale, column, inside, x, weights, constant, d_constant, P, product,
            scales, shifts, gamma, d_gamma, d_beta, d_product, d_projection, d_scales,
            D, H, NORM, SCALED,
        )  # fmt: skip
    else:
        nothing = tl.zeros([BLOCK], dtype=tl.float32)
        for gate in tl.static_range(4):
            tl.store(d_product + gate * H + column, nothing, mask=inside)
            if SCALED:
                tl.store(d_projection + gate * H + column, nothing, mask=inside)
        if SCALED:
            for part in tl.static_range(12):
                tl.store(d_scales + part * H + column, nothing, mask=inside)
