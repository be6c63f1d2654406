"""The public surface, frozen, since programs and people rely on these names and types; and what must not be there."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from escrow_world import World, artifact
from eth_utils.abi import collapse_if_tuple
from web3 import Web3

from blindfair.chain.artifacts import load_artifact
from blindfair.protocol.hashing import keccak256
from blindfair.protocol.order import OrderState

SOURCES = Path(__file__).parents[2] / "contracts"
COMPILER = SOURCES / "compiler.json"
OFFER = (
    "(bytes32,bytes32,bytes32,bytes32,uint32,uint32,address,address,address,"
    "uint128,uint128,uint32,uint32,uint64,uint256)"
)
PERMIT = "(uint256,uint256,uint8,bytes32,bytes32)"
AUTHORIZATION = "(uint8,bytes32,bytes32)"

FUNCTIONS = f"""
accept({OFFER},bytes)->(bytes32)
acceptByAuthorization({OFFER},bytes,{AUTHORIZATION})->(bytes32)
acceptWithPermit({OFFER},bytes,{PERMIT})->(bytes32)
cancel({OFFER})->()
claim({OFFER}[])->()
claimTo({OFFER}[],address)->()
commit(bytes32,bytes32)->(bytes32)
deposit(address,uint256)->()
dispute({OFFER},bytes32,uint256,bytes,bytes32,bytes32[])->()
disputeTo({OFFER},bytes32,uint256,bytes,bytes32,bytes32[],address)->()
domainSeparator()->(bytes32)
eip712Domain()->(bytes1,string,string,uint256,address,bytes32,uint256[])
freeBalance(address,address)->(uint256)
hashOffer({OFFER})->(bytes32)
MAX_WINDOW()->(uint32)
MIN_WINDOW()->(uint32)
orderOf(bytes32)->(uint8,uint64)
PAYOUT_GAS()->(uint256)
possibleActions({OFFER})->(uint8,(uint8,address,uint64)[])
refund({OFFER})->()
refundTo({OFFER},address)->()
release({OFFER})->()
releaseBySig({OFFER},bytes)->()
reveal({OFFER},bytes32)->()
sellerOf(bytes32)->(address)
withdraw(address,uint256,address)->()
""".strip().splitlines()

EVENTS = """
Accepted(bytes32*,bytes32*,address*,address,bytes32,address,uint256)
Cancelled(bytes32*)
Committed(bytes32*,address*,bytes32,bytes32)
Credited(address*,address*,uint256)
Deposited(address*,address*,uint256)
Disputed(bytes32*,uint256)
EIP712DomainChanged()
Refunded(bytes32*)
Released(bytes32*)
Revealed(bytes32*,bytes32)
Withdrawn(address*,address*,uint256,address)
""".strip().splitlines()

ERRORS = """
AlreadyCommitted(bytes32)
AmountTooLarge(uint256,uint256)
ChunkIndexOutOfRange(uint256,uint256)
ChunkIsHonest(uint256,bytes32)
ChunkLengthOutOfRange(uint256,uint256,uint256)
ChunkSizeUnsupported(uint32)
DeadlineNotPassed(bytes32,uint64,uint256)
DeadlinePassed(bytes32,uint64,uint256)
FreeBalanceTooLow(address,address,uint256,uint256)
GasTooLow(uint256,uint256)
InvalidRecipient(address)
InvalidSignature(address,bytes32)
ListingNotOfSeller(bytes32,address,address)
NoChunks()
NotAToken(address)
NotBuyer(address,address)
NotSeller(address,address)
NothingToClaim(uint256)
OfferExpired(uint64,uint256)
WindowOutOfBounds(uint32,uint32,uint32)
WrongKey(bytes32,bytes32)
WrongPathLength(uint256,uint256)
WrongPayment(uint256,uint256)
WrongRoot(bytes32,bytes32)
WrongState(bytes32,uint8,uint8)
WrongTransfer(address,uint256,uint256)
""".strip().splitlines()

# Of OpenZeppelin's libraries; they reach a caller only where a token or a receiver is at fault.
LIBRARY_ERRORS = """
SafeERC20FailedOperation(address)
""".strip().splitlines()


def signatures(kind: str) -> set[str]:
    """Names and types of the interface; indexed fields of events with a star."""
    found = set()
    for item in load_artifact("DataExchange").abi:
        if item["type"] == kind:
            inputs = ",".join(collapse_if_tuple(i) + "*" * i.get("indexed", False) for i in item["inputs"])
            outputs = ",".join(collapse_if_tuple(o) for o in item.get("outputs", ()))
            found.add(f"{item['name']}({inputs})" + (f"->({outputs})" if kind == "function" else ""))
    return found


def opcodes(code: bytes) -> Iterator[int]:
    """The instructions of a contract, without the data of its pushes."""
    place = 0
    while place < len(code):
        yield code[place]
        place += 1 + (code[place] - 0x5F if 0x60 <= code[place] <= 0x7F else 0)


def test_the_surface_is_this() -> None:
    assert signatures("function") == set(FUNCTIONS)
    assert signatures("event") == set(EVENTS)
    assert signatures("error") == {*ERRORS, *LIBRARY_ERRORS}
    kinds = {item["type"] for item in load_artifact("DataExchange").abi}
    assert kinds == {"function", "event", "error"}, "neither receive nor fallback"


def test_invariant_12_nothing_can_be_replaced_or_removed() -> None:
    """No CALLCODE, DELEGATECALL or SELFDESTRUCT; the compiler's trailer, which is no code, is left out."""
    code = load_artifact("DataExchange").deployed_bytecode
    trailer = int.from_bytes(code[-2:], "big") + 2
    assert {0xF2, 0xF4, 0xFF}.isdisjoint(opcodes(code[:-trailer]))
    assert {0xF1, 0xFA} < set(opcodes(code[:-trailer])), "the search finds what is there"


