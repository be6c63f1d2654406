"""Putting the escrow contract on a chain, and telling whether an address really holds it.

Not here: which addresses are the official ones, and verification of sources with explorers.
"""

import re

from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from hexbytes import HexBytes
from web3 import Web3

from blindfair.chain.abi import EXCHANGE
from blindfair.chain.accounts import transactions_of
from blindfair.chain.artifacts import load_artifact
from blindfair.chain.calls import Call
from blindfair.chain.exchange import DataExchange
from blindfair.chain.node import asking
from blindfair.chain.sender import Sender
from blindfair.protocol.errors import TransactionUncertain, WrongContract
from blindfair.protocol.hashing import keccak256
from blindfair.protocol.quantities import Address
from blindfair.protocol.signing import Domain

# How the compiler leaves space for an immutable value: PUSH32 and 32 zero bytes.
_BLANK = re.compile(rb"\x7f\x00{32}")


def deploy(sender: Sender) -> Address:
    """Put a new escrow contract on the sender's chain and check it.

    A crash in the middle costs the gas of a contract that nobody uses. Raises what `Sender` does, and WrongContract.
    """
    prepared = sender.prepare(Call("deploy", None, load_artifact(EXCHANGE).bytecode))
    sender.broadcast(prepared.raw)
    receipt = sender.wait(prepared.hash)
    if receipt.contract is None:
        raise WrongContract("the deployment made no contract", found=f"transaction 0x{receipt.hash.hex()}")
    check_deployment(sender.web3, receipt.contract)
    return receipt.contract


def deploy_once(web3: Web3, account: LocalAccount) -> DataExchange:
    """The contract that is the account's very first transaction: deployed now, or found where it was deployed before.

    For chains of one's own, with an account that does nothing else. Raises what `deploy` does.
    """
    address = _first_contract_of(Address(account.address.lower()))
    sender = Sender(web3, account)
    if transactions_of(web3, sender.address) == 0 and deploy(sender) != address:
        raise TransactionUncertain(
            "the account was used by another program meanwhile", expected=f"a contract at {address}"
        )
    check_deployment(web3, address)
    return DataExchange(web3, address)


def check_deployment(web3: Web3, address: Address) -> None:
    """Check that `address` holds this program's escrow contract, down to the last byte, with the values of its place.

    Raises WrongContract, and NodeFailure if the node fails. A node that lies about code is not found out.
    """
    with asking("eth_getCode"):
        found = bytes(web3.eth.get_code(to_checksum_address(address)))
        chain_id = int(web3.eth.chain_id)
    if not found:
        raise WrongContract(
            "there is no contract at this address", found=address, hint="check the address and the chain"
        )
    domain = Domain(chain_id, address)
    if found != _filled(load_artifact(EXCHANGE).deployed_bytecode, found, domain):
        raise WrongContract(
            "the contract at this address is another program",
            expected="the escrow of this version",
            found=f"{len(found)} bytes of code with hash 0x{keccak256(found).hex()} at {address}",
            hint="do not trade there; check the address",
        )
    separator = DataExchange(web3, address).domain_separator()
    if separator != _separator(domain):
        raise WrongContract(
            "the contract takes signatures of another domain",
            expected=f"0x{_separator(domain).hex()}",
            found=f"0x{separator.hex()}",
            hint="do not trade there",
        )


def _filled(template: bytes, found: bytes, domain: Domain) -> bytes:
    """The template with its blanks filled as in `found`, where that is a value which belongs there; else with one that
    is not in `found`, so that a blank which was never set is noticed as well as a wrong value."""
    separator = _separator(domain)
    # What `Domain.sol` keeps in the code.
    allowed = {separator, domain.chain_id.to_bytes(32, "big")}

    def fill(blank: re.Match[bytes]) -> bytes:
        word = found[blank.start() + 1 : blank.end()]
        return b"\x7f" + (word if word in allowed else separator)

    return _BLANK.sub(fill, template)


def _separator(domain: Domain) -> bytes:
    return bytes(domain.typed({"Nothing": []}, {}).header)


def _first_contract_of(account: Address) -> Address:
    # The address of a contract is the hash of its maker and the maker's number in RLP: here 20 bytes and zero.
    maker = HexBytes(account)
    return Address("0x" + keccak256(b"\xd6\x94" + maker + b"\x80")[12:].hex())
