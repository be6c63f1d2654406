"""Projections of gradient rows to fewer entries (PROTOCOL 4.1): none, an explicit matrix, random signs from a seed, or
two small matrices for each layer of a network, then one for their entries if there is one.

    projected row = row @ M, M of shape d x k          two-sided: a layer's part is outer^T (delta [a, 1]^T) inner
                                                       staged: the parts of all layers, one after another, @ M

A random basis loses most of the signal unless k is near d; a basis from the buyer's own gradient rows loses little of
it, but shows the seller those directions. Entries of explicit bases are single precision, in which they travel; all
arithmetic is double. Not here: how a basis is found (`bases`), and gradients (`gradients`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from blindfair.influence.arrays import Floats
from blindfair.influence.refusal import unusable
from blindfair.influence.tensors import read_tensors
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import ShapeMismatch, UnusableModel
from blindfair.protocol.fields import Fields, hex_text
from blindfair.protocol.projection import SEED_SIZE, sign_bits

K_LIMIT = 4096
ENTRY_LIMIT = 2**24
"""Entries of an explicit basis, of all its matrices: 64 MiB."""

LAYER_LIMIT = 512

_SIGNS_LIMIT = 2**26


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """The two matrices of one layer: `inner`, `inputs x r`, and `outer`, `outputs x s`; `s r` entries come out.

    Where a layer's bias is part of its gradient, `inputs` counts one more, the last.

    LoGra (Choe et al. 2024, arXiv 2405.13954). Raises UnusableModel as `Projection.matrix` for each.
    """

    inner: Floats
    outer: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "inner", _basis(self.inner))
        object.__setattr__(self, "outer", _basis(self.outer))

    @property
    def d(self) -> int:
        """Parameters of the layer."""
        return len(self.inner) * len(self.outer)

    @property
    def k(self) -> int:
        """Entries of its part of a projected row."""
        return len(self.inner.T) * len(self.outer.T)

    def apply(self, rows: Floats) -> Floats:
        """The layer's part of rows, `n x d`, to `n x k`."""
        blocks = rows.reshape(len(rows), self.outer.shape[0], self.inner.shape[0])
        return np.asarray(self.outer.T @ blocks @ self.inner).reshape(len(rows), self.k)

    def project_query(self, query: Floats) -> Floats:
        """`d` numbers to the `k` that come nearest: least squares."""
        block = query.reshape(self.outer.shape[0], self.inner.shape[0])
        return np.asarray(np.linalg.pinv(self.outer) @ block @ np.linalg.pinv(self.inner).T).ravel()


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """One of five: `identity`, `matrix`, `signs`, `two_sided` and `staged`. `k` is the length of a projected row.

    `entries` is `d x k` for an explicit matrix, `seed` 32 bytes for signs, `sides` a pair for each layer; with both
    sides and entries, these are `k0 x k` for the `k0` entries that the sides give.
    """

    k: int
    entries: Floats | None = None
    seed: bytes | None = None
    sides: tuple[Sides, ...] = ()

    @classmethod
    def identity(cls, k: int) -> "Projection":
        """Rows as they are. Raises UnusableModel for `k` outside 1 ... `K_LIMIT`."""
        return cls(_checked_k(k))

    @classmethod
    def matrix(cls, entries: Floats) -> "Projection":
        """`row @ entries`, rounded to single precision.

        Raises UnusableModel unless `entries` is `d x k`, finite, at most `ENTRY_LIMIT` large, not wider than long and
        without columns of zeros.
        """
        basis = _basis(entries)
        return cls(_checked_k(basis.shape[1]), entries=basis)

    @classmethod
    def signs(cls, k: int, seed: bytes) -> "Projection":
        """Entry (i, j) is +1 or -1 over sqrt(k) by bit `i k + j` of the seed's stream (PROTOCOL 4.1), set = +1.

        Raises UnusableModel for `k` outside 1 ... `K_LIMIT`, ShapeMismatch for a seed of another length than 32.
        """
        if len(seed) != SEED_SIZE:
            raise ShapeMismatch("A projection seed has the wrong length", expected=SEED_SIZE, found=len(seed))
        return cls(_checked_k(k), seed=seed)

    @classmethod
    def two_sided(cls, sides: tuple[Sides, ...]) -> "Projection":
        """A pair for each layer of a network, in order. Raises UnusableModel for none, too many or too large."""
        _check_sides(sides, 0)
        return cls(_checked_k(sum(pair.k for pair in sides)), sides=sides)

    @classmethod
    def staged(cls, sides: tuple[Sides, ...], entries: Floats) -> "Projection":
        """A pair for each layer, then `entries`, `k0 x k`, for the `k0` numbers that they give.

        Raises UnusableModel for sides as `two_sided`, where `k0` may be larger than `K_LIMIT`, for entries as `matrix`,
        where both are too large together, and where they do not fit.
        """
        basis = _basis(entries)
        found = sum(pair.k for pair in sides)
        _check_sides(sides, basis.size)
        if found != len(basis):
            raise UnusableModel(
                "The two stages of a projection do not fit", expected=f"{found} rows", found=basis.shape
            )
        return cls(_checked_k(basis.shape[1]), entries=basis, sides=sides)

    @property
    def is_identity(self) -> bool:
        """Whether rows stay as they are."""
        return self.entries is None and self.seed is None and not self.sides

    @property
    def matrices(self) -> tuple[Floats, ...]:
        """The explicit matrices, whose columns are directions; none for signs and where rows stay as they are."""
        sides = tuple(matrix for pair in self.sides for matrix in (pair.inner, pair.outer))
        return sides if self.entries is None else (*sides, self.entries)

    @property
    def d(self) -> int | None:
        """The length of the rows that it takes; none for signs, which fit rows of any length."""
        if self.sides:
            return sum(pair.d for pair in self.sides)
        if self.entries is not None:
            return len(self.entries)
        return None if self.seed is not None else self.k

    def check(self, d: int) -> None:
        """Raises ShapeMismatch where rows of `d` entries do not fit, UnusableModel where they are fewer than `k`."""
        if self.d not in (None, d):
            raise ShapeMismatch("Rows and projection differ in length", expected=self.d, found=d)
        if self.seed is not None and d * self.k > _SIGNS_LIMIT:
            raise ShapeMismatch(
                "A projection of this size is not computed", expected=f"d k <= {_SIGNS_LIMIT}", found=d * self.k
            )
        if self.k > d:
            raise UnusableModel("A basis cannot be larger than the model", expected=f"k <= {d}", found=self.k)

    def dense(self, d: int) -> Floats | None:
        """`M`, `d x k`, where rows are multiplied by one alone; else none. Raises as `check`."""
        self.check(d)
        if self.sides:
            return None
        return self.entries if self.seed is None else _sign_matrix(self.seed, d, self.k)

    def apply(self, rows: Floats) -> Floats:
        """Rows `n x d` to `n x k`. Raises ShapeMismatch, UnusableModel where `d` does not fit."""
        if rows.ndim != 2:
            raise ShapeMismatch("Gradient rows are a matrix", expected="n x d", found=rows.shape)
        matrix = self.dense(rows.shape[1])
        if self.sides:
            parts = np.split(rows, np.cumsum([pair.d for pair in self.sides])[:-1], axis=1)
            found = np.hstack([pair.apply(part) for pair, part in zip(self.sides, parts, strict=True)])
            return found if self.entries is None else found @ self.entries
        return rows if matrix is None else rows @ matrix

    def absolute(self, d: int) -> "Projection":
        """The same for rows of `d` entries with the absolute values of its matrices, for bounds. Raises as `check`."""
        if self.sides:
            sides = tuple(Sides(np.abs(pair.inner), np.abs(pair.outer)) for pair in self.sides)
            return Projection(self.k, None if self.entries is None else np.abs(self.entries), sides=sides)
        matrix = self.dense(d)
        return self if matrix is None else Projection(self.k, entries=np.abs(matrix))

    def project_query(self, query: Floats) -> Floats:
        """The `k` numbers whose scores of projected rows come nearest to `query` on rows: least squares of `M p = q`.

        Raises ShapeMismatch, UnusableModel where `d` does not fit.
        """
        matrix = self.dense(query.shape[0])
        if self.sides:
            parts = np.split(query, np.cumsum([pair.d for pair in self.sides])[:-1])
            return self.project_layers(parts)
        return query if matrix is None else _nearest(matrix, query)

    def project_layers(self, queries: Sequence[Floats]) -> Floats:
        """The same for a query that has a part for each layer, `outputs x inputs` or its numbers in that order.

        Raises ShapeMismatch where they do not fit the sides.
        """
        found = [part.size for part in queries]
        if found != [pair.d for pair in self.sides]:
            raise ShapeMismatch(
                "A query and the projection have other layers", expected=len(self.sides), found=len(found)
            )
        parts = [pair.project_query(part) for pair, part in zip(self.sides, queries, strict=True)]
        joined = np.concatenate(parts)
        return joined if self.entries is None else _nearest(self.entries, joined)

    def to_parts(self) -> tuple[Document, bytes]:
        """A field of the request, and its binary part `basis`: safetensors, or nothing where there are no matrices."""
        if self.sides:
            tensors = {}
            for number, pair in enumerate(self.sides):
                tensors[f"inner.{number}"], tensors[f"outer.{number}"] = pair.inner, pair.outer
            document: Document = {"k": self.k, "kind": "two-sided", "layers": len(self.sides)}
            if self.entries is not None:
                document["d"], document["kind"] = len(self.entries), "staged"
                tensors["entries"] = self.entries
            return document, _packed(tensors)
        if self.entries is not None:
            return {"d": self.entries.shape[0], "k": self.k, "kind": "matrix"}, _packed({"entries": self.entries})
        if self.seed is not None:
            return {"k": self.k, "kind": "signs", "seed": hex_text(self.seed)}, b""
        return {"k": self.k, "kind": "identity"}, b""

    @classmethod
    def from_parts(cls, document: Document, basis: bytes) -> "Projection":
        """A counterparty's projection, checked in full. Raises UnusableModel."""
        with unusable("The projection cannot be used"):
            fields = Fields(document, "projection")
            kind = fields.choice("kind", ("identity", "matrix", "signs", "staged", "two-sided"))
            k = fields.integer("k", 1, K_LIMIT)
            seed = fields.data("seed", SEED_SIZE) if kind == "signs" else b""
            d = fields.integer("d", 1, ENTRY_LIMIT // k) if kind in ("matrix", "staged") else 0
            layers = fields.integer("layers", 1, LAYER_LIMIT) if kind in ("staged", "two-sided") else 0
            fields.done()
        if kind in ("identity", "signs"):
            if basis:
                raise UnusableModel("A projection without matrices has a basis", expected="0 bytes", found=len(basis))
            return cls.identity(k) if kind == "identity" else cls.signs(k, seed)
        if kind == "matrix":
            (entries,) = _unpacked(basis, ["entries"], 4 * d * k)
            projection = cls.matrix(entries)
        else:
            names = [f"{side}.{number}" for number in range(layers) for side in ("inner", "outer")]
            last = ["entries"] if kind == "staged" else []
            found = _unpacked(basis, names + last, 4 * ENTRY_LIMIT)
            sides = tuple(map(Sides, found[: 2 * layers : 2], found[1 : 2 * layers : 2]))
            projection = cls.staged(sides, found[-1]) if last else cls.two_sided(sides)
        if projection.k != k or (d and len(projection.matrices[-1]) != d):
            raise UnusableModel("The basis has another form than stated", expected=f"k = {k}", found=projection.k)
        return projection


def _check_sides(sides: tuple[Sides, ...], more: int) -> None:
    entries = sum(pair.inner.size + pair.outer.size for pair in sides) + more
    if not 1 <= len(sides) <= LAYER_LIMIT or entries > ENTRY_LIMIT:
        raise UnusableModel(
            "A two-sided projection is of a wrong size",
            expected=f"1 ... {LAYER_LIMIT} layers, {ENTRY_LIMIT} entries at most",
            found=f"{len(sides)} layers, {entries} entries",
        )


def _nearest(matrix: Floats, query: Floats) -> Floats:
    """`p` of the least squares of `M p = q`."""
    return np.asarray(np.linalg.lstsq(matrix, query, rcond=None)[0], dtype=np.float64)


def _checked_k(k: int) -> int:
    if not 1 <= k <= K_LIMIT:
        raise UnusableModel("A projected row has a wrong length", expected=f"1 ... {K_LIMIT}", found=k)
    return k


def _basis(entries: Floats) -> Floats:
    """The same in single precision, if its columns can be a basis."""
    with np.errstate(over="ignore"):
        single = entries.astype(np.float32).astype(np.float64)
    if single.ndim != 2 or not 1 <= single.size <= ENTRY_LIMIT or not np.isfinite(single).all():
        raise UnusableModel(
            "The matrix of a projection cannot be used",
            expected=f"d x k finite numbers, {ENTRY_LIMIT} at most",
            found=entries.shape,
        )
    if single.shape[1] > single.shape[0]:
        raise UnusableModel("A basis cannot be larger than the model", expected=single.shape[0], found=single.shape[1])
    empty = np.flatnonzero(~single.any(axis=0))
    if empty.size:
        raise UnusableModel("A basis has a direction of zeros", expected="no column of zeros", found=int(empty[0]))
    return np.ascontiguousarray(single)


def _packed(tensors: Mapping[str, Floats]) -> bytes:
    return safetensors.numpy.save({name: tensor.astype(np.float32) for name, tensor in tensors.items()})


def _unpacked(basis: bytes, names: list[str], max_bytes: int) -> list[NDArray[np.float64]]:
    tensors = read_tensors(basis, "matrices of the projection", max_bytes=max_bytes)
    if set(tensors) != set(names) or any(tensor.dtype != np.float32 for tensor in tensors.values()):
        raise UnusableModel(
            "The projection has other matrices than expected", expected=f"{len(names)} float32", found=len(tensors)
        )
    return [tensors[name].astype(np.float64) for name in names]


def _sign_matrix(seed: bytes, d: int, k: int) -> Floats:
    packed = np.frombuffer(sign_bits(seed, d * k), dtype=np.uint8)
    bits = np.unpackbits(packed, count=d * k, bitorder="little").reshape(d, k)
    return np.asarray(np.where(bits == 1, 1.0, -1.0) / np.sqrt(k), dtype=np.float64)
