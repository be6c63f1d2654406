"""Signing and sending the transactions of one account, so that no crash and no lost answer makes anybody pay twice.

A transaction is signed once, by `prepare`. Its caller writes the bytes down, and from then on only those bytes are
sent, as often as it takes: the account's number inside them lets the chain include them once. Where gas has become too
dear for them, `dearer` signs the same call at the same number. `prepare` is called anew only when `broadcast` has said
that the number went to another transaction for good.
"""

import time
from collections.abc import Collection
from decimal import Decimal
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes
from web3 import Web3

from blindfair.chain.accounts import ether_of, transactions_of
from blindfair.chain.calls import Call
from blindfair.chain.exchange import DataExchange
from blindfair.chain.fees import fees
from blindfair.chain.finality import Finality, final_height
from blindfair.chain.node import asking, number_of, request
from blindfair.chain.transactions import PreparedTransaction, Receipt, is_known, read_receipt
from blindfair.protocol.errors import (
    ContractReverted,
    GasPriceTooHigh,
    InsufficientFunds,
    NodeFailure,
    TransactionUncertain,
    WrongContract,
)
from blindfair.protocol.quantities import Address, BlockNumber, Gas, TransactionHash, Wei

__all__ = ["PreparedTransaction", "Receipt", "Sender"]

GWEI = 10**9
"""Wei, in which people count the price of gas."""

FEE_CEILING = Wei(500 * GWEI)
"""The most that is offered for a unit of gas, unless told otherwise: a node that asks for more is not believed."""

MIN_GAS = Gas(21_000)
"""What any transaction takes at least."""

_BY_THE_NODE = Finality()
_NOTHING = Wei(0)


