"""The seller's side of a watcher: reveals keys and claims prices where the seller's own agent does not.

It reveals only against an accept that is final, and never in the last half of the reveal window unless a node may have
seen the key already: a key that is shown against an accept which a reorganisation takes back is a gift. It leaves the
first quarter of each window to the seller's own agent, so that gas is paid once.
"""

import json
from collections.abc import Callable
from pathlib import Path

from blindfair.agents.context import Tell
from blindfair.agents.settlement.finality_tracker import FinalityTracker
from blindfair.agents.settlement.wallet import Wallet
from blindfair.agents.store.directory import private_directory
from blindfair.agents.store.journal import Journal
from blindfair.agents.store.steps import CallName, step_text
from blindfair.agents.store.watch_steps import (
    REVEAL_END,
    WatchedOrder,
    claim_kept_call,
    order_of_file,
    reveal_kept_call,
    watched_order,
)
from blindfair.agents.waiting import Turn, Waiting
from blindfair.agents.watch.clients import Clients
from blindfair.agents.watch.ending import EndedWatch, WatchEnding, ended_watches, short
from blindfair.agents.watch.reveal_package import REVEAL_LIMIT, REVEAL_SUFFIX, RevealPackage, check_reveal, read_reveal
from blindfair.chain.exchange import Call, DataExchange, Finality, OrderView
from blindfair.protocol.errors import BlindfairError, ContractReverted
from blindfair.protocol.fields import amount_text
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import Timestamp
from blindfair.protocol.signing import Domain


