// The three cells unrolled over time, forward and backward, for some rows of a batch.
//
// Each call runs its own rows through all steps, alone: rows of a batch do not need each other, so
// threads that have different rows need no barrier. The equations are those of `model/cells.py`,
// which is the reference; the backward pass is theirs, by hand. Names and sizes are those there:
// T steps, B batch, D input, H hidden, Y units of the small LSTM, E its embedding. A row of length
// n takes part in n steps. Rows come sorted, longest first, so those of a step are the first ones.

#include <math.h>

#include "products.h"

#define GATES 4 // i, g, f, o
#define PARTS (3 * GATES) // a HyperLSTM's embeddings: x-parts, h-parts, shifts
#define FORGET_BIAS 1.0f
#define EPSILON 1e-3f // of the layer norms

// One LSTM or layer-norm LSTM over time. Arrays are [T, B, ...] unless they say otherwise; with
// `keep` 0 those that only the backward pass reads have room for one step (c for two).
typedef struct {
    long H, norm;
    const float *gamma, *beta, *c_gamma, *c_beta; // [4H], [4H], [H], [H]; with norm only
    const uint8_t *kept;                          // [T, B, mask_row], or null; first of H columns
    long mask_row;
    float scale;           // what a kept unit counts
    const float *h0, *c0;  // [B, H]
    float *h, *c;          // every step's
    float *gates;          // [.., 4H] after their nonlinearities; with norm: normalised
    float *deviation;      // [.., 4] 1/deviation of each gate; with norm only
    float *d_gamma, *d_beta, *d_c_gamma, *d_c_beta; // sums of this call
} Gated;

typedef struct {
    long T, B, D, P, keep, half;
    const int32_t *rows, *lengths; // [R] which of the batch, and how many steps
    long R;
    const float *x;        // [T, B, D]
    const float *weights;  // [D, P]
    const float *constant; // [B, P]
    float *d_weights;      // [D, P] sums of this call
    float *d_constant;     // [B, P] written
    const float *d_out;    // [T, B, H] adjoint of h
    const float *d_h_last, *d_c_last; // [B, H] adjoints of the last state
    float *d_h0, *d_c0;               // [B, H] written
    float *h_last, *c_last;           // [B, H] written
    const void *W_hh, *W_hh_t; // packed [H, 4H]; transposed [4H, H]
    Gated main;
    // a HyperLSTM's
    long Y, E;
    Gated small;
    const void *W_hk, *W_kk, *W_z;       // packed [H, 4Y], [Y, 4Y], [Y, 12E]
    const void *W_hk_t, *W_kk_t, *W_z_t; // transposed
    const void *alpha, *alpha_t;         // packed [12][E, H]; transposed
    const float *bias, *b_z;             // [4H], [12E]
    float *hw;                           // [.., 4H]: h W_hh; backward: its adjoint
    float *z;                            // [.., 12E]: embeddings; backward: their adjoints
    float *d_bias;                       // [4H] sums of this call
    float *d_alpha;                      // [12, E, H] sums of this call
    const float *d_k_last, *d_n_last;    // [B, Y]
    float *d_k0, *d_n0, *k_last, *n_last;
} Unroll;

int has_bf16(void) { return HAS_BF16; }
long bytes_of_unroll(void) { return sizeof(Unroll); }
long bytes_of_panels(long K, long N, int half) { return panel_bytes(K, N, half); }

// W [K, N], row-major with that row length -> panels; transposed: panels of its transpose.
void pack(const float *W, long row, long K, long N, int transposed, int half, void *packed) {
    if (transposed) pack_panels(W, 1, row, N, K, half, packed);
    else pack_panels(W, row, 1, K, N, half, packed);
}

// ---- one row of one step -------------------------------------------------------------------

