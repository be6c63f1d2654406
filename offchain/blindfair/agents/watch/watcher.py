"""The watcher: follows orders by their packages alone, with an account of its own that pays nothing but gas.

Anybody may send the dispute or the refund of an order, and the contract pays its buyer (PROTOCOL 7). A watcher checks
that chunks are the committed ones; it knows no score, and cannot judge any.
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from eth_account.signers.local import LocalAccount

from blindfair.agents.context import Event
from blindfair.agents.settlement.finality_tracker import FinalityTracker
from blindfair.agents.settlement.wallet import Wallet
from blindfair.agents.store.directory import DirectoryLock, private_directory
from blindfair.agents.store.journal import Journal
from blindfair.agents.store.steps import ACCOUNT, TRADE, CallName, Step, step_text
from blindfair.agents.store.watch_steps import (
    WATCH_END,
    WATCH_LATE,
    WATCH_VERDICT,
    WatchedOrder,
    order_of_file,
    watch_dispute_call,
    watch_refund_call,
    watched_order,
)
from blindfair.agents.waiting import Turn, Waiting
from blindfair.agents.watch.clients import Clients, WatchLimits
from blindfair.agents.watch.ending import EndedWatch, WatchEnding, end_of_watch, ended_watches, short
from blindfair.agents.watch.keeper import RevealKeeper
from blindfair.agents.watch.package import SUFFIX, WatchHead, copy_package, find_fault, read_head
from blindfair.agents.watch.reveal_package import REVEAL_SUFFIX
from blindfair.chain.costs import CLAIM, REVEAL, dispute_gas, signed_gas
from blindfair.chain.exchange import Call, DataExchange, Finality, OrderView
from blindfair.chain.sender import FEE_CEILING
from blindfair.protocol.cipher import key_commitment
from blindfair.protocol.delivery import Fault, verify_fault
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import (
    BlindfairError,
    ContractReverted,
    FileMissing,
    GasCeilingReached,
    JournalDamaged,
    NodeFailure,
)
from blindfair.protocol.fields import amount_text
from blindfair.protocol.offer import Offer
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import (
    ETHER,
    Address,
    ChunkIndex,
    DeliveryKey,
    Gas,
    OrderId,
    Timestamp,
    Wei,
)
from blindfair.protocol.signing import Domain

PACKAGES = "packages"
"""The folder in a watcher's directory that holds the packages of orders that go on."""

_ALL_GOOD = b"null"
"""The verdict without a wrong chunk."""

_ANYBODY = WatchLimits()


