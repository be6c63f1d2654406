/* For every prime p, place c of a polynomial, block b of records and query q, both polynomials of a ciphertext:
 *
 *     sums[b][q][polynomial][p][c] = sum over j of columns[b][p][c][j] * queries[q][polynomial][p][c][j]   modulo p
 *
 * Exact, and reduced every 256 products, which are less than 2^128 together. A tile of all queries stays in the cache
 * while the blocks' columns stream past it, once. Columns are fetched 48 lines ahead: the processor's own prefetching
 * stops at the end of every page.
 */

#include "residues.h"

enum { LONGEST = 256, AHEAD = 48 };

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

#if HAS_AVX512
/* The three products of Karatsuba's multiplication of halves: low, cross = (low + high)(low + high), high. Each in two
 * words: what is below 2^32, where products are added, and the carries of it. */
typedef struct {
    __m512i low, cross, high, low_carry, cross_carry, high_carry;
} products;

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

INLINE void multiply(products *sum, __m512i x, __m512i x_high, __m512i x_both, __m512i y, __m512i y_high,
                     __m512i y_both) {
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
INLINE void step(products sums[2][2], const uint64_t *const *columns, size_t blocks, const uint64_t *queries,
                 size_t j) {
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
            multiply(&sums[block][polynomial], x, x_high, x_both, y[polynomial], y_high[polynomial],
                     y_both[polynomial]);
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
#endif

/* --- the door ----------------------------------------------------------------------------------------------------- */

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