INLINE vec dropout_factors(const uint8_t *kept, long left, float scale) { // kept is 0 or 1
    uint8_t bytes __attribute__((vector_size(VL))) = {0};
    memcpy(&bytes, kept, left < VL ? left : VL);
    return __builtin_convertvector(bytes, vec) * scale;
}

static void row_mean(const float *x, long H, float *mean, float *rstd) {
    vec total = splat(0), squares = splat(0);
    for (long j = 0; j < H; j += VL) total += load(x + j, H - j);
    *mean = sum(total) / H;
    for (long j = 0; j < H; j += VL) {
        vec d = load(x + j, H - j) - *mean;
        if (H - j < VL) d = load((const float *)&d, H - j);
        squares += d * d;
    }
    *rstd = 1.0f / sqrtf(sum(squares) / H + EPSILON);
}

// From the gates before their nonlinearity (in `gates`, which is replaced by what is kept of them)
// and c to the new c and h.
static void forward_row(const Gated *s, float *gates, float *deviation, const uint8_t *kept,
                        const float *c_before, float *c, float *h) {
    const long H = s->H;
    if (s->norm)
        for (int g = 0; g < GATES; g++) {
            float *x = gates + g * H, mean;
            row_mean(x, H, &mean, deviation + g);
            for (long j = 0; j < H; j += VL)
                store(x + j, H - j, (load(x + j, H - j) - mean) * deviation[g]);
        }
    for (long j = 0; j < H; j += VL) {
        long left = H - j;
        vec a[GATES];
        for (int g = 0; g < GATES; g++) {
            a[g] = load(gates + g * H + j, left);
            if (s->norm)
                a[g] = a[g] * load(s->gamma + g * H + j, left) + load(s->beta + g * H + j, left);
        }
        vec i = sigmoid(a[0]), g = hyperbolic_tangent(a[1]);
        vec f = sigmoid(a[2] + FORGET_BIAS), o = sigmoid(a[3]);
        vec candidate = g;
        if (kept) candidate *= dropout_factors(kept + j, left, s->scale);
        vec c_new = f * load(c_before + j, left) + i * candidate;
        store(c + j, left, c_new);
        if (s->norm) store(h + j, left, o);
        else {
            store(h + j, left, o * hyperbolic_tangent(c_new));
            store(gates + j, left, i);
            store(gates + H + j, left, g);
            store(gates + 2 * H + j, left, f);
            store(gates + 3 * H + j, left, o);
        }
    }
    if (s->norm) {
        float mean, rstd;
        row_mean(c, H, &mean, &rstd);
        for (long j = 0; j < H; j += VL) {
            long left = H - j;
            vec normal = (load(c + j, left) - mean) * rstd;
            vec squashed = hyperbolic_tangent(normal * load(s->c_gamma + j, left) +
                                              load(s->c_beta + j, left));
            store(h + j, left, load(h + j, left) * squashed);
        }
    }
}

INLINE void add_to(float *total, long left, vec x) { store(total, left, load(total, left) + x); }

