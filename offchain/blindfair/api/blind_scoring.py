"""Blind scoring alone: one side has a secret query, the other secret rows, and only the first learns the scores.

    query side   asked = BlindQuery(query, largest=4.0)     sends asked.message
    row side     BlindRows(rows, largest=4.0).reply(...)    sends the reply
    query side   asked.decrypt(reply, records=n)            has scores, about rows @ query

Both sides agree on one public number beforehand, `largest`: no entry of a row is larger in size. The message
has it, and rows with another refuse the query. Not here: chains,
money and agents. Nobody proves here that the rows are what they should be; a trade does.
"""

import struct

import numpy as np
from numpy.typing import ArrayLike, NDArray

from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.disclosure import Disclosure
from blindfair.blind.encode import EncodedRows, encode_rows
from blindfair.blind.evaluate import evaluate
from blindfair.blind.parameters import DEFAULT, EXACT_BITS, ParameterSet, parameter_set
from blindfair.blind.query import EncryptedQueries, encrypt_queries
from blindfair.influence.arrays import Floats, Integers
from blindfair.influence.quantise import ScoreScale, quantise_query, quantise_query_to_range, quantise_rows
from blindfair.protocol.errors import FieldMismatch, InvalidOption, MalformedCiphertext, ShapeMismatch, UnusableModel
from blindfair.protocol.rows import ROW_LIMIT

DEFAULT_SET = DEFAULT.name
"""The parameter set of blind scoring, unless another is named."""

_HEAD = struct.Struct("<4sd")
"""What a message begins with: `BFL1`, and `largest` as a double. The encrypted query follows."""

_MAGIC = b"BFL1"


class BlindQuery:
    """A query, encrypted under keys that are made for it alone and used once. Its representation shows no secret.

    >>> import numpy as np
    >>> rows = np.array([[1.0, 0.5], [-0.25, 1.0], [0.5, -1.0]])
    >>> asked = BlindQuery([2.0, -1.0], largest=1.0)
    >>> reply = BlindRows(rows, largest=1.0).reply(asked.message, max_bits=32)
    >>> np.round(asked.decrypt(reply, records=3), 2).tolist()
    [1.5, -1.5, 2.0]
    """

    def __init__(
        self,
        query: ArrayLike,
        *,
        largest: float,
        bits: int = EXACT_BITS,
        reach: float | None = None,
        parameters: str = DEFAULT_SET,
    ) -> None:
        """`query` is `k` numbers, or `m x k` for up to 16 queries. Scores have the unit of `rows @ query`.

        `bits` (1 ... 32) is what each query asks for of a record. At 32 a score is exact but for rounding. Fewer bits
        leave it in noise that the row side adds. `reach` is then needed: the largest score in size that you expect, by
        data of your own. A score beyond it may wrap around to the other sign.

        `parameters` names the encryption's set. `bfv-8192-32` sends one ciphertext for each coordinate;
        `bfv-8192-32-expanded` sends one for each 512, and the row side works longer.

        Raises ShapeMismatch, QueryOutOfBounds (a query that is zero, not finite or too long), InvalidOption (what is no
        number, no `largest` above 0, fewer bits without `reach`), UnknownParameters (another set, bits out of range).
        """
        asked = _numbers(query, "query")
        if asked.ndim not in (1, 2) or not asked.size:
            raise ShapeMismatch("A query has the wrong shape", expected="k or m x k numbers", found=asked.shape)
        self._is_single = asked.ndim == 1
        self._row_scale = _row_scale(largest)
        head = _HEAD.pack(_MAGIC, largest)
        self._parameters = parameter_set(parameters)
        rounded = [_rounded(each, self._row_scale, self._parameters, bits, reach) for each in np.atleast_2d(asked)]
        self._units = tuple(unit for _, unit in rounded)
        integers: Integers = np.stack([each for each, _ in rounded])
        encrypted, self._secret = encrypt_queries(self._parameters, integers, (bits,) * len(integers))
        self._message = head + encrypted.to_bytes()

    def __repr__(self) -> str:
        return f"BlindQuery({self.queries} of {self._secret.bits[0]} bits, {len(self._message):,} bytes)"

    @property
    def message(self) -> bytes:
        """The bytes to send to the row side. They hold no secret."""
        return self._message

    @property
    def queries(self) -> int:
        """`m`: how many queries there are."""
        return self._secret.queries

    @property
    def noise(self) -> Floats:
        """The largest noise in a score of each query, `m` numbers in the scores' unit; 0 where scores are exact."""
        errors = np.array([self._parameters.score_error(bits) for bits in self._secret.bits], dtype=np.float64)
        sizes: Floats = errors * np.array(self._units, dtype=np.float64) / self._row_scale
        return sizes

    def decrypt(self, reply: bytes, *, records: int) -> Floats:
        """Return the scores of a reply: `records` numbers, or `m x records` where the query was `m x k`.

        Raises ShapeMismatch for a reply about other numbers of records or queries, MalformedCiphertext,
        UnknownParameters.
        """
        found = decrypt_reply(self._parameters, self._secret, reply, records, self.queries)
        scales = [ScoreScale(self._row_scale, unit) for unit in self._units]
        scores: Floats = np.stack([scale.real(row) for scale, row in zip(scales, found, strict=True)])
        return scores[0] if self._is_single else scores

    def disclosure(self, *, records: int) -> Disclosure:
        """Return what the reply tells at most about so many records, in bits, and how deep its noise floods the rest.

        >>> told = BlindQuery([1.0, 2.0], largest=1.0, bits=3, reach=3.0).disclosure(records=1000)
        >>> round(told.total_bits), told.flooding_bits > 40
        (3000, True)
        """
        return Disclosure.of(self._parameters, records=records, bits=self._secret.bits)


