"""An Ethereum chain inside this process, for trying and testing: no node, no network, no money.

Its time is its own and moves only when asked. With a log it survives any end of the process: what was acknowledged
comes back by replay, with the same blocks, transaction hashes, times and balances.
"""

import contextlib
import threading
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import Web3

from blindfair.chain.embedded_backend import BLOCK_TIME, Backend, Rejected
from blindfair.chain.embedded_log import EmbeddedLog, Entry
from blindfair.chain.embedded_provider import Provider
from blindfair.protocol.errors import InsufficientFunds, InvalidOption
from blindfair.protocol.hashing import keccak256, u64
from blindfair.protocol.quantities import Address, Seconds, Timestamp, Wei

EMBEDDED_CHAIN_ID = 131277322940537
"""eth-tester's own; no public chain has it, so nothing signed here is of use anywhere else."""

GENESIS_TIME = Timestamp(1_767_225_600)
"""2026-01-01 00:00:00 UTC: where the time of a new chain begins unless told otherwise."""

# Its key is public on purpose: nothing here has worth.
_FAUCET: LocalAccount = Account.from_key(keccak256(b"blindfair embedded faucet"))
_SUPPLY = Wei(10**9 * 10**18)
_TRANSFER_GAS = 21_000

_GENESIS, _TRANSACTION, _BLOCKS = "genesis", "transaction", "blocks"


class EmbeddedChain:
    """A chain of one process. `web3` is used as with any node; time is moved by `advance` and `mine`."""

    def __init__(self, log: Path | None = None, *, now: Timestamp | None = None) -> None:
        """Begin a chain, or replay the one in `log`.

        `now` is the time of the first block of a *new* chain; a chain that has a log keeps its own time.
        Raises JournalVersion, JournalDamaged, StoreInUse or StateError if the log cannot be used.
        """
        self._lock = threading.RLock()
        self._log = None if log is None else EmbeddedLog(log)
        try:
            self._backend = self._begun(now) if self._log is None else self._replayed(self._log, now)
        except Exception:
            self.close()
            raise
        self.web3 = Web3(Provider(self._backend, self._submit, self._lock))

    def _begun(self, now: Timestamp | None) -> Backend:
        faucet = bytes.fromhex(_FAUCET.address.removeprefix("0x"))
        return Backend(GENESIS_TIME if now is None else now, faucet, _SUPPLY)

    def _replayed(self, log: EmbeddedLog, now: Timestamp | None) -> Backend:
        entries = log.entries()
        genesis = next(entries, None)
        if genesis is None:
            backend = self._begun(now)
            log.append(Entry(_GENESIS, u64(backend.latest().header.timestamp), bytes(backend.latest().hash)))
            return backend
        backend = self._begun(Timestamp(int.from_bytes(genesis.payload, "big")))
        if genesis.kind != _GENESIS or genesis.parent != backend.latest().hash:
            raise log.damaged("this program begins its chain with another block")
        for entry in entries:
            if entry.parent != backend.latest().hash:
                raise log.damaged("its transactions do not lead to the blocks that they once led to")
            if entry.kind == _TRANSACTION:
                # What was rejected then is rejected now: the transaction is the same, and so is the block.
                with contextlib.suppress(Rejected):
                    backend.include(backend.decode(entry.payload))
            elif entry.kind == _BLOCKS:
                count, step = entry.payload[:8], entry.payload[8:]
                backend.mine(int.from_bytes(count, "big"), Seconds(int.from_bytes(step, "big")))
            else:
                raise log.damaged(f"it holds an entry of the unknown kind {entry.kind!r}")
        return backend

    def _write(self, kind: str, payload: bytes) -> None:
        if self._log is not None:
            self._log.append(Entry(kind, payload, bytes(self._backend.latest().hash)))

    def _submit(self, raw: bytes) -> bytes:
        """Write down and execute a signed transaction; its hash. Raises Rejected."""
        transaction = self._backend.decode(raw)
        self._write(_TRANSACTION, raw)
        self._backend.include(transaction)
        return bytes(transaction.hash)

    def now(self) -> Timestamp:
        """The time of the latest block."""
        with self._lock:
            return Timestamp(self._backend.latest().header.timestamp)

    def advance(self, duration: Seconds) -> None:
        """Let time pass: one empty block, `duration` after the latest. Raises InvalidOption below 1 second."""
        self._mine(1, duration)

    def mine(self, blocks: int) -> None:
        """Make empty blocks at the default distance. Raises InvalidOption below 1 block."""
        self._mine(blocks, BLOCK_TIME)

    def _mine(self, blocks: int, step: Seconds) -> None:
        if blocks < 1 or step < 1:
            raise InvalidOption("time only moves forward", expected="at least 1", found=min(blocks, step))
        with self._lock:
            self._write(_BLOCKS, u64(blocks) + u64(step))
            self._backend.mine(blocks, step)

    def fund(self, address: Address, amount: Wei) -> None:
        """Give an account ether out of nowhere. Raises InsufficientFunds beyond the billion that there is."""
        with self._lock:
            signed = _FAUCET.sign_transaction(
                {
                    "type": 2,
                    "chainId": EMBEDDED_CHAIN_ID,
                    "nonce": self.web3.eth.get_transaction_count(_FAUCET.address),
                    "to": Web3.to_checksum_address(address),
                    "value": amount,
                    "gas": _TRANSFER_GAS,
                    "maxFeePerGas": self._backend.base_fee() + 1,
                    "maxPriorityFeePerGas": 1,
                }
            )
            try:
                self._submit(bytes(signed.raw_transaction))
            except Rejected as rejection:
                raise InsufficientFunds(
                    "the faucet cannot give that much", expected=amount, found=str(rejection), hint="ask for less"
                ) from rejection

    def close(self) -> None:
        """Let go of the log, if any; the chain is not used afterwards."""
        if self._log is not None:
            self._log.close()