// Adjoints of h and c after the step (d_h, d_c) to that of the gates before their nonlinearity and
// layer norm (replaces `gates`) and of c before the step (replaces d_c). `room`: 6 H floats.
static void backward_row(const Gated *s, float *gates, const float *deviation, const uint8_t *kept,
                         const float *c_before, const float *c, const float *d_h, float *d_c,
                         float *room) {
    const long H = s->H;
    float *d_normal = room, *d_c_normal = room + 4 * H, *c_normal = room + 5 * H;
    float c_mean = 0, c_rstd = 0, c_1 = 0, c_2 = 0;
    vec of_gates_1[GATES], of_gates_2[GATES]; // sums that the layer norms' adjoints need
    for (int g = 0; g < GATES; g++) of_gates_1[g] = of_gates_2[g] = splat(0);
    if (s->norm) {
        row_mean(c, H, &c_mean, &c_rstd);
        vec total_1 = splat(0), total_2 = splat(0);
        for (long j = 0; j < H; j += VL) {
            long left = H - j;
            vec normal = (load(c + j, left) - c_mean) * c_rstd, gamma = load(s->c_gamma + j, left);
            vec y = hyperbolic_tangent(normal * gamma + load(s->c_beta + j, left));
            vec o = sigmoid(load(gates + 3 * H + j, left) * load(s->gamma + 3 * H + j, left) +
                            load(s->beta + 3 * H + j, left));
            vec dh = load(d_h + j, left);
            store(d_normal + 3 * H + j, left, dh * y * o * (1.0f - o)); // before o's affine
            vec d = dh * o * (1.0f - y * y);
            add_to(s->d_c_gamma + j, left, d * normal);
            add_to(s->d_c_beta + j, left, d);
            d *= gamma; // 0 beyond H, where gamma is
            store(d_c_normal + j, left, d);
            store(c_normal + j, left, normal);
            total_1 += d;
            total_2 += d * normal;
        }
        c_1 = sum(total_1) / H;
        c_2 = sum(total_2) / H;
    }
    for (long j = 0; j < H; j += VL) {
        long left = H - j;
        vec a[GATES], normal[GATES], d[GATES];
        for (int g = 0; g < GATES; g++) {
            a[g] = normal[g] = load(gates + g * H + j, left);
            if (s->norm && g < 3)
                a[g] = a[g] * load(s->gamma + g * H + j, left) + load(s->beta + g * H + j, left);
        }
        vec i = a[0], g = a[1], f = a[2], dc = load(d_c + j, left);
        if (s->norm) {
            i = sigmoid(i);
            g = hyperbolic_tangent(g);
            f = sigmoid(f + FORGET_BIAS);
            dc += c_rstd * (load(d_c_normal + j, left) - c_1 - load(c_normal + j, left) * c_2);
            d[3] = load(d_normal + 3 * H + j, left);
        } else {
            vec o = a[3], dh = load(d_h + j, left), y = hyperbolic_tangent(load(c + j, left));
            dc += dh * o * (1.0f - y * y);
            d[3] = dh * y * o * (1.0f - o);
        }
        vec masked = dc;
        if (kept) masked *= dropout_factors(kept + j, left, s->scale);
        d[0] = masked * g * i * (1.0f - i);
        d[1] = masked * i * (1.0f - g * g);
        d[2] = dc * load(c_before + j, left) * f * (1.0f - f);
        store(d_c + j, left, dc * f);
        for (int k = 0; k < GATES; k++) {
            if (s->norm) {
                add_to(s->d_gamma + k * H + j, left, d[k] * normal[k]);
                add_to(s->d_beta + k * H + j, left, d[k]);
                d[k] *= load(s->gamma + k * H + j, left);
                of_gates_1[k] += d[k];
                of_gates_2[k] += d[k] * normal[k];
                store(d_normal + k * H + j, left, d[k]);
            } else store(gates + k * H + j, left, d[k]);
        }
    }
    if (s->norm)
        for (int g = 0; g < GATES; g++) {
            float mean_1 = sum(of_gates_1[g]) / H, mean_2 = sum(of_gates_2[g]) / H;
            float *x = gates + g * H, *d = d_normal + g * H;
            for (long j = 0; j < H; j += VL) {
                vec normal = load(x + j, H - j);
                vec adjoint = load(d + j, H - j) - mean_1 - normal * mean_2;
                store(x + j, H - j, deviation[g] * adjoint);
            }
        }
}

// ---- what is common to the steps -----------------------------------------------------------

INLINE long at(const Unroll *u, long t, long b) { return t * u->B + b; }
INLINE long kept_at(const Unroll *u, long t, long b) { return (u->keep ? t : 0) * u->B + b; }
INLINE float *c_at(const Unroll *u, const Gated *s, long t, long b) { // c after step t
    if (t < 0) return (float *)s->c0 + b * s->H;
    return s->c + ((u->keep ? t : t % 2) * u->B + b) * s->H;
}
INLINE float *h_at(const Unroll *u, const Gated *s, long t, long b) {
    return t < 0 ? (float *)s->h0 + b * s->H : s->h + at(u, t, b) * s->H;
}
INLINE const uint8_t *mask_at(const Unroll *u, const Gated *s, long t, long b) {
    return s->kept ? s->kept + at(u, t, b) * s->mask_row : 0;
}

