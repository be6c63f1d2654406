"""The named parameter sets of blind scoring, and the margins that each must keep to exist.

Every margin is computed here from the numbers of a set; a set that misses one cannot be constructed. Sets are known by
name only: a counterparty never brings its own numbers (SCORING requirement 3). Not here: SEAL (`seal.py`), drawing
noise (`hiding.py`).

Symbols, as in SCORING: `N` ring degree, `Q` modulus of queries and of the sum, `Q'` modulus of the reply, `t` plain
modulus, `E` worst honest noise, `R` rounding after drowning, `B` bound of the drowning noise, `b` bits per record.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from blindfair.blind import expansion
from blindfair.protocol.errors import UnknownParameters
from blindfair.protocol.quantities import Bits
from blindfair.protocol.rows import ROW_LIMIT

LARGEST_TOTAL_BITS: Mapping[int, int] = MappingProxyType({2048: 53, 4096: 106, 8192: 218})
"""Ring degree -> bits of all primes together, at most, for 128-bit security with a ternary secret (HE standard, with
the tightened tables; SCORING requirement 2)."""

FRESH_NOISE = 21
"""Largest entry of a fresh error polynomial. SEAL draws it from a centred binomial distribution of 21 + 21 bits, or
from a normal one of deviation 3.2 clipped at 19.2, depending on how it was built; this bounds both."""

DROWNING_BITS = 40
"""`B >= 2^40 E` (SCORING requirement 3)."""

MASK_MARGIN_BITS = 128
"""Entropy of a coefficient's mask beyond what uniformity needs: a reply's second polynomial is within chi-square 2^-128
of uniform, whatever the rows are. docs/privacy.md has the argument."""

LARGEST_PLAIN_MODULUS = 2**32 - 2**18
"""`2^32 (1 - 2^-14)`: at this plain modulus `b` stays within 32 in spite of `E` and `R` (SCORING requirement 4)."""

LARGEST_BITS_PER_RECORD = 32

_GAMMA_BITS = 60
"""SEAL decrypts with an auxiliary prime of 61 bits; its rounding is off by at most one part in it per prime (Bajard,
Eynard, Hasan, Zucca 2016, lemma 1)."""


@dataclass(frozen=True, slots=True)
class ParameterSet:
    """Numbers of one BFV instance. Raises `UnknownParameters` at construction if a margin is missed."""

    name: str
    """ASCII, at most 32 characters; what requests and replies carry."""

    ring_degree: int
    """`N`: coefficients of a polynomial, so records of a block."""

    data_primes: tuple[int, ...]
    """Primes whose product is `Q`. The first is the modulus `Q'` of a reply."""

    special_prime: int
    """The prime that SEAL sets aside for key switching: only keys are encrypted modulo it, and it counts in the
    security check."""

    plain_modulus: int
    """`t`, odd. Scores lie strictly between -t/2 and t/2."""

    largest_k: int
    """Most coordinates of a query; `E` is computed for this many."""

    mask_columns: int
    """Encryptions of zero that come with a query, each multiplied by a fresh random column to hide the reply."""

    mask_bits: int
    """Entries of a mask column are uniform in -2^(mask_bits - 1) ... 2^(mask_bits - 1) - 1."""

    expansion_prime: int | None = None
    """None: a query comes as one ciphertext for each coordinate. Else it comes as one for each 512 and is expanded by
    the seller (`expansion.py`) modulo the data primes and this one, which is dropped afterwards and takes the noise of
    the expansion with it."""

    def __post_init__(self) -> None:
        primes = self.key_primes
        total_bits = math.prod(primes).bit_length()
        allowed = LARGEST_TOTAL_BITS.get(self.ring_degree, 0)
        self._require(total_bits <= allowed, "less than 128-bit security", f"<= {allowed} bits", f"{total_bits} bits")
        self._require(
            len(set(primes)) == len(primes) >= 3 and all(prime % (2 * self.ring_degree) == 1 for prime in primes),
            "primes that do not fit the ring",
            f"at least 3 different ones, 1 modulo {2 * self.ring_degree}",
            primes,
        )
        self._require(
            self.plain_modulus % 2 == 1 and 2 * ROW_LIMIT < self.plain_modulus <= LARGEST_PLAIN_MODULUS,
            "a plain modulus out of range",
            f"odd, {2 * ROW_LIMIT} < t <= {LARGEST_PLAIN_MODULUS}",
            self.plain_modulus,
        )
        exact = self.exact_drowning_bound
        self._require(
            exact >= self.worst_noise << DROWNING_BITS,
            "too little room to drown the noise",
            f"B >= 2^{DROWNING_BITS} E",
            f"B = {exact}, E = {self.worst_noise}",
        )
        self._require(
            self.ciphertext_modulus <= (2 * exact + 1) << LARGEST_BITS_PER_RECORD,
            "more than 32 bits per record",
            f"<= {LARGEST_BITS_PER_RECORD} bits",
            self.bits_per_record(),
        )
        self._require(
            2**self.mask_bits <= min(self.data_primes),
            "masks that are wider than a prime",
            f"<= {min(self.data_primes).bit_length() - 1} bits",
            self.mask_bits,
        )
        entropy = self.mask_columns * self.mask_bits
        needed = math.log2(self.ciphertext_modulus) + len(self.data_primes) * math.log2(self.ring_degree)
        self._require(
            entropy >= needed + MASK_MARGIN_BITS,
            "too few mask columns",
            f">= {needed + MASK_MARGIN_BITS:.1f} bits of entropy per coefficient",
            entropy,
        )

    def _require(self, holds: bool, what: str, expected: object, found: object) -> None:
        if not holds:
            raise UnknownParameters(f"the parameter set {self.name!r} has {what}", expected=expected, found=found)

    @property
    def is_expanded(self) -> bool:
        """Whether queries come in few ciphertexts, to be expanded."""
        return self.expansion_prime is not None

    @property
    def sums(self) -> tuple[int, int, tuple[int, ...]]:
        """What sets must share to use the same encoded rows: ring degree, plain modulus and data primes."""
        return self.ring_degree, self.plain_modulus, self.data_primes

    @property
    def query_primes(self) -> tuple[int, ...]:
        """The primes of a query's ciphertexts; its encryptions of zero have the data primes always."""
        return self.data_primes if self.expansion_prime is None else (*self.data_primes, self.expansion_prime)

    @property
    def key_primes(self) -> tuple[int, ...]:
        """The primes of keys: all."""
        return (*self.query_primes, self.special_prime)

    @property
    def ciphertext_modulus(self) -> int:
        """`Q`."""
        return math.prod(self.data_primes)

    @property
    def reply_modulus(self) -> int:
        """`Q'`: what a reply is switched down to before it is sent."""
        return self.data_primes[0]

    @property
    def coordinate_noise(self) -> int:
        """The largest coefficient of the noise of one coordinate's ciphertext, when it meets the rows.

        Fresh noise, where it came as such. Where it was expanded: the leaf's, which the switch to the data primes
        divides by the expansion prime, and the rounding of that switch, 1/2 in each polynomial, the second of which
        meets a ternary secret. A key switch multiplies `N` residues of the second polynomial with fresh noise for each
        prime, divides by the special prime and rounds likewise.
        """
        if self.expansion_prime is None:
            return FRESH_NOISE
        rounding = self.ring_degree // 2 + 1
        products = self.ring_degree * FRESH_NOISE * sum(self.query_primes)
        switching = -(-products // self.special_prime) + rounding
        # Scaling an entry to a multiple of Q/t is off by less than 1.
        leaf = expansion.leaf_noise(expansion.depth(expansion.LARGEST_PIECE), FRESH_NOISE + 1, switching)
        return -(-leaf // self.expansion_prime) + rounding

    @property
    def worst_noise(self) -> int:
        """`E`: the largest honest noise of a sum before drowning, for `largest_k` coordinates.

        A coefficient of column times noise is a sum of `N` products of at most 2047 times the noise of a coordinate;
        scaling a coordinate to a multiple of Q/t is off by less than 1, and a constant, so it meets one entry of the
        column only; each mask column adds `N` products of at most 2^(mask_bits - 1) * 21.
        """
        columns = self.largest_k * ROW_LIMIT * (self.ring_degree * self.coordinate_noise + 1)
        masks = self.mask_columns * (self.ring_degree << (self.mask_bits - 1)) * FRESH_NOISE
        return columns + masks

    @property
    def rounding(self) -> int:
        """`R`: what switching down to `Q'` and decrypting may add to the noise, in units of `Q`.

        Each dropped prime rounds both polynomials by at most 1/2, the second of which meets a ternary secret:
        (1 + N)/2 of the modulus reached. Decryption rounds by at most one part in 2^60 of Q/t.
        """
        modulus = self.ciphertext_modulus
        total = -(-modulus // (self.plain_modulus << _GAMMA_BITS))
        reached = modulus
        for prime in reversed(self.data_primes[1:]):
            reached //= prime
            total += -(-(modulus * (1 + self.ring_degree)) // (2 * reached))
        return total

    @property
    def exact_drowning_bound(self) -> int:
        """`B = floor(Q / 2t) - E - R - 1`: the largest noise with which every honest score still decrypts exactly."""
        return self.ciphertext_modulus // (2 * self.plain_modulus) - self.worst_noise - self.rounding - 1

    def is_exact(self, precision_bits: int | None = None) -> bool:
        """Whether scores decrypt exactly at this precision (SCORING requirement 4)."""
        return self.drowning_bound(precision_bits) == self.exact_drowning_bound

    def drowning_bound(self, precision_bits: int | None = None) -> int:
        """`B` for a seller that discloses at most `precision_bits` of a record: noise is uniform in [-B, B].

        None, or as many bits as the exact bound discloses, gives `exact_drowning_bound`. Fewer give the smallest larger
        bound with log2(Q / (2B + 1)) <= precision_bits; scores are then rounded. Raises `UnknownParameters` outside
        1 ... 32.
        """
        if precision_bits is None:
            return self.exact_drowning_bound
        if not 1 <= precision_bits <= LARGEST_BITS_PER_RECORD:
            raise UnknownParameters(
                "a precision is out of range", expected=f"1 ... {LARGEST_BITS_PER_RECORD} bits", found=precision_bits
            )
        width = -(-self.ciphertext_modulus // (1 << precision_bits))
        return max(self.exact_drowning_bound, width // 2)

    def bits_per_record(self, precision_bits: int | None = None) -> Bits:
        """`b = log2(Q / (2B + 1))`: the most that one coefficient of a reply can tell, whatever was asked."""
        width = 2 * self.drowning_bound(precision_bits) + 1
        return Bits(math.log2(self.ciphertext_modulus) - math.log2(width))

    def hiding_bits(self, precision_bits: int | None = None) -> Bits:
        """`log2(B / E)`: what honest noise could tell of the rows is drowned by this much."""
        return Bits(math.log2(self.drowning_bound(precision_bits)) - math.log2(self.worst_noise))

    def score_error(self, precision_bits: int | None = None) -> int:
        """The largest difference between a decrypted score and the integer product: 0 where it is exact."""
        if self.is_exact(precision_bits):
            return 0
        noise = self.drowning_bound(precision_bits) + self.worst_noise + self.rounding
        return (2 * self.plain_modulus * noise + self.ciphertext_modulus) // (2 * self.ciphertext_modulus)

    def largest_query_norm(self, precision_bits: int | None = None) -> int:
        """The largest `||q||_1` of a query whose scores cannot wrap around: 2047 ||q||_1 + error < t/2."""
        return max(0, (self.plain_modulus - 1) // 2 - self.score_error(precision_bits)) // ROW_LIMIT


_SETS = (
    ParameterSet(
        name="bfv-8192-32",
        ring_degree=8192,
        data_primes=(1152921504606683137, 1152921504606748673),
        special_prime=1152921504606830593,
        plain_modulus=LARGEST_PLAIN_MODULUS - 1,
        largest_k=4096,
        mask_columns=11,
        mask_bits=25,
    ),
    ParameterSet(
        name="bfv-8192-32-expanded",
        ring_degree=8192,
        data_primes=(1152921504606683137, 1152921504606748673),
        special_prime=1152921504606830593,
        plain_modulus=LARGEST_PLAIN_MODULUS - 1,
        largest_k=1024,
        mask_columns=11,
        mask_bits=25,
        expansion_prime=68719230977,
    ),
    ParameterSet(
        name="bfv-8192-24",
        ring_degree=8192,
        data_primes=(18014398508400641, 9007199254364161),
        special_prime=9007199254429697,
        plain_modulus=2**24 - 2**10 - 1,
        largest_k=1024,
        mask_columns=17,
        mask_bits=16,
    ),
)

PARAMETER_SETS: Mapping[str, ParameterSet] = MappingProxyType({each.name: each for each in _SETS})
"""Every set that exists, by name."""

DEFAULT = _SETS[0]
"""Scores of 32 bits: 2047 ||q||_1 < 2^31; one ciphertext for each coordinate."""

EXPANDED = _SETS[1]
"""The same sums from one ciphertext for each 512 coordinates."""


def exact_sets(precision_bits: int) -> list[ParameterSet]:
    """The sets of the most bits whose scores are exact for a seller that discloses at most `precision_bits` a record.

    They have the same sums and differ in how a query travels; `plan.py` chooses. Raises `UnknownParameters` where no
    set is exact: the seller's scores would be rounded.
    """
    exact = [each for each in _SETS if each.is_exact(precision_bits)]
    if not exact:
        least = min(math.ceil(each.bits_per_record()) for each in _SETS)
        raise UnknownParameters(
            "no parameter set gives exact scores at this precision", expected=f">= {least} bits", found=precision_bits
        )
    best = max(exact, key=ParameterSet.bits_per_record)
    return [each for each in exact if each.sums == best.sums]


def parameter_set(name: str) -> ParameterSet:
    """The set of that name. Raises `UnknownParameters` for any other."""
    try:
        return PARAMETER_SETS[name]
    except KeyError:
        raise UnknownParameters("no such parameter set", expected=sorted(PARAMETER_SETS), found=name[:64]) from None