class BlindRows:
    """Rows ready to be scored by any number of encrypted queries. They never leave this process."""

    def __init__(self, rows: ArrayLike, *, largest: float, parameters: str = DEFAULT_SET) -> None:
        """`rows` is `n x k`. An entry is rounded to one of 4095 steps within `-largest ... largest`, and clipped there.

        One encoding serves queries of both parameter sets. It takes `16 k` bytes for each record, 8192 records at
        least.

        Raises ShapeMismatch, InvalidOption (what is no number, no `largest` above 0), UnusableModel (rows that are not
        finite), UnknownParameters.
        """
        found = _numbers(rows, "rows")
        if found.ndim != 2 or not found.size:
            raise ShapeMismatch("The rows have the wrong shape", expected="n x k numbers", found=found.shape)
        if not np.isfinite(found).all():
            raise UnusableModel(
                "The rows hold something that is no finite number",
                expected="finite numbers",
                found=f"{np.count_nonzero(~np.isfinite(found)):,} of {found.size:,} are NaN or infinite",
                hint="fill them in, or leave out those rows",
            )
        rounded = quantise_rows(found, _row_scale(largest))
        self._largest = float(largest)
        self._clipped = rounded.clipped
        self._encoded: EncodedRows = encode_rows(parameter_set(parameters), rounded.entries)

    def __repr__(self) -> str:
        return f"BlindRows({self.records:,} x {self._encoded.k})"

    @property
    def records(self) -> int:
        """`n`: how many rows there are."""
        return self._encoded.records

    @property
    def clipped(self) -> float:
        """The share of entries, 0 to 1, that were larger than `largest` and are scored as if they were that large."""
        return self._clipped

    def reply(self, message: bytes, *, max_bits: int) -> bytes:
        """Score every row by an encrypted query, and return the bytes to send back.

        All its queries together may ask for `max_bits` of a record: that is what you give away. The noise is fresh at
        each call. So send one reply for one message: two replies to it tell more than one.

        Raises FieldMismatch for a query that asks for more or was made with another `largest`, MalformedCiphertext,
        UnknownParameters, ShapeMismatch.
        """
        query = self._query_of(message)
        asked = EncryptedQueries.from_bytes(query).bits
        if sum(asked) > max_bits:
            raise FieldMismatch(
                "The query asks for more bits of a record than you give",
                expected=f"<= {max_bits}",
                found=sum(asked),
                hint="ask for fewer bits, or raise max_bits if you mean it",
            )
        return evaluate(self._encoded, query, bits=asked)

    def _query_of(self, message: bytes) -> bytes:
        """The encrypted query of a message. Raises MalformedCiphertext, and FieldMismatch for another `largest`."""
        if len(message) < _HEAD.size:
            raise MalformedCiphertext("The message ends early", expected=f">= {_HEAD.size} bytes", found=len(message))
        magic, largest = _HEAD.unpack_from(message)
        if magic != _MAGIC:
            raise MalformedCiphertext(
                "This is not the message of a BlindQuery", expected=_MAGIC.hex(), found=magic.hex()
            )
        if largest != self._largest:
            raise FieldMismatch(
                "Query and rows were made with another `largest`, which would scale all scores",
                expected=f"largest={self._largest:g}, as of the rows",
                found=f"largest={largest:g}",
                hint="agree on one number, and give it to BlindQuery and BlindRows",
            )
        return message[_HEAD.size :]


def _numbers(given: ArrayLike, name: str) -> Floats:
    """Return what is given as an array. Raises InvalidOption, without a cell: they are secret."""
    try:
        return np.asarray(given, dtype=np.float64)
    except (OverflowError, TypeError, ValueError) as error:
        found = "rows of several lengths" if "inhomogeneous" in str(error) else "something else"
    # Outside, so that no traceback has numpy's words, which quote the cell.
    raise InvalidOption(
        f"`{name}` holds something that is not a number",
        expected="numbers, the same number of them in each row",
        found=found,
        hint="leave out texts and missing values, or write them as numbers",
    )


def _rounded(
    query: NDArray[np.float64], row_scale: float, parameters: ParameterSet, bits: int, reach: float | None
) -> tuple[Integers, float]:
    """A query's integers, and the size of one of their units."""
    parameters.noise_width(bits)
    if parameters.is_exact(bits):
        return quantise_query(query, parameters.plain_modulus)
    if reach is None:
        raise InvalidOption(
            "A query of fewer bits than 32 needs a range for its scores",
            expected="reach, the largest score in size that you expect",
            found="no reach",
            hint="score rows of your own in the clear, and take the largest",
        )
    return quantise_query_to_range(query, reach * row_scale, parameters.plain_modulus, bits)


def _row_scale(largest: float) -> float:
    """Units per 1.0 of a row's entry."""
    if not (np.isfinite(largest) and largest > 0):
        raise InvalidOption(
            "The largest entry of a row is not a size", expected="a finite number above 0", found=largest
        )
    return float(ROW_LIMIT / largest)