static long rows_of_step(const Unroll *u, long t) {
    long count = 0;
    while (count < u->R && u->lengths[count] > t) count++;
    return count;
}

// constant + x W_x for columns first ... first + count
static void project(const Unroll *u, long t, long b, long first, long count, float *to) {
    const float *x = u->x + at(u, t, b) * u->D, *constant = u->constant + b * u->P + first;
    long j = 0;
    for (; j + 4 * VL <= count; j += 4 * VL) { // four sums at a time hide the products' latency
        const float *from = constant + j, *w = u->weights + first + j;
        vec a = load(from, VL), b = load(from + VL, VL);
        vec c = load(from + 2 * VL, VL), d = load(from + 3 * VL, VL);
        for (long i = 0; i < u->D; i++, w += u->P) {
            a += x[i] * load(w, VL), b += x[i] * load(w + VL, VL);
            c += x[i] * load(w + 2 * VL, VL), d += x[i] * load(w + 3 * VL, VL);
        }
        store(to + j, VL, a), store(to + j + VL, VL, b);
        store(to + j + 2 * VL, VL, c), store(to + j + 3 * VL, VL, d);
    }
    for (; j < count; j += VL) {
        vec total = load(constant + j, count - j);
        for (long d = 0; d < u->D; d++)
            total += x[d] * load(u->weights + d * u->P + first + j, count - j);
        store(to + j, count - j, total);
    }
}

// The adjoints of `project`, given that of its result.
static void project_adjoint(const Unroll *u, long t, long b, long first, long count,
                            const float *adjoint) {
    const float *x = u->x + at(u, t, b) * u->D;
    for (long j = 0; j < count; j += VL) {
        vec d = load(adjoint + j, count - j);
        add_to(u->d_constant + b * u->P + first + j, count - j, d);
        for (long i = 0; i < u->D; i++)
            if (x[i] != 0) add_to(u->d_weights + i * u->P + first + j, count - j, x[i] * d);
    }
}

// h after each row's last step, which is the state's; 0 after that.
static void end_rows(const Unroll *u, const Gated *s, float *h_last) {
    for (long r = 0; r < u->R; r++) {
        long b = u->rows[r], end = u->lengths[r] - 1, H = s->H;
        memcpy(h_last + b * H, h_at(u, s, end, b), H * sizeof(float));
        for (long t = end + 1; t < u->T; t++) memset(h_at(u, s, t, b), 0, H * sizeof(float));
    }
}

INLINE long longest(long a, long b) { return a > b ? a : b; }

typedef struct { // room for one call
    void *packed;
    float *rounded;
    const float **from;
    float **to;
} Room;

static Room make_room(const Unroll *u, long widest) {
    return (Room){allocate(block_bytes(u->R, widest, 0)), allocate(block_bytes(MR, widest, 0)),
                  malloc(u->R * sizeof(float *)), malloc(u->R * sizeof(float *))};
}
static void free_room(Room room) {
    free(room.packed);
    free(room.rounded);
    free(room.from);
    free(room.to);
}

// ---- LSTM and layer-norm LSTM --------------------------------------------------------------

