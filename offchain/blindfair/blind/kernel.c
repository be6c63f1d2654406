/* The loops of blind scoring whose work grows with the records: sums of products of residues, the number theoretic
 * transform of the seller's own columns, and for replies the way back from it and the switch to a smaller modulus. All
 * give what SEAL gives for the same residues, bit for bit.
 *
 * Sums. For every prime p, place c of a polynomial, block b of records and query q, both polynomials of a ciphertext:
 *
 *     sums[b][q][polynomial][p][c] = sum over j of columns[b][p][c][j] * queries[q][polynomial][p][c][j]   modulo p
 *
 * Exact, and reduced. Nothing here knows what is a key or a score, allocates, or depends on the values in its time. Not
 * here: how the arrays are made (layout.py, transform.py), their checks (kernel.py).
 *
 * Memory. Places come in tiles of 8, the words of one cache line:
 *
 *     columns  one array for each block: [prime][tile][coordinate][8]
 *     queries  [prime][tile][query][coordinate][2 polynomials][8]
 *     sums     [block][query][2 polynomials][prime][8 tile + place]
 *
 * A tile of all queries stays in the cache while the blocks' columns stream past it, once.
 *
 * A residue x < 2^60 of columns and queries is stored as its halves, (x mod 2^30) + 2^32 floor(x / 2^30): eight lanes
 * of a vector multiply 32 bits by 32 at once. Sums are reduced every 256 products, which are less than 2^128 together.
 * Columns are fetched 48 lines ahead: the processor's own prefetching stops at the end of every page.
 */

#include <stddef.h>
#include <stdint.h>

typedef unsigned __int128 uint128;

enum { TILE = 8, LONGEST = 256, AHEAD = 48 };

#define HALF 30
#define HALF_MASK ((UINT64_C(1) << HALF) - 1)
#define WORD_MASK UINT64_C(0xffffffff)

/* x mod p for p < 2^60 and the ratio floor((2^128 - 1) / p), by Barrett: the quotient is at most 2 too small. */
static uint64_t reduced(uint128 x, uint64_t p, uint128 ratio) {
    uint64_t x0 = (uint64_t)x, x1 = (uint64_t)(x >> 64), r0 = (uint64_t)ratio, r1 = (uint64_t)(ratio >> 64);
    uint128 middle = (uint128)x0 * r1 + (uint64_t)(((uint128)x0 * r0) >> 64);
    uint128 other = (uint128)x1 * r0 + (uint64_t)middle;
    uint64_t quotient = x1 * r1 + (uint64_t)(middle >> 64) + (uint64_t)(other >> 64);
    uint64_t rest = x0 - quotient * p;
    rest = rest >= 2 * p ? rest - 2 * p : rest;
    return rest >= p ? rest - p : rest;
}

static void add_reduced(uint64_t *sum, uint128 x, uint64_t p, uint128 ratio) {
    uint64_t total = *sum + reduced(x, p, ratio);
    *sum = total >= p ? total - p : total;
}

/* --- any processor ------------------------------------------------------------------------------------------------ */

static uint64_t joined(uint64_t halves) { return (halves & WORD_MASK) | (halves >> 32 << HALF); }

static void tile_portable(const uint64_t *columns, const uint64_t *queries, size_t count, uint128 sums[2][TILE]) {
    for (size_t place = 0; place < TILE; place++) {
        uint128 first = 0, second = 0;
        for (size_t j = 0; j < count; j++) {
            uint64_t entry = joined(columns[TILE * j + place]);
            first += (uint128)entry * joined(queries[2 * TILE * j + place]);
            second += (uint128)entry * joined(queries[2 * TILE * j + TILE + place]);
        }
        sums[0][place] = first;
        sums[1][place] = second;
    }
}

/* --- AVX-512 ------------------------------------------------------------------------------------------------------ */

#if defined(__x86_64__) && defined(__GNUC__)
#define HAS_AVX512 1
#include <immintrin.h>