class Watcher:
    """Any number of orders on one contract, in a directory of its own: lock, journal, packages.

    `take` brings a package in, `step` does what can be done now. Both are safe to kill anywhere and to call again.
    """

    role = "watcher"

    def __init__(
        self,
        directory: Path,
        exchange: DataExchange,
        account: LocalAccount,
        *,
        finality: Finality,
        gas_ceiling: Wei,
        max_gas_price: Wei = FEE_CEILING,
        limits: WatchLimits = _ANYBODY,
        on_event: Callable[[Event], None] = lambda _: None,
    ) -> None:
        """`gas_ceiling` is the most that all transactions in this directory may cost together, `max_gas_price` the most
        that is offered for a unit of gas, both in wei; `limits` say whose packages are taken, and what is done for each
        account.

        Raises StoreInUse, InsecureStore, JournalVersion, JournalDamaged (also for the directory of another account or
        contract), CannotWrite; holds nothing then.
        """
        with contextlib.ExitStack() as held:
            held.callback(DirectoryLock(directory).release)
            self.directory = directory
            self.journal = Journal(directory / "journal.sqlite")
            held.callback(self.journal.close)
            self.exchange = exchange
            self.domain = Domain(exchange.chain_id, exchange.address)
            self.address = Address(account.address.lower())
            self.gas_ceiling = gas_ceiling
            self._watch = on_event
            self._bind(ACCOUNT, self.address, "use the keystore with which it was begun, or another directory")
            here = f"watch of {exchange.address} on chain {exchange.chain_id}"
            self._bind(TRADE, here, "use a directory of its own for each contract")
            self._finality = FinalityTracker(exchange, finality)
            self._clients = Clients(self.journal, limits)
            self.wallet = Wallet(
                self.journal, exchange, account, finality, self.tell,
                gas_ceiling=gas_ceiling, gas_share=self._clients.gas_share(), max_gas_price=max_gas_price,
            )  # fmt: skip
            self._packages = private_directory(directory / PACKAGES)
            self._keyless: set[OrderId] = set()
            self._open = dict(self._stored())
            self.keeper = RevealKeeper(
                self._packages, self.journal, exchange, self.wallet, finality, self.tell, self._clients
            )
            for order, head in self._open.items():
                self._clients.add(order, head.offer.buyer, self._path(order), chunks=head.offer.chunk_count)
            self.waiting: Waiting | None = None
            self._held = held.pop_all()

    def _bind(self, step: Step, value: str, hint: str) -> None:
        found = self.journal.once(step, value.encode).decode()
        if found != value:
            raise JournalDamaged(f"{self.directory} belongs to something else", expected=found, found=value, hint=hint)

    def _stored(self) -> Iterator[tuple[WatchedOrder, WatchHead]]:
        for unfinished in self._packages.glob(".*"):
            # Of a process that died over a copy: ciphertext that nobody would ever remove.
            unfinished.unlink()
        for path in sorted(self._packages.glob(f"*{SUFFIX}")):
            order = order_of_file(path.stem)
            if end_of_watch(self.journal, order) is None:
                try:
                    yield order, read_head(path)
                except BlindfairError as error:
                    # The others are watched all the same, and this one again once it is handed over again.
                    self.tell("warning", f"cannot read {path.name}, hand it over again: {error.name}")
            else:
                # The process died between the note and this.
                path.unlink()

    def close(self) -> None:
        """Let go of journal and directory."""
        self._held.close()

    def tell(self, step: str, text: str, *, gas: int | None = None, size: int | None = None) -> None:
        """Tell those who watch."""
        self._watch(Event(self.role, step, text, gas, size))

    # --- packages --------------------------------------------------------------------------------------------------

    def take(self, path: Path, *, is_named: bool = False) -> bool:
        """Check a package and copy it into the directory; False for an order that is known already.

        `is_named` says that the owner named the file itself. Raises what `copy_package` raises, and NotServed for an
        account that is not served or has handed over enough; nothing is written then.
        """
        if path.suffix == REVEAL_SUFFIX:
            return self.keeper.take(path, is_named=is_named)
        head = read_head(path)
        order = watched_order(head.order_id)
        if order in self._open or end_of_watch(self.journal, order) is not None:
            return False
        try:
            size = path.stat().st_size
        except OSError as error:
            raise FileMissing(f"There is no watch package {path}", found=error.strerror) from error
        # Before anything that costs more: strangers may write many.
        self._clients.check(head.offer.buyer, size, chunks=head.offer.chunk_count, is_named=is_named)
        copy_package(path, self._packages, self.domain, size=size, expected=head)
        self._clients.add(order, head.offer.buyer, self._path(order), chunks=head.offer.chunk_count)
        self._open[order] = head
        self.tell("package", f"watches order {short(order)} of {head.offer.buyer}: {head.offer.chunk_count} chunks")
        return True

    @property
    def open_orders(self) -> dict[WatchedOrder, WatchHead]:
        """The orders that have not ended."""
        return {**self._open, **{order: package.head for order, package in self.keeper.open.items()}}

    def ended(self) -> tuple[EndedWatch, ...]:
        """Every order that has ended, in that order."""
        return (*ended_watches(self.journal), *self.keeper.ended())

    def largest_dispute(self) -> Wei:
        """What a dispute over one full chunk of the open orders costs at most, with the price of gas doubled.

        Zero where no order can need another one. Raises NodeFailure.
        """
        sizes = [head.offer.chunk_size for order, head in self._open.items() if self._may_dispute(order)]
        return self.wallet.cost_of(signed_gas(dispute_gas(max(sizes)))) if sizes else Wei(0)

    def largest_need(self) -> Wei:
        """What the dearest of what may have to be done costs at most: a dispute, or a reveal and a claim.

        Raises NodeFailure.
        """
        return max(self.largest_dispute(), self.cost_of_reveal() if self.keeper.open else Wei(0))

    def cost_of_reveal(self) -> Wei:
        """What a reveal and a claim cost at most. Raises NodeFailure."""
        return self.wallet.cost_of(signed_gas(Gas(REVEAL + CLAIM)))

    def _may_dispute(self, order: WatchedOrder) -> bool:
        """Whether a dispute may still have to be signed: none was, and the chunks were not found good."""
        is_good = self.journal.get(WATCH_VERDICT.of(order)) == _ALL_GOOD
        return not is_good and not self.wallet.begun(watch_dispute_call(order))

    def check_means(self) -> None:
        """Raises InsufficientFunds or GasCeilingReached where one dispute over the largest chunk is not paid for, and
        GasPriceTooHigh where a unit of gas costs more now than may be offered."""
        needed, left = self.largest_need(), Wei(self.gas_ceiling - self.wallet.gas_costs())
        self.wallet.check_funds(ETHER, needed, "the gas of a dispute")
        if left < needed:
            raise GasCeilingReached(
                "The ceiling does not leave enough for a dispute",
                expected=f"{needed} wei",
                found=f"{left} of {self.gas_ceiling} wei left",
                hint="raise it with `gas_ceiling=ETHER`",
            )
        if needed:
            self.wallet.check_gas_price("a dispute")

    # --- turns -----------------------------------------------------------------------------------------------------

    def step(self) -> bool:
        """Look after every order once; says whether anything was done. What holds up one does not hold up the others.

        Raises the first trouble, which the owner must see to: InsufficientFunds, GasCeilingReached, NodeFailure, and
        what the wallet raises. It may be called again all the same.
        """
        before = self.journal.writes
        self.waiting = None
        if not self.open_orders:
            return False
        # First of all: a node that does not answer at all is asked once, and not for each order.
        now = self.exchange.now()
        self.wallet.note_receipts()
        turn = Turn()
        for order, head in [*self._open.items()]:
            with turn.task():
                self._follow(order, head, now)
        self.keeper.advance(turn, now)
        try:
            turn.end()
        except Waiting as waiting:
            self.waiting = waiting
        return self.journal.writes > before

    def _follow(self, order: WatchedOrder, head: WatchHead, now: Timestamp) -> None:
        """Take an order as far as it goes. Raises Waiting unless it has ended, and what the wallet raises."""
        view = self.exchange.order(head.order_id)
        match view.state:
            case OrderState.NONE if now <= head.offer.expiry:
                raise Waiting(f"order {short(order)} was not accepted yet", Timestamp(head.offer.expiry + 1))
            case OrderState.NONE:
                self._end_if_final(order, "expired", WatchEnding.EXPIRED, "the offer ran out and was never accepted")
            case OrderState.LOCKED if now <= view.deadline:
                raise Waiting(f"order {short(order)} has no key yet", Timestamp(view.deadline + 1))
            case OrderState.LOCKED:
                self._refund(order, head.offer)
            case OrderState.REVEALED:
                self._judge(order, head, view, now)
            case OrderState.RELEASED:
                self._released(order, head)
            case OrderState.REFUNDED:
                self._end_if_final(order, view.state.name, WatchEnding.REFUNDED, self._why_refunded(order))
            case OrderState.CANCELLED:
                self._end_if_final(order, view.state.name, WatchEnding.CANCELLED, "the seller cancelled the offer")

    def _judge(self, order: WatchedOrder, head: WatchHead, view: OrderView, now: Timestamp) -> None:
        """Check a delivery whose key is public, and dispute it if a chunk is wrong."""
        key = self._key(head)
        wrong = self._verdict(order, key)
        if wrong is None:
            self._end_if_final(order, "good", WatchEnding.GOOD, _good(head))
        elif now > view.deadline:
            self._end_if_final(order, "past dispute", WatchEnding.MISSED, _missed(wrong))
        else:
            half = view.deadline - head.offer.dispute_window // 2
            if now > half and self.journal.note(WATCH_LATE.of(order), str(now - half)):
                self.tell("warning", f"disputes order {short(order)} {now - half} s after the first half of its window")
            self._dispute(order, head.offer, key, wrong, view.deadline)

    def _released(self, order: WatchedOrder, head: WatchHead) -> None:
        wrong = self._verdict(order, self._key(head))
        if wrong is None:
            self._end_if_final(order, "good", WatchEnding.GOOD, _good(head))
        else:
            self._end_if_final(order, "released", WatchEnding.MISSED, _missed(wrong))

    def _key(self, head: WatchHead) -> DeliveryKey:
        key = self.exchange.revealed_key(head.order_id)
        if key is not None and key_commitment(key) == head.offer.key_commitment:
            self._keyless.discard(head.order_id)
            return key
        if head.order_id not in self._keyless:
            self._keyless.add(head.order_id)
            raise Waiting("the node does not show the revealed key yet")
        # Whoever waits in silence misses the window.
        raise NodeFailure(
            f"the node does not show the key of order 0x{head.order_id.hex()}, which is revealed",
            expected="the event Revealed with the committed key",
            found="none" if key is None else "another key",
            hint="use a node that keeps logs: `rpc=URL`",
        )

    def _verdict(self, order: WatchedOrder, key: DeliveryKey) -> ChunkIndex | None:
        """The first wrong chunk, found once: only one key fits the commitment."""

        def check() -> bytes:
            fault = find_fault(self._path(order), key)
            return _ALL_GOOD if fault is None else json.dumps(fault.index).encode()

        found = json_value(self.journal.once(WATCH_VERDICT.of(order), check))
        return None if found is None else ChunkIndex(int(found))

    def _dispute(
        self, order: WatchedOrder, offer: Offer, key: DeliveryKey, wrong: ChunkIndex, deadline: Timestamp
    ) -> None:
        def call() -> Call:
            fault = self._proof(order, key, wrong)
            # By the contract's own rule, before it costs gas.
            verify_fault(fault, key, offer.key_commitment, offer.delivery_root, offer.chunk_count, offer.chunk_size)
            return self.exchange.dispute(offer, key, fault.index, fault.ciphertext, fault.leaf, fault.path)

        text = f"proves that chunk {wrong} of order {short(order)} is not the committed one"
        self._send(watch_dispute_call(order), call, text, may_send=lambda: self.exchange.now() <= deadline)

    def _proof(self, order: WatchedOrder, key: DeliveryKey, wrong: ChunkIndex) -> Fault:
        fault = find_fault(self._path(order), key, wrong)
        if fault is None:
            raise JournalDamaged(f"{self._path(order)} lacks a chunk that was there", expected=f"chunk {wrong}")
        return fault

    def _refund(self, order: WatchedOrder, offer: Offer) -> None:
        text = f"takes price and bond of order {short(order)} back: no key came"
        self._send(watch_refund_call(order), lambda: self.exchange.refund(offer), text)

    def _send(
        self, step: CallName, call: Callable[[], Call], text: str, *, may_send: Callable[[], bool] = lambda: True
    ) -> None:
        try:
            self.wallet.execute(step, call, text, may_send=may_send)
        except ContractReverted as error:
            # The buyer itself, or anybody, may have been quicker.
            raise Waiting(f"the contract refuses the {step_text(step)}: {error}") from error
        raise Waiting("the end of the order is not final yet")

    def _why_refunded(self, order: WatchedOrder) -> str:
        if self.wallet.executed(watch_dispute_call(order)):
            wrong = json_value(self.journal.get(WATCH_VERDICT.of(order)) or _ALL_GOOD)
            return f"chunk {wrong} is not the committed one; this watcher proved it"
        if self.wallet.executed(watch_refund_call(order)):
            return "no key came in time; this watcher sent the refund"
        return "somebody else sent the dispute or the refund"

    def _end_if_final(self, order: WatchedOrder, seen: str, ending: WatchEnding, reason: str) -> None:
        """Note an end once the chain has said so for long enough. Raises Waiting before that."""
        if not self._finality.holds(f"order:{order}", seen):
            raise Waiting("the end of the order is not final yet")
        offer = self._open[order].offer
        end = {"buyer": offer.buyer, "ending": ending, "reason": reason, "price": amount_text(offer.price)}
        self.journal.note(WATCH_END.of(order), json.dumps(end))
        del self._open[order]
        self._path(order).unlink(missing_ok=True)
        self.tell("end", f"order {short(order)} {ending}: {reason}")

    def _path(self, order: WatchedOrder) -> Path:
        return self._packages / f"{order}{SUFFIX}"


def _good(head: WatchHead) -> str:
    return f"all {head.offer.chunk_count} chunks are the committed ones; scores were not checked"


def _missed(wrong: ChunkIndex) -> str:
    return f"chunk {wrong} is not the committed one, and nobody proved it in time"
