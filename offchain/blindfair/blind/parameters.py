"""The named parameter sets of blind scoring, and the margins that each must keep to exist.

Every margin is computed here from the numbers of a set; a set that misses one cannot be constructed. Sets are known by
name only: a counterparty never brings its own numbers (SCORING requirement 3). Not here: SEAL (`seal.py`), drawing
noise (`flooding.py`).

Symbols, as in SCORING: `N` ring degree, `Q` modulus of queries and of the sum, `Q'` modulus of the reply, `t` plain
modulus, `E` worst honest noise, `R` rounding after drowning, `B` bound of the drowning noise, `b` bits of a score.
Noise is a whole number of bits wide, uniform in `-B ... B - 1` with `B` a power of two: it needs no rejection, and its
first bits can be committed to (PROTOCOL 4.6).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from blindfair.blind import expansion
from blindfair.protocol.errors import UnknownParameters
from blindfair.protocol.noise import COMMITTED_BITS, noise_middle
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
of uniform, whatever the rows are. docs/explanation/privacy.md has the argument."""

LARGEST_PLAIN_MODULUS = 2**32 - 2**18
"""`2^32 (1 - 2^-14)`: at this plain modulus `b` stays within 32 in spite of `E` and `R` (SCORING requirement 4)."""

EXACT_BITS = 32
"""Bits of a score at which it is exact, and the most that a query may ask for."""

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
        exact = self.drowning_bound(EXACT_BITS)
        self._require(
            exact >= self.worst_noise << DROWNING_BITS,
            "too little space to drown the noise",
            f"B >= 2^{DROWNING_BITS} E",
            f"B = {exact}, E = {self.worst_noise}",
        )
        self._require(
            self.ciphertext_modulus <= (2 * exact) << EXACT_BITS,
            "more than 32 bits a score",
            f"<= {EXACT_BITS} bits",
            self.bits_per_score(EXACT_BITS),
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
        """The values that sets must share to use the same encoded rows: ring degree, plain modulus and data primes."""
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

    def noise_width(self, bits: int = EXACT_BITS) -> int:
        """`w`, in bits: noise that leaves at most `bits` of a score is uniform in `-2^(w - 1) ... 2^(w - 1) - 1`.

        The least with `log2(Q) - w <= bits`, but never narrower than what still leaves every honest score exact, `B =
        2^(w - 1)` the largest power of two up to `Q / 2t - E - R - 1`. Raises `UnknownParameters` outside 1 ... 32.
        """
        if not 1 <= bits <= EXACT_BITS:
            raise UnknownParameters(
                "the bits of a query are out of range",
                expected=f"1 ... {EXACT_BITS} bits",
                found=bits,
                hint="3 or 4 bits keep nearly all of a score's value (docs/explanation/valuation.md)",
            )
        space = self.ciphertext_modulus // (2 * self.plain_modulus) - self.worst_noise - self.rounding - 1
        return max(space.bit_length(), self.ciphertext_modulus.bit_length() - bits)

    def drowning_bound(self, bits: int = EXACT_BITS) -> int:
        """`B`: noise is uniform in `-B ... B - 1`. Raises `UnknownParameters` outside 1 ... 32."""
        return 1 << (self.noise_width(bits) - 1)

    def is_exact(self, bits: int = EXACT_BITS) -> bool:
        """Whether scores of so many bits decrypt exactly (SCORING requirement 4)."""
        return self.noise_width(bits) == self.noise_width(EXACT_BITS)

    def bits_per_score(self, bits: int = EXACT_BITS) -> Bits:
        """`b = log2(Q / 2B)`: the most that one coefficient of a reply can tell, whatever was asked; at most `bits`."""
        return Bits(math.log2(self.ciphertext_modulus) - self.noise_width(bits))

    def flooding_bits(self, bits: int = EXACT_BITS) -> Bits:
        """`log2(B / E)`: what honest noise could tell of the rows is drowned by this much."""
        return Bits(self.noise_width(bits) - 1 - math.log2(self.worst_noise))

    def committed_bits(self, bits: int) -> int:
        """How many of the noise's first bits a listing commits to: what is left is as wide as the noise of exact
        scores at least, so that it drowns what depends on the rows, and is known to nobody (PROTOCOL 4.6)."""
        return min(COMMITTED_BITS, self.noise_width(bits) - self.noise_width(EXACT_BITS))

    def bits_per_seen_score(self, bits: int) -> Bits:
        """The most that one coefficient of a reply can tell a buyer that sees its record, opened or bought: the
        committed bits of the noise come on top."""
        return Bits(self.bits_per_score(bits) + self.committed_bits(bits))

    def committed_noise(self, draw: int, bits: int) -> int:
        """Amount that committed noise adds to a score: the middle of the part that the draw names (PROTOCOL 4.6)."""
        return self.score_noise(noise_middle(draw, self.noise_width(bits), self.committed_bits(bits)))

    def score_slack(self, bits: int) -> int:
        """How far a score may lie from its product with the middle of its noise: 0 where it is exact."""
        if self.is_exact(bits):
            return 0
        return self.score_noise(1 << (self.noise_width(bits) - self.committed_bits(bits) - 1))

    def score_noise(self, noise: int) -> int:
        """Amount that flooding noise, `-B ... B - 1` of `Q`, adds to a decrypted score: `t noise / Q`, rounded.

        A decrypted score is the integer product plus this modulo `t`, give or take `protocol.audit.SCORE_ROUNDING`.
        """
        modulus = self.ciphertext_modulus
        return (2 * self.plain_modulus * noise + modulus) // (2 * modulus)

    def score_error(self, bits: int = EXACT_BITS) -> int:
        """The largest difference, modulo `t`, between a decrypted score and the integer product: 0 where exact."""
        if self.is_exact(bits):
            return 0
        return self.score_noise(self.drowning_bound(bits) + self.worst_noise + self.rounding)

    def largest_score(self, bits: int = EXACT_BITS) -> int:
        """The largest absolute integer product that cannot wrap around modulo `t`, whatever its noise is."""
        return max(0, (self.plain_modulus - 1) // 2 - self.score_error(bits))

    def largest_query_norm(self, bits: int = EXACT_BITS) -> int:
        """The largest `||q||_1` of a query whose scores cannot wrap around, whatever the rows: 2047 times it at most
        `largest_score`."""
        return self.largest_score(bits) // ROW_LIMIT


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
)

PARAMETER_SETS: Mapping[str, ParameterSet] = MappingProxyType({each.name: each for each in _SETS})
"""Every set that exists, by name."""

DEFAULT = _SETS[0]
"""One ciphertext for each coordinate."""

EXPANDED = _SETS[1]
"""The same sums from one ciphertext for each 512 coordinates."""


def parameter_set(name: str) -> ParameterSet:
    """The set of that name. Raises `UnknownParameters` for any other."""
    try:
        return PARAMETER_SETS[name]
    except KeyError:
        raise UnknownParameters("no such parameter set", expected=sorted(PARAMETER_SETS), found=name[:64]) from None