/* The three products of Karatsuba's multiplication of halves: low, cross = (low + high)(low + high), high. Each in two
 * words: what is below 2^32, where products are added, and the carries of it. */
typedef struct {
    __m512i low, cross, high, low_carry, cross_carry, high_carry;
} products;

#define VECTORS __attribute__((target("avx512f,avx512dq")))
#define INLINE static inline __attribute__((always_inline, target("avx512f,avx512dq")))

INLINE __m512i all(uint64_t x) { return _mm512_set1_epi64((long long)x); }

/* x below 2 bound to x modulo bound: where x is smaller the difference wraps around and is the larger one. */
INLINE __m512i below8(__m512i x, __m512i bound) { return _mm512_min_epu64(x, _mm512_sub_epi64(x, bound)); }

/* x w modulo p, below 2 p, for any x (see the transform). The upper half of the product with w' is put together from
 * three products of halves without the carries of what is below, so it is at most 2 too small, and the result below 4 p
 * at first. */
INLINE __m512i times8(__m512i x, __m512i p, __m512i w, __m512i quotient) {
    __m512i x_high = _mm512_srli_epi64(x, 32), q_high = _mm512_srli_epi64(quotient, 32);
    __m512i upper = _mm512_add_epi64(_mm512_srli_epi64(_mm512_mul_epu32(x_high, quotient), 32),
                                     _mm512_srli_epi64(_mm512_mul_epu32(x, q_high), 32));
    upper = _mm512_add_epi64(upper, _mm512_mul_epu32(x_high, q_high));
    __m512i product = _mm512_sub_epi64(_mm512_mullo_epi64(x, w), _mm512_mullo_epi64(upper, p));
    return below8(product, _mm512_add_epi64(p, p));
}

/* What sums are reduced by: powers of 2 modulo p, and their quotients. */
typedef struct {
    uint64_t p, power[4], quotient[4];
} reduction;

static const unsigned EXPONENTS[4] = {0, 32, 2 * HALF, 2 * HALF + 32};

static reduction reduction_of(uint64_t p) {
    reduction found = {.p = p};
    for (size_t i = 0; i < 4; i++) {
        found.power[i] = (uint64_t)(((uint128)1 << EXPONENTS[i]) % p);
        found.quotient[i] = (uint64_t)(((uint128)found.power[i] << 64) / p);
    }
    return found;
}

INLINE void multiply(products *sum, __m512i x, __m512i x_high, __m512i x_both, __m512i y, __m512i y_high, __m512i y_both) {
    sum->low = _mm512_add_epi64(sum->low, _mm512_mul_epu32(x, y));
    sum->cross = _mm512_add_epi64(sum->cross, _mm512_mul_epu32(x_both, y_both));
    sum->high = _mm512_add_epi64(sum->high, _mm512_mul_epu32(x_high, y_high));
}

INLINE void carry(__m512i *sum, __m512i *carries) {
    *carries = _mm512_add_epi64(*carries, _mm512_srli_epi64(*sum, 32));
    *sum = _mm512_and_si512(*sum, _mm512_set1_epi64((long long)WORD_MASK));
}

/* With at most 256 products the carries are below 2^38, and so is what of `cross` is not `low` and `high`. */
INLINE __m512i reduced8(const products *sum, __m512i before, const reduction *by) {
    __m512i middle = _mm512_sub_epi64(sum->cross, _mm512_add_epi64(sum->low, sum->high));
    __m512i middle_carry = _mm512_sub_epi64(sum->cross_carry, _mm512_add_epi64(sum->low_carry, sum->high_carry));
    middle_carry = _mm512_add_epi64(middle_carry, _mm512_srai_epi64(middle, 32));
    middle = _mm512_and_si512(middle, all(WORD_MASK));
    __m512i parts[4] = {_mm512_add_epi64(sum->low, _mm512_slli_epi64(middle, HALF)), sum->low_carry,
                        _mm512_add_epi64(sum->high, _mm512_slli_epi64(middle_carry, 32 - HALF)), sum->high_carry};
    __m512i total = before, p = all(by->p);
    for (size_t i = 0; i < 4; i++)
        total = _mm512_add_epi64(total, times8(parts[i], p, all(by->power[i]), all(by->quotient[i])));
    /* Below 9 p, which is below 2^64. */
    for (unsigned doublings = 4; doublings-- > 0;) total = below8(total, _mm512_slli_epi64(p, doublings));
    return total;
}

