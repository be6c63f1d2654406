"""A seller and a buyer as programs: opened from a directory, taken step by step, closed at the end.

What a party did is in its directory. A program that was killed runs the same lines again and goes on where it was. The
commands `blindfair seller` and `blindfair buyer` are written on this.

Not here: what is sold (`listing`), what values it (`buying`), and the node and the mail (`connection`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from blindfair.agents.buyer.buyer import Buyer, nothing_asked
from blindfair.agents.buyer.evaluated import Evaluated
from blindfair.agents.buyer.evaluation_cost import EvaluationCost
from blindfair.agents.buyer.outcome import Outcome
from blindfair.agents.buyer.valuer import Choice, Valuer
from blindfair.agents.context import AgentContext
from blindfair.agents.policy import BuyerPolicy, SellerPolicy
from blindfair.agents.seller.listing_spec import ListingSpec
from blindfair.agents.seller.seller import Seller
from blindfair.agents.store.delivery_steps import REPEATED
from blindfair.agents.waiting import Waiting
from blindfair.agents.watch.making import make_package
from blindfair.agents.watch.package import WatchPackage
from blindfair.api.amounts import Money
from blindfair.api.endings import raise_failure
from blindfair.api.fees import explained, money_of_token
from blindfair.api.frames import bought_frame, plot_scores, scores_frame
from blindfair.api.purchase_options import parse_listing
from blindfair.api.serving import serving_over_http
from blindfair.api.turns import RealTime, TurnTaker, advance
from blindfair.http.service import ServiceOptions
from blindfair.influence.arrays import Floats
from blindfair.influence.images.images import images_of
from blindfair.influence.threads import one_thread
from blindfair.protocol.documents import Document, json_value
from blindfair.protocol.errors import InvalidOption, Refused
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.quantities import Address, ListingId, Wei

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


class SellerParty:
    """One listing of one seller. `agent` is what does the work."""

    def __init__(self, agent: Seller, turns: TurnTaker, url: str | None = None) -> None:
        self.agent = agent
        self._turns = turns
        self.url = url
        """Where buyers reach it over HTTP, None where they do not."""

    def __repr__(self) -> str:
        agent = self.agent
        return f"SellerParty({agent.address}, {agent.shown_listing}, {agent.shown_state})"

    @property
    def address(self) -> Address:
        """The seller's account: buyers need it, and the listing's number."""
        return self.agent.address

    @property
    def listing(self) -> ListingId:
        """The listing's number on chain, 32 bytes."""
        return self.agent.listing

    @property
    def is_listed(self) -> bool:
        """Whether the listing is on chain. Raises NodeFailure."""
        return self.agent.exchange.seller_of(self.agent.listing) == self.agent.address

    def commit(self) -> None:
        """Commit the listing on chain and wait for it; nothing where that was done. Raises what the agent raises."""
        self._turns.until(lambda: advance(self.agent, lambda: self.is_listed))

    def serve(self, until: Callable[[], bool]) -> None:
        """Answer buyers until `until` says that it is enough, asked whenever nothing is to be done.

        Leave it running while an order is open: a key that is not revealed in time costs the bond. Raises what the
        agent raises, and what the turns do not retry.
        """
        self._turns.until(lambda: self.turn(until))

    def turn(self, until: Callable[[], bool]) -> None:
        """Do what can be done now. Raises Waiting unless `until` says that it is enough, and what the agent raises."""
        while self.agent.step():
            pass
        if not until():
            raise self.agent.waiting or Waiting("no buyer asks anything now")

    @property
    def is_idle(self) -> bool:
        """Whether every order has ended, its money is home, and nothing is waited for."""
        return self.agent.waiting is None and self.agent.idle


@runtime_checkable
class ReadsScores(Protocol):
    """A valuer that says what a decrypted score means in a unit of its own."""

    def real_scores(self, scores: NDArray[np.int64], manifest: Manifest) -> Floats:
        """Decrypted scores of the first query, `n` int64, as `n` real numbers; positive = helpful."""
        ...