static void forward(const Unroll *u) {
    const Gated *s = &u->main;
    const long H = s->H, H4 = GATES * H;
    Room room = make_room(u, H);
    for (long t = 0, count; t < u->T && (count = rows_of_step(u, t)) > 0; t++) {
        for (long r = 0; r < count; r++) {
            long b = u->rows[r];
            room.from[r] = h_at(u, s, t - 1, b);
            room.to[r] = s->gates + kept_at(u, t, b) * H4;
            project(u, t, b, 0, H4, room.to[r]);
        }
        pack_rows(room.from, count, H, u->half, room.packed, room.rounded);
        multiply(count, H4, H, room.packed, u->W_hh, u->half, room.to, 1);
        for (long r = 0; r < count; r++) {
            long b = u->rows[r];
            forward_row(s, room.to[r], s->deviation + kept_at(u, t, b) * GATES,
                        mask_at(u, s, t, b), c_at(u, s, t - 1, b), c_at(u, s, t, b),
                        h_at(u, s, t, b));
            if (t == u->lengths[r] - 1)
                memcpy(u->c_last + b * H, c_at(u, s, t, b), H * sizeof(float));
        }
    }
    end_rows(u, s, u->h_last);
    free_room(room);
}

static void backward(const Unroll *u) {
    const Gated *s = &u->main;
    const long H = s->H, H4 = GATES * H;
    Room room = make_room(u, H4);
    float *scratch = allocate(6 * H * sizeof(float));
    for (long t = u->T - 1; t >= 0; t--) {
        long count = rows_of_step(u, t);
        for (long r = 0; r < count; r++) {
            long b = u->rows[r];
            float *d_h = u->d_h0 + b * H, *d_c = u->d_c0 + b * H;
            float *gates = s->gates + at(u, t, b) * H4;
            if (t == u->lengths[r] - 1) {
                memcpy(d_h, u->d_h_last + b * H, H * sizeof(float));
                memcpy(d_c, u->d_c_last + b * H, H * sizeof(float));
            }
            if (u->d_out)
                for (long j = 0; j < H; j++) d_h[j] += u->d_out[at(u, t, b) * H + j];
            backward_row(s, gates, s->deviation + at(u, t, b) * GATES, mask_at(u, s, t, b),
                         c_at(u, s, t - 1, b), c_at(u, s, t, b), d_h, d_c, scratch);
            project_adjoint(u, t, b, 0, H4, gates);
            room.from[r] = gates;
            room.to[r] = d_h;
        }
        pack_rows(room.from, count, H4, u->half, room.packed, room.rounded);
        multiply(count, H, H4, room.packed, u->W_hh_t, u->half, room.to, 0);
    }
    free(scratch);
    free_room(room);
}

// ---- HyperLSTM -----------------------------------------------------------------------------

static const void *alpha_panel(const Unroll *u, const void *packed, int transposed, long part) {
    long K = transposed ? u->main.H : u->E, N = transposed ? u->E : u->main.H;
    return (const char *)packed + part * panel_bytes(K, N, u->half);
}

// One part of the embeddings z of `count` rows, expanded to the units: to [count, H].
static void expand(const Unroll *u, long t, long count, long part, Room room, float *to) {
    const long H = u->main.H, E = u->E;
    for (long r = 0; r < count; r++) {
        room.from[r] = u->z + kept_at(u, t, u->rows[r]) * PARTS * E + part * E;
        room.to[r] = to + r * H;
    }
    pack_rows(room.from, count, E, u->half, room.packed, room.rounded);
    multiply(count, H, E, room.packed, alpha_panel(u, u->alpha, 0, part), u->half, room.to, 0);
}

