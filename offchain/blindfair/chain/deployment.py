"""Where the escrow contract is on one chain, as a file that people hand on: `deployments/<chain id>.json`.

A file is a claim; `open_exchange` holds it against the chain.
"""

import json
from dataclasses import dataclass
from typing import NewType

from eth_utils.address import to_checksum_address
from web3 import Web3

from blindfair.chain.abi import EXCHANGE
from blindfair.chain.artifacts import load_artifact
from blindfair.chain.deploy import check_deployment
from blindfair.chain.exchange import DataExchange
from blindfair.chain.node import asking, connect
from blindfair.protocol.addresses import read_address
from blindfair.protocol.documents import SAFE_INTEGER, Document, json_value
from blindfair.protocol.errors import BlindfairError, MalformedFile, WrongContract
from blindfair.protocol.fields import Fields, hex_text
from blindfair.protocol.hashing import keccak256
from blindfair.protocol.quantities import Address, BlockNumber

CodeHash = NewType("CodeHash", bytes)
"""32 bytes: `keccak256` of the code at a contract's address."""

_COMPILER_LIMIT = 64
_ADDRESS_LIMIT = 64
_HINT = "take the file that `blindfair deploy` writes"


@dataclass(frozen=True, slots=True)
class Deployment:
    """One escrow contract. `first_block` is a block before which it has no events; `compiler` is Solidity's version."""

    chain_id: int
    address: Address
    code_hash: CodeHash
    first_block: BlockNumber
    compiler: str

    @classmethod
    def of(cls, web3: Web3, address: Address, first_block: BlockNumber) -> "Deployment":
        """The deployment at `address`, which was checked before. Raises NodeFailure."""
        with asking("eth_chainId"):
            chain_id = int(web3.eth.chain_id)
        return cls(chain_id, address, code_hash(web3, address), first_block, load_artifact(EXCHANGE).compiler)

    def to_document(self) -> Document:
        """The file's content."""
        return {
            "address": self.address,
            "block": self.first_block,
            "chain_id": self.chain_id,
            "code_hash": hex_text(self.code_hash),
            "compiler": self.compiler,
        }

    def to_bytes(self) -> bytes:
        """The file."""
        return (json.dumps(self.to_document(), indent=2) + "\n").encode()

    @classmethod
    def from_document(cls, document: Document) -> "Deployment":
        """Read and check. Raises MalformedFile."""
        try:
            fields = Fields(document, "deployment")
            deployment = cls(
                chain_id=fields.integer("chain_id", 1, SAFE_INTEGER),
                address=read_address(fields.text("address", _ADDRESS_LIMIT), "The contract", MalformedFile, _HINT),
                code_hash=CodeHash(fields.data("code_hash", 32)),
                first_block=BlockNumber(fields.integer("block", 0, SAFE_INTEGER)),
                compiler=fields.text("compiler", _COMPILER_LIMIT),
            )
            fields.done()
        except BlindfairError as error:
            raise MalformedFile(
                f"The deployment file is not valid: {error.what}",
                expected=error.expected,
                found=error.found,
                hint=_HINT,
            ) from error
        return deployment

    @classmethod
    def from_bytes(cls, data: bytes) -> "Deployment":
        """Read a file. Raises MalformedFile."""
        try:
            document = json_value(data)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise MalformedFile(
                "The deployment file is not valid",
                expected="a JSON object",
                found=f"{len(data)} bytes of something else",
                hint=_HINT,
            )
        return cls.from_document(document)


def open_exchange(rpc_url: str, deployment: Deployment) -> DataExchange:
    """The contract of a deployment over a node, once both are what the file says, to the last byte of code.

    Raises InvalidOption for a malformed URL, NodeFailure (also for a node of another chain), WrongContract.
    """
    web3 = connect(rpc_url, deployment.chain_id)
    found = code_hash(web3, deployment.address)
    if found != deployment.code_hash:
        raise WrongContract(
            "The contract is not the one of the deployment file",
            expected=f"code with hash {hex_text(deployment.code_hash)} at {deployment.address}",
            found=hex_text(found),
            hint="do not trade there; check the file, and that the node serves the right chain",
        )
    check_deployment(web3, deployment.address)
    return DataExchange(web3, deployment.address, first_block=deployment.first_block)


def code_hash(web3: Web3, address: Address) -> CodeHash:
    """The hash of the code at an address, or of no bytes if there is no code. Raises NodeFailure."""
    with asking("eth_getCode"):
        return CodeHash(keccak256(bytes(web3.eth.get_code(to_checksum_address(address)))))
