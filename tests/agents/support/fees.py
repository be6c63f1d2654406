"""Parties at a listing whose evaluations are not free any more, and what came of it (PROTOCOL 4.7)."""

from dataclasses import replace
from typing import Any

from trade import AUDITED, BUYER_POLICY, OFFERED, Parties, World, listing_spec, make_parties

from blindfair.agents.buyer.outcome import Outcome
from blindfair.agents.seller.listing_spec import ListingSpec
from blindfair.agents.seller.seller import Seller
from blindfair.agents.store.purchase_steps import OPENED_REPLY
from blindfair.agents.store.steps import Step, accept_call, is_fee
from blindfair.protocol.delivery import EncryptedDelivery, delivery_tree
from blindfair.protocol.offer import Offer
from blindfair.protocol.parts import PartName
from blindfair.protocol.quantities import DeliveryKey, Digest, Wei

FEE = Wei(1_920_000_000_000_007)
"""Of the one query of 3 bits that these buyers ask. Odd, so that a wei that is lost or doubled shows."""

FEE_BOND = Wei(FEE // 10)
EVALUATION_BITS = 3 * OFFERED
RECORD_BITS = 30
OPENED_BITS = AUDITED * RECORD_BITS
"""What one audit opens free: less than one evaluation tells."""

PAYS = replace(BUYER_POLICY, max_evaluation_fee=FEE)


class CorruptingReplySeller(Seller):
    """Encrypts another chunk than the leaf list says."""

    def _encrypted_reply(self, digest: Digest, key: DeliveryKey) -> EncryptedDelivery:
        honest = super()._encrypted_reply(digest, key)
        place = len(honest.ciphertexts) // 2
        wrong = bytearray(honest.ciphertexts[place])
        wrong[-1] ^= 1
        ciphertexts = (*honest.ciphertexts[:place], bytes(wrong), *honest.ciphertexts[place + 1 :])
        return EncryptedDelivery(ciphertexts, honest.leaf_hashes, delivery_tree(ciphertexts, honest.leaf_hashes).root)


def charging(**terms: Any) -> ListingSpec:
    """A listing that opens records free for one audit, and has no free bits for an evaluation."""
    # The listing's fee is for 36 bits a record.
    defaults = {"bits_per_record": 36, "evaluation_fee": Wei(12 * FEE)}
    return listing_spec(**defaults | {"record_bits": RECORD_BITS, "free_bits": OPENED_BITS} | terms)


def paying(world: World, **changes: Any) -> Parties:
    """Parties at such a listing, whose buyer pays the fee."""
    defaults: dict[str, Any] = {"goods": charging(), "buyer_policy": PAYS}
    return make_parties(world, **defaults | changes)


def fee_offers(parties: Parties) -> list[Offer]:
    return [offer for name, offer in parties.seller.offers.items() if is_fee(name)]


def other_offers(parties: Parties) -> list[Offer]:
    return [offer for name, offer in parties.seller.offers.items() if not is_fee(name)]


def fee_is_paid(parties: Parties) -> bool:
    return parties.buyer.wallet.executed(accept_call(PartName.EVALUATION))


def ended(parties: Parties) -> Outcome:
    assert parties.buyer.outcome is not None
    return parties.buyer.outcome


def has_learnt(parties: Parties) -> bool:
    """Whether the buyer ever held a reply in the clear."""
    journal = parties.buyer.journal
    stored = journal.get(Step("received:reply"))
    return journal.get(OPENED_REPLY) is not None or (stored is not None and b'"type":"reply"' in stored)


def until_priced(parties: Parties) -> None:
    """Go on until a priced reply waits for the buyer."""
    for _ in range(20):
        parties.seller.step()
        if any(step.startswith("priced-reply") for step in parties.seller.sizes()):
            return
        parties.buyer.step()
        parties.world.chain.mine(1)
    raise AssertionError("no priced reply was sent")
