/* The number theoretic transform modulo p and the way back, as SEAL has them. Butterflies are Harvey's, on values below
 * 4 p forward and 2 p back. */

#include "residues.h"

static void butterflies(uint64_t *low, uint64_t *high, size_t count, uint64_t p, uint64_t root, uint64_t quotient) {
    for (size_t i = 0; i < count; i++) {
        uint64_t product = times(high[i], p, root, quotient);
        uint64_t kept = below(low[i], 2 * p);
        low[i] = kept + product;
        high[i] = kept + 2 * p - product;
    }
}

/* The way back: the sum, and the difference times the root's inverse; both come out twice. */
static void butterflies_back(uint64_t *low, uint64_t *high, size_t count, uint64_t p, uint64_t root,
                             uint64_t quotient) {
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

INLINE void near8(__m512i *a, __m512i *b, const shuffle *by, __m512i p, const uint64_t *roots,
                  const uint64_t *quotients, int back) {
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

/* A polynomial of `degree`, at least 16, residues below p < 2^60 to its values, in place. `roots` are the powers of a
 * root of unity in bit-reversed order, `quotients` their w'. */
void blindfair_transform(uint64_t *polynomial, size_t degree, uint64_t p, const uint64_t *roots,
                         const uint64_t *quotients, int vectors) {
#if HAS_AVX512
    if (vectors)
        transform_avx512(polynomial, degree, p, roots, quotients);
    else
#endif
        transform_portable(polynomial, degree, p, roots, quotients);
}

/* The way back: values to residues, in place. `roots` are the inverses of the transform's, `share` is the inverse of
 * the degree. */
void blindfair_back(uint64_t *values, size_t degree, uint64_t p, const uint64_t *roots, const uint64_t *quotients,
                    uint64_t share, uint64_t share_quotient, int vectors) {
#if HAS_AVX512
    if (vectors)
        back_avx512(values, degree, p, roots, quotients, share, share_quotient);
    else
#endif
        back_portable(values, degree, p, roots, quotients, share, share_quotient);
}