static void hyper_forward(const Unroll *u) {
    const Gated *s = &u->main, *small = &u->small;
    const long H = s->H, Y = u->Y, E = u->E, H4 = GATES * H, Y4 = GATES * Y, Z = PARTS * E;
    Room room = make_room(u, longest(H, longest(Y, E)));
    float *by_x = allocate(3 * u->R * H * sizeof(float));
    float *by_h = by_x + u->R * H, *shift = by_h + u->R * H, *x_part = allocate(H * sizeof(float));
    for (long t = 0, count; t < u->T && (count = rows_of_step(u, t)) > 0; t++) {
        for (long r = 0; r < count; r++) {
            long b = u->rows[r];
            room.from[r] = h_at(u, s, t - 1, b);
            room.to[r] = u->hw + kept_at(u, t, b) * H4;
        }
        pack_rows(room.from, count, H, u->half, room.packed, room.rounded);
        multiply(count, H4, H, room.packed, u->W_hh, u->half, room.to, 0);
        for (long r = 0; r < count; r++) {
            long b = u->rows[r];
            room.to[r] = small->gates + kept_at(u, t, b) * Y4;
            project(u, t, b, H4, Y4, room.to[r]);
            room.from[r] = h_at(u, small, t - 1, b);
        }
        multiply(count, Y4, H, room.packed, u->W_hk, u->half, room.to, 1);
        pack_rows(room.from, count, Y, u->half, room.packed, room.rounded);
        multiply(count, Y4, Y, room.packed, u->W_kk, u->half, room.to, 1);
        for (long r = 0; r < count; r++) {
            long b = u->rows[r];
            float *k = h_at(u, small, t, b);
            forward_row(small, room.to[r], small->deviation + kept_at(u, t, b) * GATES,
                        mask_at(u, small, t, b), c_at(u, small, t - 1, b), c_at(u, small, t, b), k);
            room.from[r] = k;
            room.to[r] = u->z + kept_at(u, t, b) * Z;
            memcpy(room.to[r], u->b_z, Z * sizeof(float));
        }
        pack_rows(room.from, count, Y, u->half, room.packed, room.rounded);
        multiply(count, Z, Y, room.packed, u->W_z, u->half, room.to, 1);
        for (int g = 0; g < GATES; g++) {
            expand(u, t, count, g, room, by_x);
            expand(u, t, count, GATES + g, room, by_h);
            expand(u, t, count, 2 * GATES + g, room, shift);
            for (long r = 0; r < count; r++) {
                long b = u->rows[r];
                float *gate = s->gates + kept_at(u, t, b) * H4 + g * H;
                const float *hw = u->hw + kept_at(u, t, b) * H4 + g * H;
                project(u, t, b, g * H, H, x_part);
                for (long j = 0; j < H; j += VL) {
                    long left = H - j;
                    vec total = load(by_x + r * H + j, left) * load(x_part + j, left);
                    total += load(by_h + r * H + j, left) * load(hw + j, left);
                    total += load(shift + r * H + j, left) + load(u->bias + g * H + j, left);
                    store(gate + j, left, total);
                }
            }
        }
        for (long r = 0; r < count; r++) {
            long b = u->rows[r];
            forward_row(s, s->gates + kept_at(u, t, b) * H4,
                        s->deviation + kept_at(u, t, b) * GATES, mask_at(u, s, t, b),
                        c_at(u, s, t - 1, b), c_at(u, s, t, b), h_at(u, s, t, b));
            if (t == u->lengths[r] - 1) {
                memcpy(u->c_last + b * H, c_at(u, s, t, b), H * sizeof(float));
                memcpy(u->n_last + b * Y, c_at(u, small, t, b), Y * sizeof(float));
            }
        }
    }
    end_rows(u, s, u->h_last);
    end_rows(u, small, u->k_last);
    free(by_x);
    free(x_part);
    free_room(room);
}

// The adjoint of `expand`: d [count, H] -> that of the embeddings (d_z [R, 12E]) and of alpha.
static void expand_adjoint(const Unroll *u, long t, long count, long part, Room room,
                           const float *d, float *d_z) {
    const long H = u->main.H, E = u->E, Z = PARTS * E;
    const float **embeddings = room.from, **adjoints = malloc(count * sizeof(float *));
    for (long r = 0; r < count; r++) {
        embeddings[r] = u->z + at(u, t, u->rows[r]) * Z + part * E;
        adjoints[r] = d + r * H;
        room.to[r] = d_z + r * Z + part * E;
    }
    add_outer_products(E, 0, H, count, embeddings, adjoints, 0, u->d_alpha + part * E * H, H);
    pack_rows(adjoints, count, H, u->half, room.packed, room.rounded);
    multiply(count, E, H, room.packed, alpha_panel(u, u->alpha_t, 1, part), u->half, room.to, 0);
    free(adjoints);
}