@runtime_checkable
class NamesMoney(Protocol):
    """A valuer that names the money of the buyer's amounts."""

    @property
    def money(self) -> Money:
        """The token, with its name and digits."""
        ...


class BuyerParty:
    """One purchase from one listing. `agent` is what does the work.

    Call `evaluate` before anything that shows scores, and `buy` before what shows records. Only these two send
    messages and pay; all else reads what is there.
    """

    def __init__(self, agent: Buyer, valuer: Valuer, turns: TurnTaker) -> None:
        self.agent = agent
        self._valuer = valuer
        self._turns = turns

    def __repr__(self) -> str:
        agent = self.agent
        return f"BuyerParty({agent.address}, listing 0x{agent.listing.hex()}, {agent.shown_state})"

    def evaluated(self) -> tuple[Evaluated, Choice]:
        """Do what can be done now, and return the evaluation and what it advises to buy. Asks, and pays the agreed fee.

        Raises Waiting until the seller has answered, and what the evaluation raises.
        """
        try:
            found = self.agent.review()
        except Refused as refused:
            valuer, token = self._valuer, self.agent.policy.token
            money = valuer.money if isinstance(valuer, NamesMoney) else money_of_token(token)
            raise explained(refused, self.agent, money) from refused
        return found, self.agent.choice(found)

    def ended(self) -> Outcome:
        """Do what can be done now, and return how the trade ended. Raises Waiting while it goes on, and what the agent
        raises."""
        advance(self.agent, lambda: self.agent.outcome is not None)
        if self.agent.outcome is None:
            raise Waiting("the trade goes on")
        return self.agent.outcome

    def evaluate(self) -> Choice:
        """Ask the listing blind, wait for the scores, and return what they advise: records, price, reasons.

        No records mean that nothing is worth buying. Nothing is paid but a fee that was agreed to. Raises what the
        agent raises: Refused, NoAnswer, InsufficientFunds, and errors about the seller's messages.
        """
        return self._turns.until(self.evaluated)[1]

    def buy(self) -> Outcome:
        """Buy what `evaluate` advised, and wait for the end: audit, pay, verify, release.

        An outcome `NoOrder` without an error means that nothing was worth buying. Raises the error that ended the
        trade: an AuditError where the scores were not true, FaultProven or NoAnswer where price and bond came back.
        Raises StateError before `evaluate`.
        """
        if not self.agent.has_asked and self.agent.outcome is None:
            raise nothing_asked()
        outcome = self._turns.until(self.ended)
        refunded_by_clock = any(step.startswith("refund") for step in self.agent.receipts())
        raise_failure(outcome, refunded_by_clock=refunded_by_clock)
        return outcome

    @property
    def scores(self) -> Floats:
        """The score of each record, or group of records, `n` numbers; positive is helpful.

        In the valuer's unit if it has one (with a table that of the label's loss: nats where it has classes), else in
        units of rounded rows. Asks nothing and pays nothing. Raises StateError before `evaluate`.
        """
        found = self.agent.stored_evaluation()
        first = found.scores[0]
        if isinstance(self._valuer, ReadsScores):
            return self._valuer.real_scores(first, found.listing.manifest)
        return np.asarray(first, dtype=np.float64)

    def table(self) -> "pd.DataFrame":
        """Return scores beside what is chosen, a line for each record or group. Asks nothing and pays nothing.

        Raises StateError before `evaluate`, MissingPackage.
        """
        found = self.agent.stored_evaluation()
        return scores_frame(self.scores, found.units, self.agent.choice(found).records)

    def plot(self, axes: "Axes | None" = None) -> "Axes":
        """Draw the distribution of the scores. Raises as `table`."""
        table = self.table()
        return plot_scores(self.scores, table["chosen"].tolist(), str(table.index.name), axes)

    def watch_package(self) -> WatchPackage:
        """Return what `blindfair watch` needs to end the newest order on a second machine; `write` makes the file.

        It holds ciphertext, leaf hashes and offer, and no key. Raises StateError before anything was delivered.
        """
        agent = self.agent
        return make_package(agent.journal, agent.sealing_keys().private, agent.domain)

    def records(self) -> "pd.DataFrame":
        """Return the records that were paid for and verified, none before; their numbers are the index.

        Asks nothing and pays nothing. Raises StateError before `evaluate`, MissingPackage.
        """
        found = self.agent.stored_evaluation()
        return bought_frame(found.listing.manifest, self.agent.bought())

    @property
    def near_duplicates(self) -> Document | None:
        """Near-duplicates among all bought texts, as `buyer buy --json` has them; None before, and of tables.

        `clusters` are the numbers of texts that are alike and that the listing does not name, `superfluous` counts all
        but one of each, and `list_is_false` says whether these are more than a seller's search can have missed.
        """
        found = self.agent.journal.intent(REPEATED)
        return None if found is None else json_value(found)

    def images(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the images that were paid for and verified, and their labels, as their seller had them.

        Asks nothing and pays nothing. Raises StateError before `evaluate`, InvalidListing for other records.
        """
        manifest = self.agent.stored_evaluation().listing.manifest
        bought = [manifest.schema.decode(manifest.encoding, data) for _, data in self.agent.bought()]
        return images_of(manifest.schema, bought)


@contextmanager
def open_seller(
    directory: Path | str,
    context: AgentContext,
    spec: ListingSpec,
    policy: SellerPolicy | None = None,
    *,
    turns: TurnTaker | None = None,
    http: ServiceOptions | str | None = None,
) -> Iterator[SellerParty]:
    """Open the seller of a listing in its directory, new or begun; closed at the end of the block.

    `turns` says how it waits: in real time if None. With `http`, as "0.0.0.0:8440" or `blindfair.http.ServiceOptions`,
    buyers reach it by the party's `url`, while the block lasts; the context's mail is a folder then.
    Raises StoreInUse, InsecureStore, JournalVersion, JournalDamaged (also for another listing's or account's
    directory), NodeFailure, Undeliverable, InvalidOption, StateError where the service does not start.
    """
    policy = policy or SellerPolicy()
    with one_thread():
        agent = Seller(Path(directory), context, spec, policy)
        try:
            with serving_over_http(agent, context.mail, http, policy) as url:
                yield SellerParty(agent, turns or RealTime(), url)
        finally:
            agent.close()


@contextmanager
def open_buyer(
    directory: Path | str,
    context: AgentContext,
    valuer: Valuer,
    policy: BuyerPolicy,
    *,
    seller: Address,
    listing: ListingId | str,
    fee_limit: Callable[[EvaluationCost], Wei] | None = None,
    turns: TurnTaker | None = None,
) -> Iterator[BuyerParty]:
    """Open a purchase in its directory, new or begun; closed at the end of the block.

    `listing` is its number, 32 bytes or as hexadecimal text, and `seller` an address.

    `fee_limit` says the most to pay for an evaluation, asked once before the request; the policy does if None. `turns`
    says how it waits: in real time if None. Raises as `open_seller`, and InvalidOption for another `valuer` or
    number.
    """
    _check_valuer(valuer)
    listing = parse_listing(listing) if isinstance(listing, str) else listing
    with one_thread():
        agent = Buyer(Path(directory), context, valuer, policy, seller=seller, listing=listing, fee_limit=fee_limit)
        try:
            yield BuyerParty(agent, valuer, turns or RealTime())
        finally:
            agent.close()


_METHODS = "question", "choose", "check_opened", "check_delivered"


def _check_valuer(valuer: object) -> None:
    missing = [name for name in _METHODS if not callable(getattr(valuer, name, None))]
    if missing:
        raise InvalidOption(
            "`valuer` is not a valuer",
            expected=f"an object with the methods {', '.join(_METHODS)}",
            found=f"{type(valuer).__name__} without {', '.join(missing)}",
            hint="pass `own.valuer`, where `own` is what `make_purchase` returned"
            if hasattr(valuer, "valuer")
            else "`make_purchase` makes one: pass its `valuer`",
        )
