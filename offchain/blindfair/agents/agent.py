"""What seller and buyer have in common: a directory, an identity, a journal, correspondence and an account."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from blindfair.agents.context import AgentContext, Event
from blindfair.agents.messaging.mail import Mail
from blindfair.agents.settlement.copy_guard import CopyGuard
from blindfair.agents.settlement.finality_tracker import FinalityTracker
from blindfair.agents.settlement.wallet import Wallet
from blindfair.agents.store.directory import DirectoryLock, SecretStore
from blindfair.agents.store.journal import Journal
from blindfair.agents.store.steps import ACCOUNT, TRADE
from blindfair.agents.waiting import Waiting
from blindfair.protocol.errors import JournalDamaged
from blindfair.protocol.quantities import Address, Digest, Signature
from blindfair.protocol.sealing import SealingKeyPair, new_sealing_keypair
from blindfair.protocol.signing import Domain, sign_message


class Agent:
    """One party in its own directory: `secrets/` (0600), `journal.sqlite`, and a lock.

    `step` does all that can be done now and returns; it is safe to kill the process anywhere and call it again.
    """

    role = "agent"

    def __init__(self, directory: Path, context: AgentContext) -> None:
        """Raises StoreInUse, InsecureStore, JournalVersion, JournalDamaged (also for the directory of another account),
        NodeFailure, and StateError in a new directory whose mail does not work; holds nothing then."""
        with contextlib.ExitStack() as held:
            held.callback(DirectoryLock(directory).release)
            self.directory = directory
            self.secrets = SecretStore(directory / "secrets")
            self.journal = Journal(directory / "journal.sqlite")
            held.callback(self.journal.close)
            account = context.account or self._own_account()
            self.private_key = bytes(account.key)
            self.address = Address(account.address.lower())
            self._check_account()
            self.exchange = context.exchange
            self.domain = Domain(self.exchange.chain_id, self.exchange.address)
            self.finality = context.finality
            self.finality_tracker = FinalityTracker(self.exchange, self.finality)
            self._watch = context.watch
            transport = context.transport(self.address, self._sign)
            transport.hold(f"{self.role} in {directory.absolute()}, process {os.getpid()}")
            held.callback(transport.release)
            keys, admit = self.sealing_keys(), self._check_sealed_message
            self.mail = Mail(self.journal, transport, self.domain, self.private_key, keys, self.tell, admit)
            self.wallet = Wallet(
                self.journal, self.exchange, account, self.finality, self.tell, max_gas_price=context.max_gas_price
            )
            self.copy_guard = CopyGuard(self.journal, self.exchange, self.wallet, self.address, self.tell)
            self.waiting: Waiting | None = None
            self.is_closed = False
            if self.journal.get(TRADE) is None:
                # Nothing is at stake yet; later on, mail that does not work must not keep an agent from its orders.
                self.mail.check()
            self._held = held.pop_all()

    @contextlib.contextmanager
    def closed_on_failure(self) -> Iterator[None]:
        """Close the agent if the block raises anything, also for an argument of a wrong type.

        A mailbox that stays held is closed to the next try.
        """
        try:
            yield
        except BaseException:
            self.close()
            raise

    @property
    def shown_state(self) -> str:
        """How it stands, in a few words and without looking at disk or chain."""
        if self.is_closed:
            return "closed"
        return "open" if self.waiting is None else f"waiting: {self.waiting.reason}"

    def close(self) -> None:
        """Let go of journal and directory."""
        self.is_closed = True
        self._held.close()

    def _sign(self, kind: Digest, body: Digest) -> Signature:
        return sign_message(self.domain, kind, body, self.private_key)

    def _own_account(self) -> LocalAccount:
        account: LocalAccount = Account.from_key(self.secrets.once("account", lambda: bytes(Account.create().key)))
        return account

    def _check_account(self) -> None:
        # Whatever is in the journal was signed with one key, and means nothing under another.
        found = self.journal.once(ACCOUNT, self.address.encode).decode()
        if found != self.address:
            raise JournalDamaged(
                f"{self.directory} belongs to another account",
                expected=found,
                found=self.address,
                hint="use the keystore with which it was begun, or another directory",
            )

    def belongs_to(self, trade: str) -> None:
        """Bind the directory to what is done in it. Raises JournalDamaged if something else was done in it before."""
        found = self.journal.once(TRADE, trade.encode).decode()
        if found != trade:
            raise JournalDamaged(
                f"{self.directory} belongs to something else",
                expected=trade,
                found=found,
                hint="use a directory of its own for each listing and for each purchase",
            )

    def step(self) -> bool:
        """Do what can be done now; says whether anything was.

        Raises what makes going on impossible, or what the owner must see to; it may be called again all the same.
        """
        before = self.journal.writes
        self.waiting = None
        self.wallet.note_receipts()
        try:
            self._advance()
        except Waiting as waiting:
            self.waiting = waiting
        return self.journal.writes > before

    def _advance(self) -> None:
        raise NotImplementedError

    def _check_sealed_message(self, sender: Address | None, size: int) -> None:
        """Refuse a message that is not to be read, as `mail.AdmissionCheck` says."""
        raise NotImplementedError

    def sealing_keys(self) -> SealingKeyPair:
        """The X25519 pair that deliveries and messages are sealed to."""

        def make() -> bytes:
            pair = new_sealing_keypair()
            return pair.private + pair.public

        both = self.secrets.once("hpke", make)
        return SealingKeyPair(both[:32], both[32:])

    def tell(self, step: str, text: str, *, gas: int | None = None, size: int | None = None) -> None:
        """Tell those who watch."""
        self._watch(Event(self.role, step, text, gas, size))

    # --- for reports -----------------------------------------------------------------------------------------------

    def refusals(self) -> tuple[dict[str, str], ...]:
        """Every message that was refused: the error's name and text."""
        return self.mail.refusals()

    def sizes(self) -> dict[str, int]:
        """Bytes of every message that this agent sent, by step."""
        return self.mail.sizes()

    def receipts(self) -> dict[str, dict[str, int]]:
        """Gas and fee in wei of every transaction of this agent that succeeded, by step."""
        return self.wallet.receipts()

    def transactions(self) -> dict[str, str]:
        """Hash of every transaction that this agent signed, by step."""
        return self.wallet.hashes()