/* One coordinate of `blocks` columns, 1 or 2. */
INLINE void step(products sums[2][2], const uint64_t *const *columns, size_t blocks, const uint64_t *queries, size_t j) {
    __m512i y[2], y_high[2], y_both[2];
    for (size_t polynomial = 0; polynomial < 2; polynomial++) {
        y[polynomial] = _mm512_loadu_si512(queries + 2 * TILE * j + TILE * polynomial);
        y_high[polynomial] = _mm512_srli_epi64(y[polynomial], 32);
        y_both[polynomial] = _mm512_add_epi64(y[polynomial], y_high[polynomial]);
    }
    for (size_t block = 0; block < blocks; block++) {
        __builtin_prefetch((const void *)((uintptr_t)columns[block] + sizeof(uint64_t) * TILE * (j + AHEAD)));
        __m512i x = _mm512_loadu_si512(columns[block] + TILE * j);
        __m512i x_high = _mm512_srli_epi64(x, 32);
        __m512i x_both = _mm512_add_epi64(x, x_high);
        for (size_t polynomial = 0; polynomial < 2; polynomial++)
            multiply(&sums[block][polynomial], x, x_high, x_both, y[polynomial], y_high[polynomial], y_both[polynomial]);
    }
}

/* A cross product is below 2^62, the others below 2^60: after 4 and after 16 of them the carries must be taken. */
INLINE void tile_avx512(const uint64_t *const *columns, size_t blocks, const uint64_t *queries, size_t count,
                        const reduction *by, uint64_t totals[2][2][TILE]) {
    products sums[2][2];
    __m512i zero = _mm512_setzero_si512();
    for (size_t i = 0; i < blocks * 2; i++)
        sums[i / 2][i % 2] = (products){zero, zero, zero, zero, zero, zero};
    size_t j = 0;
    while (j < count) {
        for (size_t group = 0; group < 4 && j < count; group++) {
            if (count - j >= 4) {
#pragma GCC unroll 4
                for (size_t each = 0; each < 4; each++) step(sums, columns, blocks, queries, j + each);
                j += 4;
            } else {
                for (; j < count; j++) step(sums, columns, blocks, queries, j);
            }
            for (size_t i = 0; i < blocks * 2; i++) carry(&sums[i / 2][i % 2].cross, &sums[i / 2][i % 2].cross_carry);
        }
        for (size_t i = 0; i < blocks * 2; i++) {
            carry(&sums[i / 2][i % 2].low, &sums[i / 2][i % 2].low_carry);
            carry(&sums[i / 2][i % 2].high, &sums[i / 2][i % 2].high_carry);
        }
    }
    for (size_t i = 0; i < blocks * 2; i++) {
        uint64_t *total = totals[i / 2][i % 2];
        _mm512_storeu_si512(total, reduced8(&sums[i / 2][i % 2], _mm512_loadu_si512(total), by));
    }
}

VECTORS static void tiles_avx512(const uint64_t *const *columns, size_t blocks, const uint64_t *queries, size_t count,
                                 const reduction *by, uint64_t totals[2][2][TILE]) {
    if (blocks == 2)
        tile_avx512(columns, 2, queries, count, by, totals);
    else
        tile_avx512(columns, 1, queries, count, by, totals);
}
#else
#define HAS_AVX512 0
#endif

/* --- the transform ------------------------------------------------------------------------------------------------ */

/* Butterflies on values below 4 p (D. Harvey, "Faster arithmetic for number-theoretic transforms", 2014): the product
 * x w - floor(x w' / 2^64) p with w' = floor(2^64 w / p) is x w modulo p and below 2 p for any x. */