class Sender:
    """One account on one chain. Nothing but this should send with the account's key."""

    def __init__(
        self,
        target: DataExchange | Web3,
        account: LocalAccount,
        *,
        finality: Finality = _BY_THE_NODE,
        fee_ceiling: Wei = FEE_CEILING,
    ) -> None:
        """`finality` says when an account's number counts as used for good. Raises NodeFailure."""
        self.web3 = target.web3 if isinstance(target, DataExchange) else target
        self.address = Address(account.address.lower())
        self._account = account
        self._finality = finality
        self._fee_ceiling = fee_ceiling
        # Asked once: a node that changes its mind must not get a signature for another chain.
        with asking("eth_chainId"):
            self._chain_id = int(self.web3.eth.chain_id)

    # --- before ----------------------------------------------------------------------------------------------------

    def prepare(
        self,
        call: Call,
        min_number: int = 0,
        unlike: Collection[TransactionHash] = (),
        *,
        on_its_way: Wei = _NOTHING,
    ) -> PreparedTransaction:
        """Try a call out and sign it; nothing is sent.

        It gets the account's next number on the chain, and no less than `min_number`: the caller knows best what it
        signed and is not included yet. It differs from the transactions `unlike`: two equal calls at one number would
        else be one transaction, and its receipt would be taken for both. `on_its_way` is what the account's other
        transactions that are in no block yet cost at most; nodes count it together with this one.

        Raises ContractReverted if the contract would refuse it, InsufficientFunds if the account cannot pay for it at
        the price of gas of now, WrongContract if there is no contract to call, NodeFailure, and InvalidOption for a
        chain without a base fee.
        """
        self._check_target(call)
        self._check_funds(call, call.value, on_its_way)
        base, tip = fees(self.web3)
        # Before the call is tried out, which shows a node what is in it: a key is not shown for what cannot be sent.
        prices = self._prices(base, tip, call.name)
        gas_limit = self._gas_limit(call)
        self._check_funds(call, Wei(call.value + gas_limit * prices[0]), on_its_way)
        price = self._payable(prices, Wei(call.value + on_its_way), gas_limit)
        fields = {
            "type": 2,
            "chainId": self._chain_id,
            "nonce": max(self.used_numbers(), min_number),
            "value": call.value,
            "data": call.data,
            "maxFeePerGas": price,
            "maxPriorityFeePerGas": tip,
            "to": b"" if call.to is None else Web3.to_checksum_address(call.to),
        }
        for more in range(len(unlike) + 1):
            prepared = self._signed(fields | {"gas": gas_limit + more})
            if prepared.hash not in unlike:
                break
        return prepared

    def used_numbers(self) -> int:
        """How many transactions of the account are in blocks; the next one's number. Raises NodeFailure."""
        return transactions_of(self.web3, self.address)

    def check(self, prepared: PreparedTransaction) -> None:
        """Try a signed transaction out as the chain is now. Raises ContractReverted, NodeFailure."""
        call = {"from": self.address, "data": Web3.to_hex(prepared.data), "value": hex(prepared.value)}
        if prepared.to is not None:
            call["to"] = prepared.to
        with asking("a transaction that was signed before"):
            request(self.web3, "eth_call", call, "latest")

    def _signed(self, fields: dict[str, Any]) -> PreparedTransaction:
        return PreparedTransaction.from_bytes(bytes(self._account.sign_transaction(fields).raw_transaction))

    def _check_target(self, call: Call) -> None:
        # The chain takes a call of nothing and keeps its ether.
        if call.to is None or not call.data:
            return
        with asking("eth_getCode"):
            code = self.web3.eth.get_code(Web3.to_checksum_address(call.to))
        if not code:
            raise WrongContract(
                f"there is no contract that could take {call.name}",
                found=call.to,
                hint="check the address and the chain; nothing was sent",
            )

    def _gas_limit(self, call: Call) -> Gas:
        with asking(call.name):
            estimate = number_of(request(self.web3, "eth_estimateGas", self._trial(call)))
        if estimate < MIN_GAS:
            raise NodeFailure(
                f"the node answers nonsense to {call.name}",
                expected=f"at least {MIN_GAS:,} gas, which any transaction takes",
                found=f"{estimate:,}",
                hint="use another node: `rpc=URL`",
            )
        # Between trial and inclusion others may change storage that makes the call dearer.
        return Gas(estimate + estimate // 4)

    def _trial(self, call: Call) -> dict[str, str]:
        trial = {"from": self.address, "data": Web3.to_hex(call.data), "value": hex(call.value)}
        return trial if call.to is None else {**trial, "to": call.to}

    def gas_price(self) -> Wei:
        """The price of a unit of gas now. Raises NodeFailure."""
        return Wei(sum(fees(self.web3)))

    def check_price(self, what: str) -> None:
        """Raises GasPriceTooHigh where a unit of gas costs more now than may be offered, and NodeFailure."""
        base, tip = fees(self.web3)
        self._prices(base, tip, what)

    def _prices(self, base: int, tip: int, what: str, least: int = 0) -> tuple[int, int]:
        """The least and the highest price to offer for a unit of gas: the base fee may double, up to the ceiling."""
        needed = max(base + tip, least)
        if needed > self._fee_ceiling:
            raise GasPriceTooHigh(
                f"the price of gas is too high for {what}",
                expected=f"at most {self._fee_ceiling / GWEI:,g} gwei",
                found=f"{needed / GWEI:,g} gwei",
                hint="wait, ask another node, or allow more: `max_gas_price=GWEI`",
            )
        return needed, max(needed, min(2 * base + tip, self._fee_ceiling))

    def _payable(self, prices: tuple[int, int], needed: Wei, gas_limit: int) -> int:
        """The highest of these prices that the account can pay besides `needed`, and the least where it cannot pay
        any."""
        least, highest = prices
        # A claim that is sent for the price of now is better than one that never is.
        return max(least, min(highest, (ether_of(self.web3, self.address) - needed) // gas_limit))

    def dearer(self, prepared: PreparedTransaction) -> PreparedTransaction | None:
        """The same call at the same number for the price of gas of now; None while what it offers is enough.

        Of both at most one is ever included, whichever gets there first, so that nobody pays twice. Raises
        InsufficientFunds if the account cannot pay the higher price, and NodeFailure.
        """
        base, tip = fees(self.web3)
        if base + tip <= prepared.max_fee and tip <= 2 * prepared.tip:
            return None
        # Nodes take another transaction of the same number only for a tenth more of both.
        tip = max(tip, prepared.tip * 11 // 10 + 1)
        prices = self._prices(base, tip, "a transaction that waits", least=prepared.max_fee * 11 // 10 + 1)
        price = self._payable(prices, prepared.value, prepared.gas_limit)
        if ether_of(self.web3, self.address) < prepared.value + prepared.gas_limit * price:
            raise InsufficientFunds(
                f"{self.address} cannot pay what gas costs by now",
                expected=_ether(prepared.value + prepared.gas_limit * price),
                found=_ether(ether_of(self.web3, self.address)),
                hint="send ether to it, or wait until gas is cheaper; the transaction that waits stays good",
            )
        fields = dict(TypedTransaction.from_bytes(HexBytes(prepared.raw)).as_dict())
        for signature in ("v", "r", "s"):
            fields.pop(signature)
        fields |= {"maxFeePerGas": price, "maxPriorityFeePerGas": tip}
        return self._signed(fields)

    def _check_funds(self, call: Call, needed: Wei, on_its_way: Wei) -> None:
        balance = ether_of(self.web3, self.address)
        if balance < needed + on_its_way:
            besides = f", of which what is on its way may take {_ether(on_its_way)}" if on_its_way else ""
            raise InsufficientFunds(
                f"{self.address} cannot pay for {call.name}",
                expected=_ether(needed),
                found=f"{_ether(balance)}{besides}",
                hint=f"send at least {_ether(needed + on_its_way - balance)} to it; nothing was sent",
            )

    # --- sending ---------------------------------------------------------------------------------------------------

    def broadcast(self, raw: bytes) -> TransactionHash:
        """Hand a signed transaction to the node, if it does not have it; may be repeated at will.

        When it returns, the transaction is known to the node, or its number is taken by another in a block that is not
        final: either way, wait and look for the receipt.

        Raises TransactionUncertain if the number was used by another transaction for good: this one will never be
        included, and only now may another be prepared in its place. Raises InsufficientFunds if the account lacks the
        money by now, NodeFailure if the node cannot be asked or refuses; the same bytes are then sent again later.
        """
        prepared = PreparedTransaction.from_bytes(raw)
        if is_known(self.web3, prepared.hash):
            return prepared.hash
        if self._number_used(prepared):
            self._check_not_replaced(prepared)
            return prepared.hash
        try:
            with asking("eth_sendRawTransaction"):
                self.web3.eth.send_raw_transaction(raw)
        except (ContractReverted, NodeFailure):
            # Some nodes report the failure of a transaction that they included, or "already known" as an error.
            if is_known(self.web3, prepared.hash) or self._number_used(prepared):
                return prepared.hash
            balance = ether_of(self.web3, self.address)
            if balance < prepared.max_cost:
                raise InsufficientFunds(
                    f"{self.address} cannot pay for a transaction that it signed",
                    expected=_ether(prepared.max_cost),
                    found=_ether(balance),
                    hint=f"send at least {_ether(prepared.max_cost - balance)} to it, then go on",
                ) from None
            raise
        return prepared.hash

    def _check_not_replaced(self, prepared: PreparedTransaction) -> None:
        # Only a final block counts: after a reorganisation this transaction could be included beside its replacement,
        # and a node that is behind may not show yet that it *is* this transaction that used the number.
        height = final_height(self.web3, self._finality)
        if height is None or not self._number_used(prepared, height) or is_known(self.web3, prepared.hash):
            return
        raise TransactionUncertain(
            "the account's number was used by another transaction; this one will never be included",
            expected=f"transaction 0x{prepared.hash.hex()} at number {prepared.nonce}",
            found="another",
            hint="prepare the call anew, if it is still wanted; let one program alone use the account",
        )

    def _number_used(self, prepared: PreparedTransaction, block: BlockNumber | None = None) -> bool:
        return transactions_of(self.web3, self.address, block) > prepared.nonce

    # --- afterwards ------------------------------------------------------------------------------------------------

    def receipt(self, transaction: TransactionHash) -> Receipt | None:
        """The receipt of a transaction; None while it is in no block.

        Raises ContractReverted, by name where that can be found out, for one that is in a block and failed there.
        """
        return read_receipt(self.web3, transaction)

    def is_known(self, prepared: PreparedTransaction) -> bool:
        """Whether the node has a transaction, included or waiting. Raises NodeFailure."""
        return is_known(self.web3, prepared.hash)

    def wait(self, transaction: TransactionHash, *, polls: int = 150, pause: float = 2.0) -> Receipt:
        """`receipt`, asked for up to `polls` times with `pause` seconds between.

        Raises TransactionUncertain if it is in no block by then: wait again, or broadcast the same bytes again.
        """
        for poll in range(polls):
            if poll:
                time.sleep(pause)
            receipt = self.receipt(transaction)
            if receipt is not None:
                return receipt
        raise TransactionUncertain(
            "a transaction is in no block yet",
            found=f"0x{transaction.hex()}",
            hint="start again later: the same transaction is then looked for, and never made anew",
        )


def _ether(amount: int) -> str:
    """Wei as people count them, to the last digit."""
    return f"{Decimal(Web3.from_wei(amount, 'ether')):f} ether"
