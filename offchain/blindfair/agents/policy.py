"""What each party has decided beforehand: amounts, windows, how much to open. Agents decide by nothing else."""

from dataclasses import dataclass

from blindfair.protocol.quantities import ETHER, Address, Seconds, Wei


@dataclass(frozen=True, slots=True)
class SellerPolicy:
    """The seller's part of an offer, and what it will not go below.

    `bond_share` of the price is locked as bond. `reveal_window` must exceed finality with margin (PROTOCOL 7).
    """

    bond_share: float = 0.1
    reveal_window: Seconds = Seconds(3600)
    dispute_window: Seconds = Seconds(24 * 3600)
    offer_validity: Seconds = Seconds(6 * 3600)


@dataclass(frozen=True, slots=True)
class BuyerPolicy:
    """What the buyer spends at most and insists on before it pays (PROTOCOL 6.6).

    `audit_rows` is `t` of PROTOCOL 5: 59 gives 95 % confidence that under 5 % of the selection is fake. Where the
    listing opens fewer records of a small selection for nothing, that many are audited, but not under
    `least_audit_rows`.
    """

    budget: Wei
    token: Address = ETHER
    audit_rows: int = 59
    least_audit_rows: int = 59
    least_bond_share: float = 0.05
    least_reveal_window: Seconds = Seconds(1800)
    most_reveal_window: Seconds = Seconds(6 * 3600)
    least_dispute_window: Seconds = Seconds(12 * 3600)
    patience: Seconds = Seconds(2 * 3600)
    """How long the buyer waits for an answer of the seller, in chain time."""
