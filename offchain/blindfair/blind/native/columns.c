/* The seller's own small integers, rows or masks, and coordinates of queries, laid out for the sums. */

#include "residues.h"

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

/* Small integers, `count` columns of `length` up to `degree`, each above -p and below p, to columns of a block:
 * transformed and laid out from coordinate `first` of `coordinates` on. `columns` is where the prime's tiles begin,
 * `work` has room for 8 polynomials: neighbours in memory are written together. */
void blindfair_columns(const int32_t *entries, size_t count, size_t length, size_t degree, uint64_t p,
                       const uint64_t *roots, const uint64_t *quotients, int vectors, uint64_t *work, size_t first,
                       size_t coordinates, uint64_t *columns) {
    for (size_t start = 0; start < count; start += TILE) {
        size_t together = count - start < TILE ? count - start : TILE;
        for (size_t j = 0; j < together; j++) {
            const int32_t *column = entries + (start + j) * length;
            uint64_t *values = work + j * degree;
            for (size_t i = 0; i < length; i++) {
                int64_t entry = column[i];
                values[i] = (uint64_t)entry + (p & (uint64_t)(entry >> 63));
            }
            for (size_t i = length; i < degree; i++) values[i] = 0;
            blindfair_transform(values, degree, p, roots, quotients, vectors);
        }
        blindfair_lay_out(work, together, degree, degree, columns + TILE * (first + start), TILE * coordinates);
    }
}