def test_every_chain_takes_a_contract_of_this_size() -> None:
    """EIP-170."""
    assert len(load_artifact("DataExchange").deployed_bytecode) <= 24_576


def test_the_shipped_code_was_compiled_with_the_settings_beside_the_sources() -> None:
    compiler = json.loads(COMPILER.read_text())
    names = {path.stem for path in (Path(__file__).parent / "artifacts").glob("*.json")}
    for name in ("DataExchange", "TestToken", *sorted(names)):
        found = artifact(name)
        assert (found["compiler"], found["settings"]) == (compiler["version"], compiler["settings"])


DECLARED = re.compile(r"((?: +///[^\n]*\n)+) +(?:function|event) (\w+)\(([^;]*?)\)([^;]*);")


def test_every_call_and_event_says_what_each_of_its_values_is() -> None:
    """In the interface: a `@param` for each in its order, and a `@return` for each that comes back."""
    found = DECLARED.findall((SOURCES / "interfaces" / "IDataExchange.sol").read_text())
    declared = {line.split("(")[0] for line in [*FUNCTIONS, *EVENTS]}
    assert {name for _, name, _, _ in found} == declared - {"eip712Domain", "EIP712DomainChanged"}
    for text, name, parameters, rest in found:
        names = [each.split()[-1] for each in parameters.split(",") if each.strip()]
        assert re.findall(r"@param (\w+) \S", text) == names, name
        returned = re.search(r"returns \((.*)\)", rest)
        assert text.count("@return ") == (len(returned[1].split(",")) if returned else 0), name


def layout() -> dict[str, tuple[int, int, str]]:
    """Variable to slot, offset and type, as the compiler says."""
    return {e["label"]: (e["slot"], e["offset"], e["type"]) for e in artifact("DataExchange")["storageLayout"]}


def test_the_contract_stores_three_mappings_and_a_word_for_each_order() -> None:
    """A mapping's values begin a slot of their own; `OrderSlot` is one word and the whole of the value."""
    assert layout() == {
        "freeBalance": (0, 0, "mapping(address => mapping(address => uint256))"),
        "sellerOf": (1, 0, "mapping(bytes32 => address)"),
        "_orders": (2, 0, "mapping(bytes32 => OrderSlot)"),
    }
    source = (SOURCES / "libraries" / "OrderSlot.sol").read_text()
    assert "type OrderSlot is uint256;" in source


@pytest.mark.parametrize("state", [OrderState.LOCKED, OrderState.REVEALED, OrderState.RELEASED, OrderState.CANCELLED])
def test_invariant_11_an_order_is_state_and_deadline_in_one_slot(ether_world: World, state: OrderState) -> None:
    world, sale = ether_world, ether_world.sale()
    world.bring_to(state, sale)
    base = layout()["_orders"][0]
    slot = int.from_bytes(keccak256(sale.offer.struct_hash() + base.to_bytes(32, "big")), "big")
    contract = Web3.to_checksum_address(world.exchange.address)
    found = int.from_bytes(bytes(world.web3.eth.get_storage_at(contract, slot)), "big")
    assert found == world.deadline(sale.offer) << 8 | state.value
    assert bytes(world.web3.eth.get_storage_at(contract, slot + 1)) == bytes(32)
