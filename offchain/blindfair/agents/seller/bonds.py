"""The bonds of a seller's offers: how much it promises at once, and that the money for it is there (PROTOCOL 7)."""

import itertools
import json

from blindfair.agents.messaging.mail import Mail
from blindfair.agents.policy import SellerPolicy
from blindfair.agents.seller.offers import SellerOffers
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.settlement.wallet import Wallet
from blindfair.agents.store.journal import Journal
from blindfair.agents.store.steps import (
    ENDED_AT,
    REST_OF,
    OfferName,
    deposit_call,
    offer_message,
    offer_name,
    selected_at,
    withdraw_call,
)
from blindfair.agents.waiting import Waiting
from blindfair.chain.exchange import DataExchange
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import BudgetExhausted, Expired, TooCostly
from blindfair.protocol.order import OrderState
from blindfair.protocol.parts import Part, PartName
from blindfair.protocol.quantities import Address, Digest, Wei


class SellerBonds:
    """Bonds locked across all of one seller's open offers."""

    def __init__(
        self,
        exchange: DataExchange,
        journal: Journal,
        mail: Mail,
        wallet: Wallet,
        offers: SellerOffers,
        policy: SellerPolicy,
    ) -> None:
        self._exchange = exchange
        self._journal = journal
        self._mail = mail
        self._wallet = wallet
        self._offers = offers
        self._policy = policy

    def check_part(self, selected: Digest, price: Wei, part: Part) -> None:
        """Whether time and bonds allow an offer for a part of the selection `selected`, which costs `price` in all.

        Others may have come to an agreement since the selection. Raises Expired, BudgetExhausted, TooCostly.
        """
        sample, rest = (offer_name(selected, name) for name in (PartName.SAMPLE, PartName.REST))
        bond = self._policy.bond(part.price)
        if part.name is PartName.REST:
            self._check_rest_in_time(sample)
            self.check_bond(part.token, bond, rest_of_sample=sample)
            return
        until = int(self._journal.get(selected_at(selected)) or 0) + self._policy.agreement_validity
        if self._exchange.now() > until:
            raise Expired("The time to agree on this selection is over", expected=f"by {until}")
        kept = self._policy.bond(Wei(price - part.price))
        self.check_bond(part.token, Wei(bond + kept))
        if kept:
            self._journal.note(REST_OF.of(sample), json.dumps({"bond": str(kept), "name": rest}))

    def check_bond(self, token: Address, bond: Wei, rest_of_sample: OfferName | None = None) -> None:
        """Check that one more offer with this bond is within the policy.

        The bonds of the rests of bought samples count already; `rest_of_sample` names the sample whose rest this is.
        Raises what buyers are told: BudgetExhausted where it may be later, and TooCostly for a bond that never will be.
        """
        promised = sum(
            (
                *(offer.bond for offer in self._offers.open().values() if offer.token == token),
                *(kept for name, kept in self._kept_bonds(token).items() if name != rest_of_sample),
            )
        )
        if bond > self._policy.max_bonds:
            raise TooCostly(
                "The seller locks no bond as large as this",
                expected=f"<= {self._policy.max_bonds}",
                found=bond,
                hint="buy less, or ask for less; the seller can serve with a larger `max_bonds`",
            )
        if promised + bond > self._policy.max_bonds:
            raise BudgetExhausted(
                "The seller does not lock so much at once",
                expected=f"bonds of at most {self._policy.max_bonds - promised}",
                found=bond,
                hint="buy less, or later",
            )

    def check_paid_bond(self, token: Address, bond: Wei) -> None:
        """Check the bond for a selection whose evaluation was paid for, as `check_bond` does.

        Raises Waiting instead of refusing: the buyer has a right to its answer.
        """
        try:
            self.check_bond(token, bond)
        except (BudgetExhausted, TooCostly) as error:
            raise Waiting(
                f"the limit on bonds leaves too little for a selection whose evaluation was paid for: {error}"
            ) from error

    def _check_rest_in_time(self, sample: OfferName) -> None:
        """Whether the rest of a bought sample may still be ordered. Raises Expired."""
        ended = self._journal.get(ENDED_AT.of(sample))
        until = None if ended is None else int(ended) + self._policy.agreement_validity
        if until is not None and self._exchange.now() > until:
            raise Expired("The time to order the rest is over", expected=f"by {until}")

    def _kept_bonds(self, token: Address) -> dict[OfferName, Wei]:
        """Bonds of rests that may still be ordered, by the names of their samples."""
        kept: dict[OfferName, Wei] = {}
        offers = self._offers.made()
        for sample, noted in self._journal.done(REST_OF):
            rest = json_value(noted)
            if rest["name"] in offers or sample not in offers or offers[sample].token != token:
                continue
            if self._offers.ending(sample) not in (None, Ending.RELEASED):
                continue
            try:
                self._check_rest_in_time(sample)
            except Expired:
                continue
            kept[sample] = Wei(int(rest["bond"]))
        return kept

    def provide_bond(self, name: OfferName) -> None:
        """Deposit what the free balance lacks for the bond of this offer beside those that are promised already.

        Raises Waiting, InsufficientFunds.
        """
        wallet, token = self._wallet, self._offers.made()[name].token
        step, lacking = deposit_call(name), self._lacking(name)
        if wallet.executed(step) or not (wallet.begun(step) or lacking):
            return
        reserve = Wei(self._policy.gas_reserve * len(self._offers.open()))
        wallet.check_means(token, lacking, reserve, "the bond of an offer")
        wallet.approve(step, token, lacking)
        wallet.execute(step, lambda: self._exchange.deposit(token, lacking), "deposits the bond")

    def send_offer(self, name: OfferName, to: Address, key: bytes) -> None:
        """Send the message that an offer was written in, once its bond is there; `key` is the receiver's to seal to.

        Raises Expired for an offer that ran out before, Waiting, InsufficientFunds, Undeliverable.
        """
        step = offer_message(name)
        if not self._mail.was_sent(step):
            self._check_no_withdrawal()
            # The offer is known before its bond is provided, and both before anybody can accept it.
            offer = self._offers.remember(name)
            if self._exchange.now() > offer.expiry:
                raise Expired("The offer ran out before its bond was there", expected=offer.expiry)
            self.provide_bond(name)
        self._mail.dispatch(step, to, key)

    def _check_no_withdrawal(self) -> None:
        """Raises Waiting while a withdrawal is under way, for the first time or because a reorganisation took it back:
        what it takes still stands in the free balance, and would be taken for a bond."""
        for name in self._offers.made():
            begun = (withdraw_call(name, number) for number in itertools.count())
            for step in itertools.takewhile(self._wallet.begun, begun):
                if not self._wallet.executed(step) or self._wallet.is_taken_back(step):
                    raise Waiting("a withdrawal has to be in a block before there can be another bond")

    def _lacking(self, name: OfferName) -> Wei:
        exchange, mine = self._exchange, self._offers.made()[name]
        promised = sum(
            offer.bond
            for other, offer in self._offers.open().items()
            if offer.token == mine.token
            and (other == name or self._is_promised(other))
            and exchange.order(offer.struct_hash()).state is OrderState.NONE
        )
        return Wei(max(0, promised - exchange.free_balance(mine.seller, mine.token)))

    def _is_promised(self, name: OfferName) -> bool:
        # An offer for which no bond could be had is kept back, and must not keep back the others.
        return self._mail.was_sent(offer_message(name)) or self._wallet.executed(deposit_call(name))
