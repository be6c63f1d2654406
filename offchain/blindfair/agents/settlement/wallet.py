"""An agent's account on chain: every transaction is journalled before it is broadcast, and made anew only when the
first can never be included, so that nobody pays twice."""

import itertools
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from eth_account.signers.local import LocalAccount

from blindfair.agents.context import Tell
from blindfair.agents.settlement.gas_share import GasShare
from blindfair.agents.settlement.token_amounts import amount_text
from blindfair.agents.store.journal import Journal
from blindfair.agents.store.steps import (
    EXPOSED,
    RECEIPT,
    SIGNED,
    CallName,
    TransactionName,
    approve_call,
    attempt_of,
    call_of,
    is_sent_again,
    prices_of,
    repriced,
    step_text,
)
from blindfair.agents.waiting import Waiting
from blindfair.chain.exchange import Call, DataExchange, Finality
from blindfair.chain.sender import FEE_CEILING, PreparedTransaction, Receipt, Sender
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import (
    BlindfairError,
    ContractReverted,
    GasCeilingReached,
    InsufficientFunds,
    JournalDamaged,
    NodeFailure,
    TransactionUncertain,
)
from blindfair.protocol.quantities import ETHER, Address, Gas, TransactionHash, Wei

_ATTEMPTS = 8


class Wallet:
    """Sends the transactions of one account, each step's once."""

    def __init__(
        self,
        journal: Journal,
        exchange: DataExchange,
        account: LocalAccount,
        finality: Finality,
        tell: Tell,
        *,
        gas_ceiling: Wei | None = None,
        gas_share: GasShare | None = None,
        max_gas_price: Wei = FEE_CEILING,
    ) -> None:
        """`gas_ceiling` is the most that the gas of all transactions in the journal may cost together, `gas_share` that
        of some of them, `max_gas_price` the most that is offered for a unit of it."""
        self._journal = journal
        self._gas_ceiling = gas_ceiling
        self._gas_share = gas_share
        self._known: dict[TransactionName, PreparedTransaction] = {}
        self._told_lost: set[TransactionName] = set()
        self._exchange = exchange
        self._address = Address(account.address.lower())
        self._sender = Sender(exchange, account, finality=finality, fee_ceiling=max_gas_price)
        self._tell = tell

    def execute(
        self, step: CallName, call: Callable[[], Call], text: str, *, may_send: Callable[[], bool] = lambda: True
    ) -> Receipt:
        """Send a transaction once and give its receipt. Raises Waiting until it is included.

        The signed bytes are journalled before they are broadcast: after a crash the *same* transaction is sent again.
        Where gas became too dear for it, the same call is signed at the same number for more. Another one is signed
        only when the first is gone for good: its number was used by another in a final block, or it was included and
        failed. `may_send` is asked again right before every broadcast.
        Raises ContractReverted, InsufficientFunds and GasCeilingReached before anything is sent, NodeFailure, and
        TransactionUncertain when other programs keep using the account's numbers.
        """
        for attempt in range(_ATTEMPTS):
            name = attempt_of(step, attempt)
            # From here on the node knows the call: it is asked to try it out before it is signed.
            self._journal.note(EXPOSED.of(step), "a node may have seen what is in it")
            self._journal.once(
                SIGNED.of(name),
                partial(self._made, name, call),
                intent=text,
            )
            receipt = self._carried(step, name, may_send)
            if receipt is not None:
                if self._note(step, receipt):
                    self._tell(step, text, gas=receipt.gas_used)
                return receipt
        raise TransactionUncertain(
            f"The account's number was used by other transactions each time that the {step_text(step)} was tried",
            expected="one program per account",
            found=f"{_ATTEMPTS} conflicts",
            hint="do not use this agent's account in another wallet",
        )

    def _made(self, name: TransactionName, call: Callable[[], Call]) -> bytes:
        """The signed bytes of a first attempt, or of one more. Raises as `execute` does before anything is sent."""
        number, on_its_way = self._next_number()
        prepared = self._sender.prepare(call(), number, self._signed(), on_its_way=on_its_way)
        return self._allowed(name, prepared).to_bytes()

    def _carried(self, step: CallName, name: TransactionName, may_send: Callable[[], bool]) -> Receipt | None:
        """The receipt of a transaction at any of its prices, sent now if it has to be; None if it is gone for good.

        Raises Waiting.
        """
        versions = self._versions(name)
        try:
            receipt = self._included(versions)
            if receipt is not None:
                return receipt
            if not may_send():
                raise Waiting(f"it is no longer safe to send the transaction of the {step_text(step)}")
            trouble = self._raise_the_price(name, versions)
            self._broadcast(step, versions[-1])
            receipt = self._included(versions)
        except ContractReverted:
            # If the contract would refuse the call again, preparing it anew says so by name and signs nothing.
            return None
        except TransactionUncertain:
            # What used the number may be an earlier version, which a node that is behind does not show yet.
            if any(self._sender.is_known(version) for version in versions):
                raise Waiting(
                    f"an earlier transaction of the {step_text(step)} is in a block that the node does not show"
                ) from None
            return None
        if receipt is None:
            raise trouble or Waiting(f"the transaction of the {step_text(step)} is not included yet")
        return receipt

    def _included(self, versions: Sequence[PreparedTransaction]) -> Receipt | None:
        return next(filter(None, (self._sender.receipt(version.hash) for version in versions)), None)

    def _raise_the_price(self, name: TransactionName, versions: list[PreparedTransaction]) -> BlindfairError | None:
        """Add a dearer version where gas became dearer; what stood in the way, if anything did.

        The version that is there is sent again all the same: gas may become cheaper.
        """
        try:
            dearer = self._sender.dearer(versions[-1])
            if dearer is not None:
                self._allowed(name, dearer)
        except (NodeFailure, InsufficientFunds) as trouble:
            return trouble
        if dearer is not None:
            again = repriced(name, len(versions))
            self._journal.once(SIGNED.of(again), dearer.to_bytes, intent="the same for more gas money")
            versions.append(self._prepared(again))
        return None

    def _versions(self, name: TransactionName) -> list[PreparedTransaction]:
        """The first transaction of this name and those that were signed in its place when gas became dearer."""
        again = sum(1 for _ in self._journal.done(SIGNED, prices_of(name)))
        return [self._prepared(name), *(self._prepared(repriced(name, number)) for number in range(1, again + 1))]

    def _next_number(self) -> tuple[int, Wei]:
        """The first number that no transaction at the node has, and what those that wait there cost at most.

        Those that it does not have keep no number, be there later ones or not: these, and the next one, would wait for
        ever behind one that is never sent.
        """
        used = self._sender.used_numbers()
        signed = [
            self._prepared(name)
            for name, _ in self._journal.done(SIGNED)
            if self._prepared(name).nonce >= used and self.exposed(call_of(name))
        ]
        taken: dict[int, Wei] = {}
        for prepared in signed:
            if self._sender.is_known(prepared):
                # Of several prices of one number at most one is ever included.
                taken[prepared.nonce] = max(taken.get(prepared.nonce, Wei(0)), prepared.max_cost)
        return next(number for number in itertools.count(used) if number not in taken), Wei(sum(taken.values()))

    def _signed(self) -> set[TransactionHash]:
        """Every transaction that was signed, for any step."""
        return {self._prepared(name).hash for name, _ in self._journal.done(SIGNED)}

    def _broadcast(self, step: CallName, prepared: PreparedTransaction) -> None:
        try:
            self._sender.broadcast(prepared.raw)
        except ContractReverted as error:
            # The node tried the call out and would not take it. Another node may have it all the same, so that it is
            # not gone for good.
            raise Waiting(f"the node does not take the transaction of the {step_text(step)}: {error}") from error

    def approve(self, step: CallName, token: Address, amount: Wei) -> None:
        """Let the contract take `amount` of a token for the step that follows; nothing to do for ether.

        Raises what `execute` raises, and TransactionUncertain for a token whose approvals do not hold.
        """
        if token == ETHER:
            return
        for attempt in range(_ATTEMPTS):
            if self._exchange.allowance(self._address, token) >= amount:
                return
            # A step of its own each time: an order in between may have used up an allowance that was there.
            self.execute(
                approve_call(step, attempt),
                lambda: self._exchange.approve(token, amount),
                f"lets the contract take {self.amount_text(amount, token)}",
            )
        raise TransactionUncertain("A token does not keep what was approved", expected=amount, found=token)

    def check_funds(self, token: Address, amount: Wei, what: str) -> None:
        """Raises InsufficientFunds if the account has less than `amount` of `token`; gas is not counted."""
        balance = self._exchange.balance(self._address, token)
        if balance < amount:
            raise InsufficientFunds(
                f"{self._address} cannot pay {what}",
                expected=self.amount_text(amount, token),
                found=self.amount_text(balance, token),
                hint=f"send at least {self.amount_text(Wei(amount - balance), token)} to it; nothing was sent",
            )

    def amount_text(self, amount: Wei, token: Address) -> str:
        """An amount for people, as the token counts itself."""
        return amount_text(self._exchange, amount, token)

    def check_means(self, token: Address, amount: Wei, reserve: Wei, what: str) -> None:
        """`check_funds`, with `reserve` wei for the gas of what comes after it kept out of it."""
        if token == ETHER:
            self.check_funds(ETHER, Wei(amount + reserve), f"{what}, and the gas of what comes after it")
        else:
            self.check_funds(token, amount, what)
            self.check_funds(ETHER, reserve, f"the gas of what comes after {what}")

    def cost_of(self, gas: Gas) -> Wei:
        """What so much gas costs at most while its price has no more than doubled. Raises NodeFailure."""
        return Wei(gas * 2 * self._sender.gas_price())

    def check_gas_price(self, what: str) -> None:
        """Raises GasPriceTooHigh where a unit of gas costs more now than may be offered, and NodeFailure."""
        self._sender.check_price(what)

    def begun(self, step: CallName) -> bool:
        """Whether a transaction of `step` was signed; it may have been sent."""
        return self._journal.get(SIGNED.of(attempt_of(step, 0))) is not None

    def exposed(self, step: CallName) -> bool:
        """Whether the call of `step` may have been seen by a node, be it that it was only tried out."""
        return self._journal.intent(EXPOSED.of(step)) is not None

    def numbers(self) -> set[int]:
        """The account's numbers of all transactions that were signed."""
        return {self._prepared(name).nonce for name, _ in self._journal.done(SIGNED)}

    def executed(self, step: CallName) -> bool:
        """Whether a transaction of `step` was seen in a block."""
        return self._journal.intent(RECEIPT.of(step)) is not None

    def is_taken_back(self, step: CallName) -> bool:
        """Whether a transaction of `step` was in a block, is in none because a reorganisation took it back, and may be
        in one again: no other has its number. Raises NodeFailure."""
        if not self.executed(step):
            return False
        signed = [self._prepared(name) for name, _ in self._journal.done(SIGNED, step) if call_of(name) == step]
        for prepared in signed:
            # An attempt that failed in its block is not the one that was seen.
            with suppress(ContractReverted):
                if self._sender.receipt(prepared.hash) is not None:
                    return False
        used = self._sender.used_numbers()
        return any(prepared.nonce >= used for prepared in signed)

    def note_receipts(self) -> None:
        """Note what is in a block by now, and send again what a reorganisation took out of one.

        A process may have died between a transaction and its receipt; the chain still knows.
        """
        executed: dict[CallName, TransactionName] = {}
        for name, _ in self._journal.done(SIGNED):
            step = call_of(name)
            if self.executed(step):
                if "+" not in name:
                    # The last attempt is the one that succeeded: those before it failed, and are not to succeed now.
                    executed[step] = name
                continue
            try:
                receipt = self._sender.receipt(self._prepared(name).hash)
            except (ContractReverted, NodeFailure):
                # A node that fails is told of by the step that needs it, and holds up no other.
                continue
            if receipt is not None:
                self._note(step, receipt)
        # A node that fails is told of by the step that needs it.
        with suppress(NodeFailure):
            self._send_what_was_lost([*executed.values()])

    def _send_what_was_lost(self, executed: Sequence[TransactionName]) -> None:
        """Send again what was in a block and is in none any more, unless the state of an order decides about it.

        The account's number says so: nobody else could have given it back. Each loss is told once. Raises NodeFailure.
        """
        if not executed:
            return
        used = self._sender.used_numbers()
        lost = [name for name in executed if self._prepared(name).nonce >= used and is_sent_again(call_of(name))]
        self._told_lost.intersection_update(lost)
        for name in sorted(lost, key=lambda name: self._prepared(name).nonce):
            versions = self._versions(name)
            if any(self._sender.is_known(version) for version in versions):
                continue
            if name not in self._told_lost:
                self._told_lost.add(name)
                self._tell("warning", f"a reorganisation took the {step_text(call_of(name))} out of its block")
            with suppress(BlindfairError):
                # What it relies on may be lost too, and come back first.
                self._sender.check(versions[-1])
                self._raise_the_price(name, versions)
                self._sender.broadcast(versions[-1].raw)

    def _note(self, step: CallName, receipt: Receipt) -> bool:
        return self._journal.note(RECEIPT.of(step), json.dumps({"gas": receipt.gas_used, "fee": receipt.fee}))

    def _prepared(self, name: TransactionName) -> PreparedTransaction:
        known = self._known.get(name)
        if known is not None:
            return known
        raw = self._journal.get(SIGNED.of(name))
        if raw is None:
            raise JournalDamaged("The journal lacks a transaction", expected=name)
        return self._known.setdefault(name, PreparedTransaction.from_bytes(raw))

    def gas_costs(
        self, *, but: TransactionName | None = None, counts: Callable[[CallName], bool] = lambda _: True
    ) -> Wei:
        """The most that the gas of all transactions so far can have cost: the fee of one that is in a block, else the
        highest price that was signed.

        One that failed counts as if it were still on its way. `but` is an attempt that is left out, `counts` says which
        calls are not.
        """
        fees = {call: int(json_value(intent)["fee"]) for call, intent in self._journal.done(RECEIPT)}
        costs: dict[CallName, dict[str, int]] = {}
        for name, _ in self._journal.done(SIGNED):
            attempts, attempt = costs.setdefault(call_of(name), {}), name.partition("+")[0]
            # Of several prices of one attempt at most one is ever included.
            attempts[attempt] = max(attempts.pop(attempt, 0), self._gas_cost(self._prepared(name)))
        total = 0
        for call, attempts in costs.items():
            if not counts(call):
                continue
            if call in fees:
                # The last attempt is the one that succeeded; those before it may have failed at full cost.
                attempts[next(reversed(attempts))] = fees[call]
            total += sum(cost for attempt, cost in attempts.items() if attempt != but)
        return Wei(total)

    def _allowed(self, name: TransactionName, prepared: PreparedTransaction) -> PreparedTransaction:
        """`prepared`, an attempt `name` at any of its prices. Raises GasCeilingReached, and nothing is signed then."""
        if self._gas_ceiling is not None:
            self._check_ceiling(name, prepared, self._gas_ceiling, lambda _: True, "in all", "gas_ceiling")
        if (share := self._gas_share) is not None:
            call = call_of(name)
            whose = f"for the orders of {share.account_of(call)}"
            self._check_ceiling(name, prepared, share.most, share.of_same(call), whose, "account_gas")
        return prepared

    def _check_ceiling(
        self,
        name: TransactionName,
        prepared: PreparedTransaction,
        most: Wei,
        counts: Callable[[CallName], bool],
        whose: str,
        option: str,
    ) -> None:
        before = self.gas_costs(but=name, counts=counts)
        if before + self._gas_cost(prepared) > most:
            raise GasCeilingReached(
                f"The gas of the {step_text(call_of(name))} would go beyond the ceiling",
                expected=f"at most {most} wei {whose}",
                found=f"{before} wei before, and up to {self._gas_cost(prepared)} wei for this one",
                hint=f"raise the ceiling with `{option}=ETHER`; nothing was sent",
            )

    @staticmethod
    def _gas_cost(prepared: PreparedTransaction) -> Wei:
        return Wei(prepared.max_cost - prepared.value)

    def receipts(self) -> dict[str, dict[str, int]]:
        """Gas and fee in wei of every transaction that succeeded, by step."""
        return {step: json_value(intent) for step, intent in self._journal.done(RECEIPT)}

    def hashes(self) -> dict[str, str]:
        """Hash of every transaction that was signed, by step."""
        return {name: "0x" + self._prepared(name).hash.hex() for name, _ in self._journal.done(SIGNED)}