static uint64_t below(uint64_t x, uint64_t bound) { return x >= bound ? x - bound : x; }

static uint64_t times(uint64_t x, uint64_t p, uint64_t root, uint64_t quotient) {
    return x * root - (uint64_t)(((uint128)x * quotient) >> 64) * p;
}

static void butterflies(uint64_t *low, uint64_t *high, size_t count, uint64_t p, uint64_t root, uint64_t quotient) {
    for (size_t i = 0; i < count; i++) {
        uint64_t product = times(high[i], p, root, quotient);
        uint64_t kept = below(low[i], 2 * p);
        low[i] = kept + product;
        high[i] = kept + 2 * p - product;
    }
}

/* The way back, on values below 2 p: the sum, and the difference times the root's inverse; both come out twice. */
static void butterflies_back(uint64_t *low, uint64_t *high, size_t count, uint64_t p, uint64_t root, uint64_t quotient) {
    for (size_t i = 0; i < count; i++) {
        uint64_t difference = low[i] + 2 * p - high[i];
        low[i] = below(low[i] + high[i], 2 * p);
        high[i] = times(difference, p, root, quotient);
    }
}

#if HAS_AVX512
INLINE void butterflies8(__m512i *low, __m512i *high, __m512i p, __m512i root, __m512i quotient, int back) {
    __m512i twice = _mm512_add_epi64(p, p);
    if (back) {
        __m512i sum = _mm512_add_epi64(*low, *high);
        __m512i difference = _mm512_sub_epi64(_mm512_add_epi64(*low, twice), *high);
        *low = below8(sum, twice);
        *high = times8(difference, p, root, quotient);
    } else {
        __m512i product = times8(*high, p, root, quotient);
        __m512i kept = below8(*low, twice);
        *low = _mm512_add_epi64(kept, product);
        *high = _mm512_sub_epi64(_mm512_add_epi64(kept, twice), product);
    }
}

/* A layer of groups of 2 gap places, from place `first` up to before `last`: gap is at least 8. */
INLINE void layer8(uint64_t *polynomial, size_t first, size_t last, size_t degree, size_t gap, uint64_t p,
                   const uint64_t *roots, const uint64_t *quotients, int back) {
    __m512i modulus = all(p);
    for (size_t start = first; start < last; start += 2 * gap) {
        size_t at = (degree + start) / (2 * gap);
        uint64_t *low = polynomial + start, *high = low + gap;
        __m512i root = all(roots[at]), quotient = all(quotients[at]);
        for (size_t i = 0; i < gap; i += 8) {
            __m512i x = _mm512_loadu_si512(low + i), y = _mm512_loadu_si512(high + i);
            butterflies8(&x, &y, modulus, root, quotient, back);
            _mm512_storeu_si512(low + i, x);
            _mm512_storeu_si512(high + i, y);
        }
    }
}

/* For a gap of 4, 2 or 1: of 16 neighbours the low halves of the groups go to one vector, the high ones to another, and
 * back. */
typedef struct {
    __m512i to_low, to_high, first, second, group;
    __mmask8 wanted;
} shuffle;

INLINE shuffle shuffle_of(size_t gap) {
    uint64_t places[8], partners[8], groups[8], back_low[8], back_high[8];
    for (size_t i = 0; i < 8; i++) {
        groups[i] = i / gap;
        places[i] = 2 * gap * groups[i] + i % gap;
        partners[i] = places[i] + gap;
    }
    for (size_t i = 0; i < 8; i++) {
        *(places[i] < 8 ? &back_low[places[i]] : &back_high[places[i] - 8]) = i;
        *(partners[i] < 8 ? &back_low[partners[i]] : &back_high[partners[i] - 8]) = i + 8;
    }
    return (shuffle){_mm512_loadu_si512(places),   _mm512_loadu_si512(partners), _mm512_loadu_si512(back_low),
                     _mm512_loadu_si512(back_high), _mm512_loadu_si512(groups),   (__mmask8)((1u << (8 / gap)) - 1)};
}