class RevealKeeper:
    """The orders of sellers in a watcher's directory. Safe to kill anywhere."""

    def __init__(
        self,
        folder: Path,
        journal: Journal,
        exchange: DataExchange,
        wallet: Wallet,
        finality: Finality,
        tell: Tell,
        clients: Clients,
    ) -> None:
        """`folder` has the packages. Raises InsecureStore, CannotWrite; a damaged package is told, and left out."""
        self._folder = private_directory(folder)
        self._journal = journal
        self._exchange = exchange
        self._domain = Domain(exchange.chain_id, exchange.address)
        self._wallet = wallet
        self._finality = finality
        self._tracker = FinalityTracker(exchange, finality)
        self._tell = tell
        self._clients = clients
        self.open: dict[WatchedOrder, RevealPackage] = {}
        """The orders that have not ended."""
        for path in sorted(self._folder.glob(f"*{REVEAL_SUFFIX}")):
            self._open(path)

    def _open(self, path: Path) -> None:
        order = order_of_file(path.stem)
        if self._journal.intent(REVEAL_END.of(order)) is not None:
            # The process died between the note and this.
            path.unlink()
            return
        try:
            package = self.open[order] = read_reveal(path)
            self._clients.add(order, package.head.offer.seller, path)
        except BlindfairError as error:
            self._tell("warning", f"cannot read {path.name}, hand it over again: {error.name}")

    def take(self, path: Path, *, is_named: bool = False) -> bool:
        """Check a package and copy it into the directory; False for an order that is known already.

        Raises FileMissing, MalformedFile, UnknownVersion, WrongContract, BadSignature, RootMismatch, CannotWrite, and
        NotServed as `Watcher.take`.
        """
        package = read_reveal(path)
        order = watched_order(package.order_id)
        if order in self.open or self._journal.intent(REVEAL_END.of(order)) is not None:
            return False
        seller = package.head.offer.seller
        self._clients.check(seller, REVEAL_LIMIT, is_named=is_named)
        check_reveal(package, self._domain)
        package.write(self._path(order))
        self._clients.add(order, seller, self._path(order))
        self.open[order] = package
        self._tell("package", f"keeps the key of order {short(order)} of {package.head.offer.seller}")
        return True

    def ended(self) -> tuple[EndedWatch, ...]:
        """Every order that has ended, in that order."""
        return ended_watches(self._journal, REVEAL_END)

    def advance(self, turn: Turn, now: Timestamp) -> None:
        """Look after every order once."""
        for order, package in [*self.open.items()]:
            with turn.task():
                self._follow(order, package, now)

    def _follow(self, order: WatchedOrder, package: RevealPackage, now: Timestamp) -> None:
        view, offer = self._exchange.order(package.order_id), package.head.offer
        match view.state:
            case OrderState.NONE if now <= offer.expiry:
                raise Waiting(f"order {short(order)} was not accepted yet", Timestamp(offer.expiry + 1))
            case OrderState.NONE:
                self._end(order, "expired", WatchEnding.EXPIRED, "the offer ran out and was never accepted")
            case OrderState.LOCKED if now <= view.deadline:
                self._reveal(order, package, view, now)
            case OrderState.LOCKED:
                self._end(order, "missed", WatchEnding.MISSED, "nobody revealed the key in time; the bond is lost")
            case OrderState.REVEALED:
                self._claim(order, package, view, now)
            case OrderState.RELEASED:
                self._end(order, view.state.name, WatchEnding.RELEASED, self._why_released(order))
            case OrderState.REFUNDED:
                self._end(order, view.state.name, WatchEnding.REFUNDED, "price and bond went to the buyer")
            case OrderState.CANCELLED:
                self._end(order, view.state.name, WatchEnding.CANCELLED, "the seller cancelled the offer")

    def _reveal(self, order: WatchedOrder, package: RevealPackage, view: OrderView, now: Timestamp) -> None:
        exchange, offer, step = self._exchange, package.head.offer, reveal_kept_call(order)
        window = offer.reveal_window
        turn = Timestamp(view.deadline - window + window // 4)
        if now < turn and not self._wallet.begun(step):
            raise Waiting(f"order {short(order)}: the seller's own agent may reveal first", turn)
        accepted = exchange.accepted_at(package.order_id)
        if accepted is None or not exchange.is_final(accepted.block_number, self._finality):
            raise Waiting(f"the accept of order {short(order)} is not final yet")

        def safe() -> bool:
            exposed = self._wallet.exposed(step)
            return exchange.now() <= (view.deadline if exposed else view.deadline - window // 2)

        if not safe():
            raise Waiting(
                f"the reveal window of order {short(order)} is half over: its key stays secret",
                Timestamp(view.deadline + 1),
            )
        self._send(step, lambda: exchange.reveal(offer, package.key), f"reveals the key of order {short(order)}", safe)

    def _claim(self, order: WatchedOrder, package: RevealPackage, view: OrderView, now: Timestamp) -> None:
        offer = package.head.offer
        # A claim has no end, and a seller that is awake claims at once.
        turn = Timestamp(view.deadline + offer.reveal_window // 4)
        if now <= turn:
            raise Waiting(f"the buyer of order {short(order)} may still dispute or release", Timestamp(turn + 1))
        text = f"claims the price of order {short(order)} for its seller"
        self._send(claim_kept_call(order), lambda: self._exchange.claim([offer]), text)

    def _send(
        self, step: CallName, call: Callable[[], Call], text: str, may_send: Callable[[], bool] = lambda: True
    ) -> None:
        try:
            self._wallet.execute(step, call, text, may_send=may_send)
        except ContractReverted as error:
            # The seller itself, or anybody, may have been quicker.
            raise Waiting(f"the contract refuses the {step_text(step)}: {error}") from error
        raise Waiting("the end of the order is not final yet")

    def _why_released(self, order: WatchedOrder) -> str:
        did = [
            word
            for word, step in (("revealed", reveal_kept_call(order)), ("claimed", claim_kept_call(order)))
            if self._wallet.executed(step)
        ]
        return f"the seller was paid; this watcher {' and '.join(did) if did else 'had nothing to do'}"

    def _end(self, order: WatchedOrder, seen: str, ending: WatchEnding, reason: str) -> None:
        if not self._tracker.holds(f"kept:{order}", seen):
            raise Waiting("the end of the order is not final yet")
        offer = self.open[order].head.offer
        end = {"seller": offer.seller, "ending": ending, "reason": reason, "price": amount_text(offer.price)}
        self._journal.note(REVEAL_END.of(order), json.dumps(end))
        del self.open[order]
        self._path(order).unlink(missing_ok=True)
        self._tell("end", f"order {short(order)} {ending}: {reason}")

    def _path(self, order: WatchedOrder) -> Path:
        return self._folder / f"{order}{REVEAL_SUFFIX}"
