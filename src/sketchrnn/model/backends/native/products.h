// Vectors, their functions, and the matrix products of the native way (see cells.c).
//
// Plain C with the vector types of GCC and Clang: no library, any processor. A product packs its
// left factor in blocks of at most MR rows and its right factor in panels of NR columns, and keeps
// an MR x NR tile of the result in registers. Where the processor has bfloat16 products, both
// factors may be rounded to bfloat16, two by two along the summed dimension; sums stay float32.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__AVX512F__)
#define VL 16 // floats in a vector
#define NV 2  // vectors in a panel's row
#define MR 12 // rows of a tile: MR * NV sums, NV factors and one broadcast fill the registers
#elif defined(__AVX__)
#define VL 8
#define NV 2
#define MR 6
#elif defined(__aarch64__)
#define VL 4
#define NV 3
#define MR 8
#else
#define VL 4
#define NV 2
#define MR 6
#endif
#define NR (VL * NV)
#define KC 512 // terms summed before the tile is put back: a panel of that length stays in cache

#if defined(__AVX512BF16__)
#include <immintrin.h>
#define HAS_BF16 1
#else
#define HAS_BF16 0
#endif

#define INLINE static inline __attribute__((always_inline))

typedef float vec __attribute__((vector_size(4 * VL), aligned(4), may_alias));
typedef int32_t ivec __attribute__((vector_size(4 * VL), aligned(4), may_alias));
typedef uint16_t bf16;

INLINE vec splat(float x) { return x - (vec){0}; }

INLINE vec load(const float *p, long count) { // missing elements are 0
    if (count >= VL) return *(const vec *)p;
    vec x = {0};
    memcpy(&x, p, count * sizeof(float));
    return x;
}

INLINE void store(float *p, long count, vec x) {
    if (count >= VL) *(vec *)p = x;
    else memcpy(p, &x, count * sizeof(float));
}

INLINE float sum(vec x) {
    float total = 0;
    for (int i = 0; i < VL; i++) total += x[i];
    return total;
}

INLINE vec choose(ivec where, vec yes, vec no) {
    return (vec)(((ivec)yes & where) | ((ivec)no & ~where));
}

// e^x for |x| up to 87, beyond that its value there: polynomial of Cephes, error 1e-7. NaN stays.
INLINE vec exponential(vec x) {
    x = choose(x > 87.0f, splat(87.0f), x);
    x = choose(x < -87.0f, splat(-87.0f), x);
    const float to_integer = 12582912.0f; // 1.5 * 2^23: adding it rounds
    vec n = (x * 1.44269504f + to_integer) - to_integer;
    vec r = x - n * 0.693359375f + n * 2.12194440e-4f;
    vec p = splat(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    ivec power = (__builtin_convertvector(n, ivec) + 127) << 23;
    return p * (vec)power;
}

INLINE vec sigmoid(vec x) { return 1.0f / (1.0f + exponential(-x)); }

INLINE vec hyperbolic_tangent(vec x) {
    vec magnitude = choose(x < 0.0f, -x, x);
    vec large = 1.0f - 2.0f / (exponential(2.0f * magnitude) + 1.0f);
    large = choose(x < 0.0f, -large, large);
    vec s = x * x; // Cephes again: near 0 the formula above would cancel
    vec p = splat(-5.70498872745e-3f);
    p = p * s + 2.06390887954e-2f;
    p = p * s - 5.37397155531e-2f;
    p = p * s + 1.33314422036e-1f;
    p = p * s - 3.33332819422e-1f;
    return choose(magnitude < 0.625f, x + x * s * p, large);
}

// Rounded to nearest, ties to even; NaN stays NaN.
INLINE bf16 to_bf16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    if ((bits & 0x7fffffff) > 0x7f800000) return (bits >> 16) | 0x40;
    return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}

// A row of K floats as bfloat16, an odd one filled up with 0.
static void round_row(const float *x, long K, bf16 *to) {
    long k = 0;
#if HAS_BF16
    for (; k + 16 <= K; k += 16) {
        __m256bh rounded = _mm512_cvtneps_pbh(_mm512_loadu_ps(x + k));
        memcpy(to + k, &rounded, sizeof rounded);
    }
#endif
    for (; k < K; k++) to[k] = to_bf16(x[k]);
    if (K % 2) to[K] = 0;
}