INLINE void near8(__m512i *a, __m512i *b, const shuffle *by, __m512i p, const uint64_t *roots, const uint64_t *quotients,
                  int back) {
    __m512i low = _mm512_permutex2var_epi64(*a, by->to_low, *b), high = _mm512_permutex2var_epi64(*a, by->to_high, *b);
    __m512i root = _mm512_permutexvar_epi64(by->group, _mm512_maskz_loadu_epi64(by->wanted, roots));
    __m512i quotient = _mm512_permutexvar_epi64(by->group, _mm512_maskz_loadu_epi64(by->wanted, quotients));
    butterflies8(&low, &high, p, root, quotient, back);
    *a = _mm512_permutex2var_epi64(low, by->first, high);
    *b = _mm512_permutex2var_epi64(low, by->second, high);
}

/* The three layers of near places at once; at the end of the transform everything is brought below p. */
INLINE void near_layers8(uint64_t *polynomial, size_t first, size_t last, size_t degree, uint64_t p,
                         const uint64_t *roots, const uint64_t *quotients, int back) {
    shuffle by[3] = {shuffle_of(4), shuffle_of(2), shuffle_of(1)};
    __m512i modulus = all(p), twice = all(2 * p);
    for (size_t start = first; start < last; start += 16) {
        __m512i a = _mm512_loadu_si512(polynomial + start), b = _mm512_loadu_si512(polynomial + start + 8);
        for (size_t i = 0; i < 3; i++) {
            size_t layer = back ? 2 - i : i, at = (degree + start) >> (3 - layer);
            near8(&a, &b, &by[layer], modulus, roots + at, quotients + at, back);
        }
        if (!back) {
            a = below8(below8(a, twice), modulus);
            b = below8(below8(b, twice), modulus);
        }
        _mm512_storeu_si512(polynomial + start, a);
        _mm512_storeu_si512(polynomial + start + 8, b);
    }
}

/* Places that go through all layers of smaller gaps together, while they are in the nearest cache with their roots. */
enum { NEAREST = 1024 };

VECTORS static void transform_avx512(uint64_t *polynomial, size_t degree, uint64_t p, const uint64_t *roots,
                                     const uint64_t *quotients) {
    size_t together = degree < NEAREST ? degree : NEAREST;
    for (size_t gap = degree / 2; gap >= together; gap /= 2)
        layer8(polynomial, 0, degree, degree, gap, p, roots, quotients, 0);
    for (size_t start = 0; start < degree; start += together) {
        for (size_t gap = together / 2; gap >= 8; gap /= 2)
            layer8(polynomial, start, start + together, degree, gap, p, roots, quotients, 0);
        near_layers8(polynomial, start, start + together, degree, p, roots, quotients, 0);
    }
}

VECTORS static void back_avx512(uint64_t *polynomial, size_t degree, uint64_t p, const uint64_t *roots,
                                const uint64_t *quotients, uint64_t share, uint64_t share_quotient) {
    size_t together = degree < NEAREST ? degree : NEAREST;
    for (size_t start = 0; start < degree; start += together) {
        near_layers8(polynomial, start, start + together, degree, p, roots, quotients, 1);
        for (size_t gap = 8; gap < together; gap *= 2)
            layer8(polynomial, start, start + together, degree, gap, p, roots, quotients, 1);
    }
    for (size_t gap = together; gap < degree; gap *= 2)
        layer8(polynomial, 0, degree, degree, gap, p, roots, quotients, 1);
    __m512i modulus = all(p), factor = all(share), ratio = all(share_quotient);
    for (size_t i = 0; i < degree; i += 8) {
        __m512i product = times8(_mm512_loadu_si512(polynomial + i), modulus, factor, ratio);
        _mm512_storeu_si512(polynomial + i, below8(product, modulus));
    }
}
#endif

