/* The switch of a reply to a smaller modulus, as SEAL does it. */

#include "residues.h"

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
