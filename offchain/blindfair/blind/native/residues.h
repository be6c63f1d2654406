/* What the files here share: how residues lie in memory, and arithmetic modulo a prime below 2^60.
 *
 * Together they are the loops of blind scoring whose work grows with the records: sums of products of residues, the
 * number theoretic transform of the seller's own columns, and for replies the way back from it and the switch to a
 * smaller modulus. All give what SEAL gives for the same residues, bit for bit. Nothing here knows what is a key or a
 * score, allocates, or depends on the values in its time. Not here: how the arrays are made (layout.py, transform.py),
 * and their checks (kernel.py).
 *
 * Memory. Places of a polynomial come in tiles of 8, the words of one cache line:
 *
 *     columns  one array for each block: [prime][tile][coordinate][8]
 *     queries  [prime][tile][query][coordinate][2 polynomials][8]
 *     sums     [block][query][2 polynomials][prime][8 tile + place]
 *
 * A residue x < 2^60 of columns and queries is stored as its halves, (x mod 2^30) + 2^32 floor(x / 2^30): eight lanes
 * of a vector multiply 32 bits by 32 at once.
 */

#ifndef BLINDFAIR_RESIDUES_H
#define BLINDFAIR_RESIDUES_H

#include <stddef.h>
#include <stdint.h>

typedef unsigned __int128 uint128;

enum { TILE = 8 };

#define HALF 30
#define HALF_MASK ((UINT64_C(1) << HALF) - 1)
#define WORD_MASK UINT64_C(0xffffffff)

/* x below 2 bound to x modulo bound. */
static inline uint64_t below(uint64_t x, uint64_t bound) { return x >= bound ? x - bound : x; }

/* x w modulo p, below 2 p, for any x: x w - floor(x w' / 2^64) p with w' = floor(2^64 w / p) (D. Harvey, "Faster
 * arithmetic for number-theoretic transforms", 2014). */
static inline uint64_t times(uint64_t x, uint64_t p, uint64_t w, uint64_t quotient) {
    return x * w - (uint64_t)(((uint128)x * quotient) >> 64) * p;
}

#if defined(__x86_64__) && defined(__GNUC__)
#define HAS_AVX512 1
#include <immintrin.h>

#define VECTORS __attribute__((target("avx512f,avx512dq")))
#define INLINE static inline __attribute__((always_inline, target("avx512f,avx512dq")))

INLINE __m512i all(uint64_t x) { return _mm512_set1_epi64((long long)x); }

/* x below 2 bound to x modulo bound: where x is smaller the difference wraps around and is the larger one. */
INLINE __m512i below8(__m512i x, __m512i bound) { return _mm512_min_epu64(x, _mm512_sub_epi64(x, bound)); }

/* `times` for eight. The upper half of the product with w' is put together from
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
#else
#define HAS_AVX512 0
#endif

/* See transform.c. */
void blindfair_transform(uint64_t *polynomial, size_t degree, uint64_t p, const uint64_t *roots,
                         const uint64_t *quotients, int vectors);

#endif