static void transform_portable(uint64_t *polynomial, size_t degree, uint64_t p, const uint64_t *roots,
                               const uint64_t *quotients) {
    for (size_t groups = 1, gap = degree / 2; gap > 0; groups *= 2, gap /= 2)
        for (size_t group = 0; group < groups; group++) {
            uint64_t *low = polynomial + 2 * gap * group;
            butterflies(low, low + gap, gap, p, roots[groups + group], quotients[groups + group]);
        }
    for (size_t i = 0; i < degree; i++) polynomial[i] = below(below(polynomial[i], 2 * p), p);
}

static void back_portable(uint64_t *polynomial, size_t degree, uint64_t p, const uint64_t *roots,
                          const uint64_t *quotients, uint64_t share, uint64_t share_quotient) {
    for (size_t groups = degree / 2, gap = 1; gap < degree; groups /= 2, gap *= 2)
        for (size_t group = 0; group < groups; group++) {
            uint64_t *low = polynomial + 2 * gap * group;
            butterflies_back(low, low + gap, gap, p, roots[groups + group], quotients[groups + group]);
        }
    for (size_t i = 0; i < degree; i++) polynomial[i] = below(times(polynomial[i], p, share, share_quotient), p);
}

/* --- the door ----------------------------------------------------------------------------------------------------- */

/* A polynomial of `degree`, at least 16, residues below p < 2^60 to its values, in place. `roots` are the powers of a root
 * of unity in bit-reversed order, `quotients` their w'. */
void blindfair_transform(uint64_t *polynomial, size_t degree, uint64_t p, const uint64_t *roots,
                         const uint64_t *quotients, int vectors) {
#if HAS_AVX512
    if (vectors)
        transform_avx512(polynomial, degree, p, roots, quotients);
    else
#endif
        transform_portable(polynomial, degree, p, roots, quotients);
}

/* The way back: values to residues, in place. `roots` are the inverses of the transform's, `share` is the inverse of the
 * degree. */
void blindfair_back(uint64_t *values, size_t degree, uint64_t p, const uint64_t *roots, const uint64_t *quotients,
                    uint64_t share, uint64_t share_quotient, int vectors) {
#if HAS_AVX512
    if (vectors)
        back_avx512(values, degree, p, roots, quotients, share, share_quotient);
    else
#endif
        back_portable(values, degree, p, roots, quotients, share, share_quotient);
}

/* Residues modulo p, and modulo `last`, of numbers below p * last, to the numbers divided by `last` and rounded, modulo
 * p, in `kept`. `inverse` is that of `last` modulo p. */
void blindfair_drop_prime(uint64_t *kept, const uint64_t *dropped, size_t degree, uint64_t p, uint64_t last,
                          uint64_t inverse, uint64_t quotient) {
    uint64_t half = last / 2, half_reduced = half % p, ratio = UINT64_MAX / p;
    for (size_t i = 0; i < degree; i++) {
        /* With a half added the remainder that goes away is rounded down, and the half goes away again. */
        uint64_t rest = below(dropped[i] + half, last);
        rest = below(rest - (uint64_t)(((uint128)rest * ratio) >> 64) * p, p);
        uint64_t divisible = kept[i] + p - rest + half_reduced;
        kept[i] = below(times(divisible, p, inverse, quotient), p);
    }
}

/* `count` polynomials modulo one prime, each `apart` words from the next, to `places`, in halves: tile after tile
 * `stride` words apart, neighbours together. */
void blindfair_lay_out(const uint64_t *polynomials, size_t count, size_t apart, size_t degree, uint64_t *places,
                       size_t stride) {
    for (size_t tile = 0; tile < degree / TILE; tile++)
        for (size_t j = 0; j < count; j++) {
            const uint64_t *values = polynomials + j * apart + TILE * tile;
            uint64_t *to = places + stride * tile + TILE * j;
            for (size_t i = 0; i < TILE; i++) to[i] = (values[i] & HALF_MASK) | (values[i] >> HALF << 32);
        }
}