// Pairs (low[i], high[i]) as bfloat16; without a `high` its half is 0.
static void round_pairs(const float *low, const float *high, long count, uint32_t *to) {
    long i = 0;
#if HAS_BF16
    for (; i + 16 <= count; i += 16) {
        __m512i pair = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(low + i)));
        if (high) {
            __m256i upper = (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(high + i));
            pair = _mm512_or_si512(pair, _mm512_slli_epi32(_mm512_cvtepu16_epi32(upper), 16));
        }
        _mm512_storeu_si512(to + i, pair);
    }
#endif
    for (; i < count; i++)
        to[i] = to_bf16(low[i]) | (high ? (uint32_t)to_bf16(high[i]) << 16 : 0);
}

static void *allocate(size_t bytes) { return aligned_alloc(64, (bytes + 63) / 64 * 64 + 64); }

// ---- packing -------------------------------------------------------------------------------

// Bytes of K x N packed in panels, and of R x K packed in blocks of rows.
static size_t panel_bytes(long K, long N, int half) {
    long panels = (N + NR - 1) / NR;
    return half ? panels * ((K + 1) / 2 * 2) * NR * sizeof(bf16) : panels * K * NR * sizeof(float);
}
static size_t block_bytes(long R, long K, int half) {
    return R * ((K + 1) / 2 * 2) * (half ? sizeof(bf16) : sizeof(float));
}

// B [K, N], element (k, n) at B[k * row + n * column] -> panels [N / NR][K][NR].
// bfloat16: panels [N / NR][K / 2][NR][2].
static void pack_panels(const float *B, long row, long column, long K, long N, int half,
                        void *packed) {
    long panels = (N + NR - 1) / NR, pairs = (K + 1) / 2;
    for (long p = 0; p < panels; p++) {
        long width = N - p * NR < NR ? N - p * NR : NR;
        if (half) {
            bf16 *to = (bf16 *)packed + p * pairs * 2 * NR;
            for (long k = 0; k < 2 * pairs; k++)
                for (long j = 0; j < NR; j++)
                    to[(k / 2 * NR + j) * 2 + k % 2] =
                        k < K && j < width ? to_bf16(B[k * row + (p * NR + j) * column]) : 0;
        } else {
            float *to = (float *)packed + p * K * NR;
            for (long k = 0; k < K; k++)
                for (long j = 0; j < NR; j++)
                    to[k * NR + j] = j < width ? B[k * row + (p * NR + j) * column] : 0;
        }
    }
}

// How R rows are cut into blocks: as few as possible, of nearly equal size.
INLINE long block_count(long R) { return (R + MR - 1) / MR; }
INLINE long block_rows(long left, long blocks_left) {
    return (left + blocks_left - 1) / blocks_left;
}

// 4 x 4 numbers, rows to columns.
INLINE void transpose_4(const float *const *rows, long k, float *to, long row) {
    typedef float four __attribute__((vector_size(16), aligned(4), may_alias));
    four a = *(const four *)(rows[0] + k), b = *(const four *)(rows[1] + k);
    four c = *(const four *)(rows[2] + k), d = *(const four *)(rows[3] + k);
    four ab = {a[0], b[0], a[1], b[1]}, cd = {c[0], d[0], c[1], d[1]};
    four AB = {a[2], b[2], a[3], b[3]}, CD = {c[2], d[2], c[3], d[3]};
    *(four *)to = (four){ab[0], ab[1], cd[0], cd[1]};
    *(four *)(to + row) = (four){ab[2], ab[3], cd[2], cd[3]};
    *(four *)(to + 2 * row) = (four){AB[0], AB[1], CD[0], CD[1]};
    *(four *)(to + 3 * row) = (four){AB[2], AB[3], CD[2], CD[3]};
}

// R rows of K floats, wherever they stand -> blocks [K][rows of the block].
static void pack_blocks(const float *const *rows, long R, long K, float *packed) {
    long blocks = block_count(R);
    for (long b = 0, r = 0; b < blocks; b++) {
        long mr = block_rows(R - r, blocks - b), i = 0;
        float *to = packed + r * K;
        for (; i + 4 <= mr; i += 4) {
            long k = 0;
            for (; k + 4 <= K; k += 4) transpose_4(rows + r + i, k, to + k * mr + i, mr);
            for (; k < K; k++)
                for (long j = 0; j < 4; j++) to[k * mr + i + j] = rows[r + i + j][k];
        }
        for (; i < mr; i++)
            for (long k = 0; k < K; k++) to[k * mr + i] = rows[r + i][k];
        r += mr;
    }
}

