"""A stranger that sends calls about other people's orders to the contract, as anybody may: refunds, claims, releases,
reveals of keys that it saw on their way, disputes without a fault."""

from random import Random

from escrow_model import decode_call, offer_of
from eth_account import Account
from seeded_randomness import private_key
from simulated_chain import CHAIN_ID, DEFAULT_FEE, TIP, SimulatedChain
from web3 import Web3

from blindfair.chain.calls import Call, ExchangeCalls
from blindfair.protocol.offer import Offer
from blindfair.protocol.quantities import ChunkIndex, DeliveryKey, Digest
from blindfair.protocol.release import sign_release


class Meddler:
    """One such account. What it sends it signs without trying it out."""

    def __init__(self, chain: SimulatedChain, random: Random, grant: int) -> None:
        self._chain = chain
        self._random = random
        self._account = Account.from_key(private_key("meddler"))
        self._calls = ExchangeCalls(chain.domain.contract)
        self._sent = 0
        chain.fund(self._account.address.lower(), grant)

    def act(self) -> None:
        """Send one call, if there is anything to call about."""
        offers = [order.offer for order in self._chain.latest.state.orders.values()]
        if not offers:
            return
        call = self._call(self._random.choice(offers))
        number = self._chain.latest.state.numbers.get(self._account.address.lower(), 0)
        waiting = [one for one in self._chain.mempool.values() if one.sender == self._account.address.lower()]
        signed = self._account.sign_transaction(
            {
                "type": 2,
                "chainId": CHAIN_ID,
                "nonce": number + len(waiting),
                "value": 0,
                "data": call.data,
                "gas": 200_000,
                "maxFeePerGas": 3 * DEFAULT_FEE + TIP,
                "maxPriorityFeePerGas": TIP,
                "to": Web3.to_checksum_address(call.to or ""),
            }
        )
        try:
            self._chain.submit(bytes(signed.raw_transaction))
        except ValueError:
            return
        self._sent += 1

    def _call(self, offer: Offer) -> Call:
        calls, key = self._calls, DeliveryKey(self._random.randbytes(32))
        seen = self._seen_key(offer) or key
        return self._random.choice(
            (
                lambda: calls.refund(offer),
                lambda: calls.claim([offer]),
                lambda: calls.release(offer),
                lambda: calls.cancel(offer),
                lambda: calls.reveal(offer, key),
                lambda: calls.reveal(offer, seen),
                lambda: calls.dispute(offer, seen, ChunkIndex(0), bytes(64), Digest(bytes(32)), []),
                lambda: calls.release_by_signature(
                    offer, sign_release(offer.struct_hash(), self._chain.domain, bytes(self._account.key))
                ),
            )
        )()

    def _seen_key(self, offer: Offer) -> DeliveryKey | None:
        """The key of an order, from a transaction that waits."""
        for waiting in self._chain.mempool.values():
            name, arguments = decode_call(waiting.data)
            if name == "reveal" and offer_of(arguments[0]) == offer:
                return DeliveryKey(arguments[1])
        return None