/* Small integers, `count` columns of `length` up to `degree`, each above -p and below p, to columns of a block: transformed
 * and laid out from coordinate `first` of `coordinates` on. `columns` is where the prime's tiles begin, `work` has room for
 * 8 polynomials: neighbours in memory are written together. */
void blindfair_columns(const int32_t *entries, size_t count, size_t length, size_t degree, uint64_t p,
                       const uint64_t *roots, const uint64_t *quotients, int vectors, uint64_t *work, size_t first,
                       size_t coordinates, uint64_t *columns) {
    for (size_t start = 0; start < count; start += TILE) {
        size_t together = count - start < TILE ? count - start : TILE;
        for (size_t j = 0; j < together; j++) {
            const int32_t *column = entries + (start + j) * length;
            uint64_t *values = work + j * degree;
            for (size_t i = 0; i < length; i++) values[i] = (uint64_t)(int64_t)column[i] + (p & (uint64_t)((int64_t)column[i] >> 63));
            for (size_t i = length; i < degree; i++) values[i] = 0;
            blindfair_transform(values, degree, p, roots, quotients, vectors);
        }
        blindfair_lay_out(work, together, degree, degree, columns + TILE * (first + start), TILE * coordinates);
    }
}

/* Changes with every change of the functions here: a compiled kernel may be older than the package. */
int blindfair_kernel_version(void) { return 3; }

/* 1 if this processor has what `vectors` needs. */
int blindfair_has_vectors(void) {
#if HAS_AVX512
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
#else
    return 0;
#endif
}

/* `columns`: pointers to the blocks' arrays. `primes`: each below 2^60. `sums` is overwritten. Tiles first_tile up to
 * before last_tile are computed, so that several threads may share the work. */
void blindfair_sums(const uint64_t *const *columns, size_t blocks, const uint64_t *queries, size_t query_count,
                    size_t coordinates, const uint64_t *primes, size_t prime_count, size_t tiles, size_t first_tile,
                    size_t last_tile, int vectors, uint64_t *sums) {
    for (size_t prime = 0; prime < prime_count; prime++) {
        uint64_t p = primes[prime];
        uint128 ratio = ~(uint128)0 / p;
#if HAS_AVX512
        reduction by = reduction_of(p);
#endif
        for (size_t tile = first_tile; tile < last_tile; tile++) {
            size_t at = prime * tiles + tile;
            for (size_t block = 0; block < blocks; block += 2) {
                size_t pair = blocks - block < 2 ? 1 : 2;
                for (size_t query = 0; query < query_count; query++) {
                    uint64_t sum[2][2][TILE] = {{{0}}};
                    for (size_t start = 0; start < coordinates; start += LONGEST) {
                        size_t count = coordinates - start < LONGEST ? coordinates - start : LONGEST;
                        const uint64_t *entries[2];
                        for (size_t i = 0; i < pair; i++)
                            entries[i] = columns[block + i] + (at * coordinates + start) * TILE;
                        const uint64_t *asked = queries + ((at * query_count + query) * coordinates + start) * 2 * TILE;
#if HAS_AVX512
                        if (vectors) {
                            tiles_avx512(entries, pair, asked, count, &by, sum);
                            continue;
                        }
#endif
                        uint128 totals[2][TILE];
                        for (size_t i = 0; i < pair; i++) {
                            tile_portable(entries[i], asked, count, totals);
                            for (size_t polynomial = 0; polynomial < 2; polynomial++)
                                for (size_t place = 0; place < TILE; place++)
                                    add_reduced(&sum[i][polynomial][place], totals[polynomial][place], p, ratio);
                        }
                    }
                    for (size_t i = 0; i < pair; i++)
                        for (size_t polynomial = 0; polynomial < 2; polynomial++) {
                            size_t row = (((block + i) * query_count + query) * 2 + polynomial) * prime_count + prime;
                            for (size_t place = 0; place < TILE; place++)
                                sums[(row * tiles + tile) * TILE + place] = sum[i][polynomial][place];
                        }
                }
            }
        }
    }
}