// The same in bfloat16: a pair of them along K, rounded into `room`, goes where a float would.
static void pack_rows(const float *const *rows, long R, long K, int half, void *packed,
                      float *room) {
    if (!half) {
        pack_blocks(rows, R, K, packed);
        return;
    }
    long pairs = (K + 1) / 2;
    const float *rounded[MR];
    for (long b = 0, r = 0, blocks = block_count(R); b < blocks; b++) {
        long mr = block_rows(R - r, blocks - b);
        for (long i = 0; i < mr; i++) {
            round_row(rows[r + i], K, (bf16 *)(room + i * pairs));
            rounded[i] = room + i * pairs;
        }
        pack_blocks(rounded, mr, pairs, (float *)packed + r * pairs);
        r += mr;
    }
}

// ---- one tile ------------------------------------------------------------------------------

// rows i of C [mr, NR] (+)= sum over k of A[k][i] * B[k][0 ... NR)
INLINE void tile(int mr, const float *A, const float *B, long K, float *const *C, int add) {
    vec total[MR][NV];
#pragma GCC unroll 16
    for (int i = 0; i < mr; i++)
#pragma GCC unroll 4
        for (int j = 0; j < NV; j++) total[i][j] = splat(0);
    for (long k = 0; k < K; k++) {
        vec b[NV];
#pragma GCC unroll 4
        for (int j = 0; j < NV; j++) b[j] = *(const vec *)(B + k * NR + j * VL);
#pragma GCC unroll 16
        for (int i = 0; i < mr; i++) {
            float a = A[k * mr + i];
#pragma GCC unroll 4
            for (int j = 0; j < NV; j++) total[i][j] += b[j] * a;
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < mr; i++)
#pragma GCC unroll 4
        for (int j = 0; j < NV; j++) {
            vec *c = (vec *)(C[i] + j * VL);
            if (add) total[i][j] += *c;
            *c = total[i][j];
        }
}

#if HAS_BF16
INLINE void tile_bf16(int mr, const uint32_t *A, const bf16 *B, long pairs, float *const *C,
                      int add) {
    __m512 total[MR][NV];
#pragma GCC unroll 16
    for (int i = 0; i < mr; i++)
#pragma GCC unroll 4
        for (int j = 0; j < NV; j++) total[i][j] = _mm512_setzero_ps();
    for (long k = 0; k < pairs; k++) {
        __m512bh b[NV];
#pragma GCC unroll 4
        for (int j = 0; j < NV; j++)
            b[j] = (__m512bh)_mm512_loadu_si512(B + k * 2 * NR + j * 2 * VL);
#pragma GCC unroll 16
        for (int i = 0; i < mr; i++) {
            __m512bh a = (__m512bh)_mm512_set1_epi32((int)A[k * mr + i]);
#pragma GCC unroll 4
            for (int j = 0; j < NV; j++) total[i][j] = _mm512_dpbf16_ps(total[i][j], a, b[j]);
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < mr; i++)
#pragma GCC unroll 4
        for (int j = 0; j < NV; j++) {
            vec *c = (vec *)(C[i] + j * VL), x = (vec)total[i][j];
            if (add) x += *c;
            *c = x;
        }
}
#endif

// Columns first ... first + width of C's rows (+)= one tile of terms A [terms][mr], B [terms][NR].
static void add_tile(long mr, const void *A, const void *B, long terms, int half, float *const *C,
                     long first, long width, int add) {
    float edge[MR][NR], *rows[MR];
    int whole = width == NR;
    for (long i = 0; i < mr; i++) rows[i] = whole ? C[i] + first : edge[i];
    switch (mr) {
#if HAS_BF16
#define TILE(n)                                                                                    \
    case n:                                                                                        \
        if (half) tile_bf16(n, A, B, terms, rows, whole && add);                                   \
        else tile(n, A, B, terms, rows, whole && add);                                             \
        break;
#else
#define TILE(n)                                                                                    \
    case n:                                                                                        \
        tile(n, A, B, terms, rows, whole && add);                                                  \
        break;
#endif
        TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6)
#if MR > 6
        TILE(7) TILE(8)
#endif
#if MR > 8
        TILE(9) TILE(10) TILE(11) TILE(12)
#endif
#undef TILE
    }
    (void)half;
    if (!whole)
        for (long i = 0; i < mr; i++)
            for (long j = 0; j < width; j++)
                C[i][first + j] = add ? C[i][first + j] + edge[i][j] : edge[i][j];
}

// ---- products ------------------------------------------------------------------------------

// C [R, N], its rows anywhere, (+)= A [R, K] packed in blocks times B [K, N] packed in panels.
static void multiply(long R, long N, long K, const void *A, const void *B, int half,
                     float *const *C, int add) {
    long blocks = block_count(R), panels = (N + NR - 1) / NR, terms = half ? (K + 1) / 2 : K;
    for (long p = 0; p < panels; p++) {
        long width = N - p * NR < NR ? N - p * NR : NR;
        for (long k0 = 0; k0 < terms; k0 += KC) {
            long count = terms - k0 < KC ? terms - k0 : KC;
            for (long b = 0, r = 0; b < blocks; b++) {
                long mr = block_rows(R - r, blocks - b);
                // a pair of bfloat16 has the size of a float, so both are found alike
                add_tile(mr, (const float *)A + r * terms + k0 * mr,
                         (const float *)B + (p * terms + k0) * NR, count, half, C + r, p * NR,
                         width, add || k0 > 0);
                r += mr;
            }
        }
    }
}

// C [M, N] += sum over k of a[k] [M] times b[k] [N], columns first ... last of it.
// This is the weights' gradient: k counts the steps of all drawings, a and b are rows anywhere.
#define GRADIENT_KC 512    // rows at a time
#define GRADIENT_BLOCKS 20 // of A, which then stays in cache while B goes by
static void add_outer_products(long M, long first, long last, long count, const float *const *a,
                               const float *const *b, int half, float *C, long row) {
    long blocks = block_count(M), panels = (last - first + NR - 1) / NR;
    uint32_t *A = allocate(block_bytes(M, GRADIENT_KC, 0)), *paired = allocate(M * sizeof(float));
    uint32_t *B = allocate(panels * GRADIENT_KC * NR * sizeof(float));
    float *C_rows[MR];
    for (long k0 = 0; k0 < count; k0 += GRADIENT_KC) {
        long kc = count - k0 < GRADIENT_KC ? count - k0 : GRADIENT_KC;
        long terms = half ? (kc + 1) / 2 : kc;
        for (long k = 0; k < terms; k++) { // A: [blocks][terms][mr]
            const uint32_t *from = (const uint32_t *)a[k0 + k];
            if (half) {
                const float *high = 2 * k + 1 < kc ? a[k0 + 2 * k + 1] : 0;
                round_pairs(a[k0 + 2 * k], high, M, paired);
                from = paired;
            }
            for (long block = 0, m = 0; block < blocks; block++) {
                long mr = block_rows(M - m, blocks - block);
                memcpy(A + m * terms + k * mr, from + m, mr * sizeof(uint32_t));
                m += mr;
            }
        }
        for (long p = 0; p < panels; p++) { // B: [panels][terms][NR]
            long n = first + p * NR, width = last - n < NR ? last - n : NR;
            uint32_t *to = B + p * terms * NR;
            for (long k = 0; k < terms; k++, to += NR) {
                if (half) {
                    const float *high = 2 * k + 1 < kc ? b[k0 + 2 * k + 1] + n : 0;
                    round_pairs(b[k0 + 2 * k] + n, high, width, to);
                } else memcpy(to, b[k0 + k] + n, width * sizeof(float));
                for (long j = width; j < NR; j++) to[j] = 0;
            }
        }
        for (long from = 0, m0 = 0, m = 0; from < blocks; from += GRADIENT_BLOCKS, m0 = m)
            for (long p = 0; p < panels; p++) {
                long n = first + p * NR, width = last - n < NR ? last - n : NR;
                m = m0;
                for (long block = from; block < blocks && block < from + GRADIENT_BLOCKS; block++) {
                    long mr = block_rows(M - m, blocks - block);
                    for (long i = 0; i < mr; i++) C_rows[i] = C + (m + i) * row + n;
                    add_tile(mr, A + m * terms, B + p * terms * NR, terms, half, C_rows, 0, width,
                             1);
                    m += mr;
                }
            }
    }
    free(A);
    free(paired);
    free(B);
}
