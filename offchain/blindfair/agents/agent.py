"""What seller and buyer have in common: an identity, a directory, a journal, messages and transactions sent once."""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from eth_account import Account

from blindfair.agents.journal import Journal
from blindfair.agents.store import DirectoryLock, SecretStore
from blindfair.agents.transport import Transport
from blindfair.chain.exchange import Call, DataExchange, Finality
from blindfair.chain.sender import PreparedTransaction, Receipt, Sender
from blindfair.protocol.errors import BadSignature, BlindfairError, ContractReverted, TransactionUncertain
from blindfair.protocol.messages import Envelope, Message, read, sign
from blindfair.protocol.quantities import ETHER, Address, Timestamp, Wei
from blindfair.protocol.sealing import SealingKeyPair, new_sealing_keypair
from blindfair.protocol.signing import Domain

_ATTEMPTS = 8


class Waiting(Exception):
    """Not an error: nothing to do before something happens outside.

    `until` is the chain time at which the clock alone changes things, None where only the other side can.
    """

    def __init__(self, reason: str, until: Timestamp | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.until = until


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that an agent did, for people and reports. `gas` and `size` are counted, None where there is none."""

    who: str
    step: str
    text: str
    gas: int | None = None
    size: int | None = None


def _silence(_: Event) -> None: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All that an agent needs from outside: the contract and its chain, a mailbox, what is final, who watches."""

    exchange: DataExchange
    transport: Callable[[Address], Transport]
    finality: Finality
    watch: Callable[[Event], None] = field(default=_silence)


class Agent:
    """One party in its own directory: `secrets/` (0600), `journal.sqlite`, and a lock.

    `step` does all that can be done now and returns; it is safe to kill the process anywhere and call it again.
    """

    role = "agent"

    def __init__(self, directory: Path, surroundings: Surroundings) -> None:
        self._lock = DirectoryLock(directory)
        self.directory = directory
        self.secrets = SecretStore(directory / "secrets")
        self.journal = Journal(directory / "journal.sqlite")
        account = Account.from_key(self.secrets.once("account", lambda: bytes(Account.create().key)))
        self.private_key = bytes(account.key)
        self.address = Address(account.address.lower())
        self.exchange = surroundings.exchange
        self.domain = Domain(self.exchange.chain_id, self.exchange.address)
        self._sender = Sender(self.exchange, account, finality=surroundings.finality)
        self.transport = surroundings.transport(self.address)
        self.finality = surroundings.finality
        self._watch = surroundings.watch
        self.waiting: Waiting | None = None

    def close(self) -> None:
        """Let go of journal and directory."""
        self.journal.close()
        self._lock.release()

    def step(self) -> bool:
        """Do what can be done now; says whether anything was. Raises what makes going on impossible."""
        before = self.journal.entries
        self.waiting = None
        self._note_receipts()
        try:
            self._advance()
        except Waiting as waiting:
            self.waiting = waiting
        return self.journal.entries > before

    def _advance(self) -> None:
        raise NotImplementedError

    # --- keys ------------------------------------------------------------------------------------------------------

    def sealing_keys(self) -> SealingKeyPair:
        def make() -> bytes:
            pair = new_sealing_keypair()
            return pair.private + pair.public

        both = self.secrets.once("hpke", make)
        return SealingKeyPair(both[:32], both[32:])

    # --- messages --------------------------------------------------------------------------------------------------

    def send(self, step: str, to: Address, make: Callable[[], Message]) -> Envelope:
        """Make, sign, journal and send a message once; the same bytes go again if it is not known to have gone."""
        return self.post(step, to, lambda: self.sign(make()).to_bytes())

    def post(self, step: str, to: Address, make: Callable[[], bytes]) -> Envelope:
        """`send` for a message that is signed already."""
        data = self.journal.once(f"message:{step}", make, intent=f"to {to}")
        envelope, message = read(data, domain=self.domain)
        if self.journal.get(f"sent:{step}") is None:
            self.transport.send(to, data)
            self.journal.note(f"sent:{step}", str(len(data)))
            self.tell(step, f"sends the {message.TYPE}", size=len(data))
        return envelope

    def sign(self, message: Message) -> Envelope:
        return sign(message, sender=self.address, domain=self.domain, private_key=self.private_key)

    def inbox(self) -> Iterator[tuple[str, Envelope, Message]]:
        """Every pending message that is one; what is not is refused with a named error, journalled, and put away."""
        for handle, data in self.transport.pending():
            try:
                envelope, message = read(data, domain=self.domain)
                if envelope.sender == self.address:
                    raise BadSignature("The message is one of our own", found=envelope.sender)
            except BlindfairError as error:
                self.refuse(handle, error)
                continue
            yield handle, envelope, message

    def refuse(self, handle: str, error: BlindfairError) -> None:
        if self.journal.note(f"refused:{handle}", json.dumps({"error": error.name, "text": str(error)})):
            self.tell("refuse", f"refuses a message: {error.name}: {error}")
        self.transport.done(handle)

    def refusals(self) -> tuple[dict[str, str], ...]:
        """Every message that was refused: the error's name and text."""
        return tuple(
            json.loads(self.journal.intent(f"refused:{handle}") or "{}") for handle, _ in self.journal.done("refused:")
        )

    # --- transactions ----------------------------------------------------------------------------------------------

    def execute(
        self, step: str, call: Callable[[], Call], text: str, *, may_send: Callable[[], bool] = lambda: True
    ) -> Receipt:
        """Send a transaction once and give its receipt. Raises Waiting until it is included.

        The signed bytes are journalled before they are broadcast: after a crash the *same* transaction is sent again.
        Another one is signed only when the account has used the number of the first for something else, so that the
        first can never be included: nobody pays twice. `may_send` is asked again right before every broadcast.
        Raises ContractReverted and InsufficientFunds before anything is sent.
        """
        for attempt in range(_ATTEMPTS):
            name = f"{step}.{attempt}" if attempt else step
            raw = self.journal.once(f"transaction:{name}", lambda: self._sender.prepare(call()).to_bytes(), intent=text)
            prepared = PreparedTransaction.from_bytes(raw)
            try:
                receipt = self._sender.receipt(prepared.hash)
                if receipt is None:
                    if not may_send():
                        raise Waiting(f"it is no longer safe to send {step}")
                    self._sender.broadcast(prepared.raw)
                    receipt = self._sender.receipt(prepared.hash)
            except (TransactionUncertain, ContractReverted):
                # Gone for good: its number went to another, or it was included and failed. If the contract would
                # refuse the call again, preparing it anew says so by name and signs nothing.
                continue
            if receipt is None:
                raise Waiting(f"the transaction {step} is not included yet")
            if self.journal.note(f"receipt:{step}", json.dumps({"gas": receipt.gas_used, "fee": receipt.fee})):
                self.tell(step, text, gas=receipt.gas_used)
            return receipt
        raise TransactionUncertain(
            f"The account's number was used by other transactions each time that {step} was tried",
            expected="one program per account",
            found=f"{_ATTEMPTS} conflicts",
            hint="do not use this agent's account in another wallet",
        )

    def approve(self, step: str, token: Address, amount: Wei) -> None:
        """Let the contract take `amount` of a token for the step that follows; nothing to do for ether."""
        if token == ETHER or self.exchange.allowance(self.address, token) >= amount:
            return
        self.execute(
            f"approve-{step}", lambda: self.exchange.approve(token, amount), f"lets the contract take {amount} units"
        )

    def _note_receipts(self) -> None:
        """A process may have died between a transaction and its receipt; the chain still knows."""
        for name, raw in self.journal.done("transaction:"):
            step = name.partition(".")[0]
            if self.journal.get(f"receipt:{step}") is None:
                with contextlib.suppress(ContractReverted):
                    receipt = self._sender.receipt(PreparedTransaction.from_bytes(raw).hash)
                    if receipt is None:
                        continue
                    self.journal.note(f"receipt:{step}", json.dumps({"gas": receipt.gas_used, "fee": receipt.fee}))

    def receipts(self) -> dict[str, dict[str, int]]:
        """Gas and fee in wei of every transaction of this agent, by step."""
        return {
            step: json.loads(self.journal.intent(f"receipt:{step}") or "{}")
            for step, _ in self.journal.done("receipt:")
        }

    def transactions(self) -> dict[str, str]:
        """Hash of every transaction that this agent sent, by step."""
        return {
            step: "0x" + PreparedTransaction.from_bytes(raw).hash.hex()
            for step, raw in self.journal.done("transaction:")
        }

    def sizes(self) -> dict[str, int]:
        """Bytes of every message that this agent sent, by step."""
        return {step: int(self.journal.intent(f"sent:{step}") or 0) for step, _ in self.journal.done("sent:")}

    def tell(self, step: str, text: str, *, gas: int | None = None, size: int | None = None) -> None:
        self._watch(Event(self.role, step, text, gas, size))