static void hyper_backward(const Unroll *u) {
    const Gated *s = &u->main, *small = &u->small;
    const long H = s->H, Y = u->Y, E = u->E, H4 = GATES * H, Y4 = GATES * Y, Z = PARTS * E;
    Room room = make_room(u, longest(H4, longest(Y4, Z)));
    float *by_x = allocate(3 * u->R * H * sizeof(float));
    float *by_h = by_x + u->R * H, *d_gate = by_h + u->R * H;
    float *d_z = allocate(u->R * Z * sizeof(float));
    float *x_part = allocate(2 * H * sizeof(float)), *d_x_part = x_part + H;
    float *scratch = allocate(6 * longest(H, Y) * sizeof(float));
    for (long t = u->T - 1; t >= 0; t--) {
        long count = rows_of_step(u, t);
        if (!count) continue;
        for (long r = 0; r < count; r++) {
            long b = u->rows[r];
            float *d_h = u->d_h0 + b * H;
            if (t == u->lengths[r] - 1) {
                memcpy(d_h, u->d_h_last + b * H, H * sizeof(float));
                memcpy(u->d_c0 + b * H, u->d_c_last + b * H, H * sizeof(float));
                memcpy(u->d_k0 + b * Y, u->d_k_last + b * Y, Y * sizeof(float));
                memcpy(u->d_n0 + b * Y, u->d_n_last + b * Y, Y * sizeof(float));
            }
            if (u->d_out)
                for (long j = 0; j < H; j++) d_h[j] += u->d_out[at(u, t, b) * H + j];
            backward_row(s, s->gates + at(u, t, b) * H4, s->deviation + at(u, t, b) * GATES,
                         mask_at(u, s, t, b), c_at(u, s, t - 1, b), c_at(u, s, t, b), d_h,
                         u->d_c0 + b * H, scratch);
            for (long j = 0; j < H4; j += VL)
                add_to(u->d_bias + j, H4 - j, load(s->gates + at(u, t, b) * H4 + j, H4 - j));
        }
        for (int g = 0; g < GATES; g++) {
            expand(u, t, count, g, room, by_x);
            expand(u, t, count, GATES + g, room, by_h);
            for (long r = 0; r < count; r++) {
                long b = u->rows[r];
                const float *d = s->gates + at(u, t, b) * H4 + g * H;
                float *hw = u->hw + at(u, t, b) * H4 + g * H;
                project(u, t, b, g * H, H, x_part);
                for (long j = 0; j < H; j += VL) {
                    long left = H - j;
                    vec adjoint = load(d + j, left);
                    vec scale_x = load(by_x + r * H + j, left);
                    vec scale_h = load(by_h + r * H + j, left);
                    store(d_gate + r * H + j, left, adjoint);
                    store(d_x_part + j, left, adjoint * scale_x);
                    store(by_x + r * H + j, left, adjoint * load(x_part + j, left));
                    store(by_h + r * H + j, left, adjoint * load(hw + j, left));
                    store(hw + j, left, adjoint * scale_h);
                }
                project_adjoint(u, t, b, g * H, H, d_x_part);
            }
            expand_adjoint(u, t, count, g, room, by_x, d_z);
            expand_adjoint(u, t, count, GATES + g, room, by_h, d_z);
            expand_adjoint(u, t, count, 2 * GATES + g, room, d_gate, d_z);
        }
        for (long r = 0; r < count; r++) {
            long b = u->rows[r];
            memcpy(u->z + at(u, t, b) * Z, d_z + r * Z, Z * sizeof(float));
            room.from[r] = d_z + r * Z;
            room.to[r] = u->d_k0 + b * Y;
        }
        pack_rows(room.from, count, Z, u->half, room.packed, room.rounded);
        multiply(count, Y, Z, room.packed, u->W_z_t, u->half, room.to, 1);
        for (long r = 0; r < count; r++) {
            long b = u->rows[r];
            float *gates = small->gates + at(u, t, b) * Y4;
            backward_row(small, gates, small->deviation + at(u, t, b) * GATES,
                         mask_at(u, small, t, b), c_at(u, small, t - 1, b), c_at(u, small, t, b),
                         u->d_k0 + b * Y, u->d_n0 + b * Y, scratch);
            project_adjoint(u, t, b, H4, Y4, gates);
            room.from[r] = gates;
            room.to[r] = u->d_k0 + b * Y;
        }
        pack_rows(room.from, count, Y4, u->half, room.packed, room.rounded);
        multiply(count, Y, Y4, room.packed, u->W_kk_t, u->half, room.to, 0);
        for (long r = 0; r < count; r++) room.to[r] = u->d_h0 + u->rows[r] * H;
        multiply(count, H, Y4, room.packed, u->W_hk_t, u->half, room.to, 0);
        for (long r = 0; r < count; r++) room.from[r] = u->hw + at(u, t, u->rows[r]) * H4;
        pack_rows(room.from, count, H4, u->half, room.packed, room.rounded);
        multiply(count, H, H4, room.packed, u->W_hh_t, u->half, room.to, 1);
    }
    free(by_x);
    free(d_z);
    free(x_part);
    free(scratch);
    free_room(room);
}

