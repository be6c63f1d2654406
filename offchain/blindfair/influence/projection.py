"""Projections of gradient rows to fewer entries: none, an explicit matrix, or random signs from a seed (PROTOCOL 4.1).

    projected row = row @ M,  M of shape d x k

A random basis loses most of the signal unless k is near d; a basis from the buyer's own gradient rows loses little of
it, but shows the seller those directions. Not here: how such a basis is found.
"""

from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.influence.refusal import unusable
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import ShapeMismatch, UnusableModel
from blindfair.protocol.fields import Fields, hex_text
from blindfair.protocol.projection import SEED_SIZE, sign_bits

K_LIMIT = 4096
ENTRY_LIMIT = 2**19
"""Entries of an explicit matrix: 8 MiB of document as hexadecimal."""

_SIGNS_LIMIT = 2**26


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """One of three, made by `identity`, `matrix` and `signs`; `k` is the length of a projected row.

    `entries` is `d x k` for an explicit matrix, `seed` 32 bytes for signs.
    """

    k: int
    entries: Floats | None = None
    seed: bytes | None = None

    @classmethod
    def identity(cls, k: int) -> "Projection":
        """Rows as they are. Raises UnusableModel for `k` outside 1 ... `K_LIMIT`."""
        return cls(_checked_k(k))

    @classmethod
    def matrix(cls, entries: Floats) -> "Projection":
        """`row @ entries`. Raises UnusableModel unless `entries` is `d x k`, finite and at most `ENTRY_LIMIT` large."""
        if entries.ndim != 2 or not 1 <= entries.size <= ENTRY_LIMIT or not np.isfinite(entries).all():
            raise UnusableModel(
                "The matrix of a projection cannot be used",
                expected=f"d x k finite numbers, {ENTRY_LIMIT} at most",
                found=entries.shape,
            )
        return cls(_checked_k(entries.shape[1]), entries=np.ascontiguousarray(entries, dtype=np.float64))

    @classmethod
    def signs(cls, k: int, seed: bytes) -> "Projection":
        """Entry (i, j) is +1 or -1 over sqrt(k) by bit `i k + j` of the seed's stream (PROTOCOL 4.1), set = +1.

        Raises UnusableModel for `k` outside 1 ... `K_LIMIT`, ShapeMismatch for a seed of another length than 32.
        """
        if len(seed) != SEED_SIZE:
            raise ShapeMismatch("A projection seed has the wrong length", expected=SEED_SIZE, found=len(seed))
        return cls(_checked_k(k), seed=seed)

    def apply(self, rows: Floats) -> Floats:
        """Rows `n x d` to `n x k`. Raises ShapeMismatch where `d` does not fit."""
        if rows.ndim != 2:
            raise ShapeMismatch("Gradient rows are a matrix", expected="n x d", found=rows.shape)
        matrix = self._matrix(rows.shape[1])
        return rows if matrix is None else rows @ matrix

    def project_query(self, query: Floats) -> Floats:
        """The `k` numbers whose scores of projected rows come nearest to `query` on rows: least squares of `M p = q`.

        Raises ShapeMismatch where `d` does not fit.
        """
        matrix = self._matrix(query.shape[0])
        if matrix is None:
            return query
        return np.asarray(np.linalg.lstsq(matrix, query, rcond=None)[0], dtype=np.float64)

    def to_document(self) -> Document:
        """The projection as a field of the request."""
        if self.entries is not None:
            packed = hex_text(self.entries.astype("<f8").tobytes())
            return {"d": self.entries.shape[0], "entries": packed, "k": self.k, "kind": "matrix"}
        if self.seed is not None:
            return {"k": self.k, "kind": "signs", "seed": hex_text(self.seed)}
        return {"k": self.k, "kind": "identity"}

    @classmethod
    def from_document(cls, document: Document) -> "Projection":
        """A counterparty's projection, checked in full. Raises UnusableModel."""
        with unusable("The projection cannot be used"):
            fields = Fields(document, "projection")
            kind = fields.choice("kind", ("identity", "matrix", "signs"))
            k = fields.integer("k", 1, K_LIMIT)
            if kind == "identity":
                fields.done()
                return cls.identity(k)
            if kind == "signs":
                seed = fields.data("seed", SEED_SIZE)
                fields.done()
                return cls.signs(k, seed)
            d = fields.integer("d", 1, ENTRY_LIMIT // k)
            packed = fields.data("entries", 8 * d * k)
            fields.done()
        return cls.matrix(np.frombuffer(packed, dtype="<f8").reshape(d, k))

    def _matrix(self, d: int) -> Floats | None:
        if self.seed is not None:
            return _sign_matrix(self.seed, d, self.k)
        expected = self.k if self.entries is None else self.entries.shape[0]
        if d != expected:
            raise ShapeMismatch("Rows and projection differ in length", expected=expected, found=d)
        return self.entries


def _checked_k(k: int) -> int:
    if not 1 <= k <= K_LIMIT:
        raise UnusableModel("A projected row has a wrong length", expected=f"1 ... {K_LIMIT}", found=k)
    return k


def _sign_matrix(seed: bytes, d: int, k: int) -> Floats:
    if d * k > _SIGNS_LIMIT:
        raise ShapeMismatch("A projection of this size is not computed", expected=f"d k <= {_SIGNS_LIMIT}", found=d * k)
    packed = np.frombuffer(sign_bits(seed, d * k), dtype=np.uint8)
    bits = np.unpackbits(packed, count=d * k, bitorder="little").reshape(d, k)
    return np.asarray(np.where(bits == 1, 1.0, -1.0) / np.sqrt(k), dtype=np.float64)