// ---- gradients of the weights --------------------------------------------------------------

typedef struct {
    long T, B;
    const int64_t *lengths; // [B]
    const float *a0, *a;    // [B, M] before the first step, [T, B, M]
    long before;
    const float *d; // [T, B, N]
    long M, N, first, last, half;
    float *C; // [M, N]
} Gradient;

// C += the sum over all rows and steps of (before ? a of the step before : a) d, columns first ...
// last.
static void weight_gradient(const Gradient *g) {
    const long T = g->T, B = g->B, M = g->M, N = g->N;
    const float **left = malloc(T * B * sizeof(float *)), **right = malloc(T * B * sizeof(float *));
    long count = 0;
    for (long t = 0; t < T; t++)
        for (long b = 0; b < B; b++)
            if (t < g->lengths[b]) {
                if (!g->before) left[count] = g->a + (t * B + b) * M;
                else left[count] = t ? g->a + ((t - 1) * B + b) * M : g->a0 + b * M;
                right[count++] = g->d + (t * B + b) * N;
            }
    add_outer_products(M, g->first, g->last, count, left, right, g->half, g->C, N);
    free(left);
    free(right);
}

// ---- several calls side by side ------------------------------------------------------------

enum { FORWARD, BACKWARD, HYPER_FORWARD, HYPER_BACKWARD, WEIGHT_GRADIENT };
typedef struct {
    long kind;
    const void *arguments; // an Unroll, or a Gradient
} Task;

static void run_task(const Task *task) {
    switch (task->kind) {
    case FORWARD: forward(task->arguments); break;
    case BACKWARD: backward(task->arguments); break;
    case HYPER_FORWARD: hyper_forward(task->arguments); break;
    case HYPER_BACKWARD: hyper_backward(task->arguments); break;
    case WEIGHT_GRADIENT: weight_gradient(task->arguments); break;
    }
}

#ifdef _OPENMP
int has_openmp(void) { return 1; }
#else
int has_openmp(void) { return 0; }
#endif

// With OpenMP on that many threads: the same ones that PyTorch has, where it uses the same library,
// so that none of its waiting threads is in the way. Without it one after the other.
void run(const Task *tasks, long count, int threads) {
    (void)threads;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (long i = 0; i < count; i++) run_task(tasks + i);
}
