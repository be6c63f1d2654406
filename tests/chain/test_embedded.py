"""The embedded chain: its own clock, the same chain after any end of the process, and answers like a node's."""

import os
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from chain_support import ONE_ETHER, Party, exchange_on, new_trade
from eth_typing import HexStr
from hexbytes import HexBytes
from web3.exceptions import MethodUnavailable, Web3RPCError
from web3.types import BlockData, RPCEndpoint

from blindfair.chain.embedded import EMBEDDED_CHAIN_ID, GENESIS_TIME, EmbeddedChain
from blindfair.chain.embedded_backend import BLOCK_TIME
from blindfair.protocol.errors import (
    BlindfairError,
    InsufficientFunds,
    InvalidOption,
    JournalDamaged,
    JournalVersion,
    StateError,
    StoreInUse,
)
from blindfair.protocol.quantities import Address, Seconds, Timestamp, Wei

SOMEBODY = Address("0x" + "5a" * 20)


def hashes_in(block: BlockData) -> list[HexBytes]:
    """Of the transactions of a block that was asked for without them."""
    return [HexBytes(each) for each in block["transactions"] if isinstance(each, bytes)]


def history(chain: EmbeddedChain) -> list[object]:
    """All that a chain shows of itself: every block with its transactions and receipts, and an account."""
    eth = chain.web3.eth
    seen: list[object] = [eth.get_balance(chain.web3.to_checksum_address(SOMEBODY))]
    for number in range(eth.block_number + 1):
        block = eth.get_block(number)
        seen.append((block["hash"], block["timestamp"], block["transactions"]))
        seen += [dict(eth.get_transaction_receipt(found)) for found in hashes_in(block)]
    return seen


# --- time ----------------------------------------------------------------------------------------------------------


def test_time_moves_only_when_asked() -> None:
    chain = EmbeddedChain()
    assert chain.web3.eth.chain_id == EMBEDDED_CHAIN_ID
    assert chain.now() == GENESIS_TIME
    chain.fund(SOMEBODY, ONE_ETHER)
    assert chain.now() == GENESIS_TIME + 12
    chain.advance(Seconds(86_400))
    assert chain.now() == GENESIS_TIME + 12 + 86_400
    chain.mine(3)
    assert chain.now() == GENESIS_TIME + 12 + 86_400 + 36
    assert chain.web3.eth.block_number == 5
    assert chain.web3.eth.get_block("pending")["timestamp"] == chain.now() + 12


def test_a_contract_sees_the_same_time_in_a_trial_as_in_its_block() -> None:
    # NUMBER and TIMESTAMP, returned as two words: a trial must not see the machine's clock.
    code = bytes.fromhex("4260005243602052") + bytes.fromhex("60406000f3")
    chain = EmbeddedChain(now=Timestamp(1_000_000_000))
    answer = chain.web3.eth.call({"data": HexStr("0x" + code.hex())})
    assert int.from_bytes(answer[:32], "big") == 1_000_000_000
    chain.advance(Seconds(500))
    answer = chain.web3.eth.call({"data": HexStr("0x" + code.hex())})
    assert [int.from_bytes(answer[:32], "big"), int.from_bytes(answer[32:], "big")] == [1_000_000_500, 1]


@pytest.mark.parametrize(("blocks", "step"), [(0, 12), (-1, 12), (1, 0), (1, -5)])
def test_time_never_moves_backwards(blocks: int, step: int) -> None:
    chain = EmbeddedChain()
    with pytest.raises(InvalidOption):
        chain.mine(blocks) if step == 12 else chain.advance(Seconds(step))
    assert chain.web3.eth.block_number == 0


def test_what_a_caller_writes_into_an_answer_no_other_sees() -> None:
    """Answers are kept until the next block; a block has its transactions in a list."""
    chain = EmbeddedChain()
    chain.mine(1)
    ask = chain.web3.provider.make_request
    asked = RPCEndpoint("eth_getBlockByNumber"), ["latest", True]
    before = repr(ask(*asked))
    answer = ask(*asked)
    answer["result"]["transactions"].append("0x00")
    answer["result"]["number"] = 7
    assert repr(ask(*asked)) == before


def test_two_chains_with_the_same_inputs_have_the_same_blocks() -> None:
    first, second = EmbeddedChain(), EmbeddedChain()
    for chain in (first, second):
        chain.fund(SOMEBODY, ONE_ETHER)
        chain.mine(2)
    assert history(first) == history(second)


# --- memory --------------------------------------------------------------------------------------------------------


def test_a_reopened_chain_is_the_same_chain(tmp_path: Path) -> None:
    chain = EmbeddedChain(tmp_path / "log", now=Timestamp(1_600_000_000))
    trade = new_trade(chain, exchange_on(chain))
    trade.accepted()
    chain.advance(Seconds(77))
    trade.revealed()
    before = history(chain)
    chain.close()
    # Its own time counts, not the one offered now.
    again = EmbeddedChain(tmp_path / "log", now=Timestamp(1_900_000_000))
    assert history(again) == before
    again.fund(SOMEBODY, ONE_ETHER)
    assert again.now() == chain.now() + 12


def test_what_was_rejected_stays_rejected(tmp_path: Path) -> None:
    chain = EmbeddedChain(tmp_path / "log")
    exchange = exchange_on(chain)
    poor = Party(chain, Wei(0))
    with pytest.raises(Web3RPCError, match="afford"):
        chain.web3.eth.send_raw_transaction(poor.forced(exchange.commit(b"1" * 32, b"2" * 32)).raw)  # type: ignore[arg-type]
    # With the money that comes only now the same transaction would go through.
    chain.fund(poor.address, ONE_ETHER)
    before = history(chain)
    chain.close()
    again = EmbeddedChain(tmp_path / "log")
    assert history(again) == before
    assert again.web3.eth.get_transaction_count(poor.account.address) == 0
    assert int(again.web3.eth.get_balance(poor.account.address)) == ONE_ETHER


SERIES = """
import sys
from pathlib import Path
from blindfair.chain.embedded import EmbeddedChain
chain = EmbeddedChain(Path(sys.argv[1]))
while True:
    chain.fund("0x" + "5a" * 20, 1)
    print("0x" + chain.web3.eth.get_block("latest")["transactions"][0].hex(), flush=True)
"""


@pytest.mark.deep
def test_a_killed_process_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    for wanted in (3, 7):
        process = subprocess.Popen([sys.executable, "-c", SERIES, tmp_path / "log"], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        acknowledged += [process.stdout.readline().strip() for _ in range(wanted)]
        process.send_signal(signal.SIGKILL)
        acknowledged += process.stdout.read().split()
        process.wait()
    chain = EmbeddedChain(tmp_path / "log")
    found = [each for number in range(1, chain.web3.eth.block_number + 1)
             for each in hashes_in(chain.web3.eth.get_block(number))]  # fmt: skip
    kept = ["0x" + each.hex() for each in found]
    assert [each for each in kept if each in acknowledged] == acknowledged
    # At most one a process was written down and not acknowledged.
    assert len(acknowledged) <= len(kept) <= len(acknowledged) + 2
    assert chain.web3.eth.get_balance(chain.web3.to_checksum_address(SOMEBODY)) == len(kept)


CRASH = """
import os, sys
from pathlib import Path
from blindfair.chain.embedded import EmbeddedChain
from blindfair.chain.embedded_backend import Backend
chain = EmbeddedChain(Path(sys.argv[1]))
Backend.include = lambda *_: os._exit(9)
chain.web3.eth.send_raw_transaction(bytes.fromhex(sys.argv[2]))
"""


def test_a_transaction_is_on_the_disk_before_it_is_executed(tmp_path: Path) -> None:
    chain = EmbeddedChain(tmp_path / "log")
    exchange, party = exchange_on(chain), Party(chain)
    prepared = party.sender.prepare(exchange.commit(b"1" * 32, b"2" * 32))  # type: ignore[arg-type]
    chain.close()
    crashed = subprocess.run([sys.executable, "-c", CRASH, tmp_path / "log", prepared.raw.hex()], check=False)
    assert crashed.returncode == 9
    again = EmbeddedChain(tmp_path / "log")
    assert again.web3.eth.get_transaction_receipt(prepared.hash)["status"] == 1  # type: ignore[arg-type]


def test_the_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        chain = EmbeddedChain(tmp_path / "log")
        chain.mine(1)
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    finally:
        os.umask(previous)
    assert modes["log"] == 0o600
    assert set(modes.values()) == {0o600}


def test_one_process_at_a_time(tmp_path: Path) -> None:
    chain = EmbeddedChain(tmp_path / "log")
    with pytest.raises(StoreInUse):
        EmbeddedChain(tmp_path / "log")
    chain.close()
    EmbeddedChain(tmp_path / "log").close()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log of a chain with a few entries, closed."""
    path = tmp_path_factory.mktemp("written") / "log"
    chain = EmbeddedChain(path)
    for _ in range(3):
        chain.fund(SOMEBODY, ONE_ETHER)
    chain.advance(Seconds(100))
    chain.close()
    return path


def edited(written: Path, tmp_path: Path, *statements: str) -> Path:
    path = tmp_path / "log"
    shutil.copy(written, path)
    with sqlite3.connect(path) as database:
        for statement in statements:
            database.execute(statement)
    database.close()
    return path


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("PRAGMA user_version = 2", JournalVersion),
        ("PRAGMA user_version = 0", JournalVersion),
        ("DROP TABLE entries", JournalDamaged),
        ("ALTER TABLE entries RENAME TO other", JournalDamaged),
        ("DELETE FROM entries WHERE number = 0", JournalDamaged),
        ("DELETE FROM entries WHERE number = 2", JournalDamaged),
        ("UPDATE entries SET payload = x'00' WHERE number = 4", JournalDamaged),
        ("UPDATE entries SET kind = 'blocks' WHERE number = 1", JournalDamaged),
        ("UPDATE entries SET parent = zeroblob(32) WHERE number = 3", JournalDamaged),
        ("UPDATE entries SET number = 9 WHERE number = 4", JournalDamaged),
        ("UPDATE entries SET payload = 'text' WHERE number = 2", JournalDamaged),
        ("UPDATE entries SET payload = (SELECT payload FROM entries WHERE number = 1) WHERE number = 2",
         JournalDamaged),
    ],
)  # fmt: skip
def test_an_altered_log_is_refused(written: Path, tmp_path: Path, statement: str, error: type[BlindfairError]) -> None:
    with pytest.raises(error):
        EmbeddedChain(edited(written, tmp_path, statement))


def test_a_log_that_leads_elsewhere_is_refused(written: Path, tmp_path: Path) -> None:
    """Entries sealed rightly, but of another chain: what another version of the EVM might make of the same bytes."""
    from blindfair.chain.embedded_log import EmbeddedLog, Entry

    original = EmbeddedLog(edited(written, tmp_path))
    entries = list(original.entries())
    original.close()
    forged = EmbeddedLog(tmp_path / "forged")
    for entry in [*entries[:2], Entry(entries[2].kind, entries[2].payload, b"\x11" * 32)]:
        forged.append(entry)
    forged.close()
    with pytest.raises(JournalDamaged, match="blocks"):
        EmbeddedChain(tmp_path / "forged")

    unknown = EmbeddedLog(tmp_path / "unknown")
    for entry in [*entries[:2], Entry("teleport", b"", entries[2].parent)]:
        unknown.append(entry)
    unknown.close()
    with pytest.raises(JournalDamaged, match="teleport"):
        EmbeddedChain(tmp_path / "unknown")


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9])
def test_half_a_file_is_refused(written: Path, tmp_path: Path, keep: float) -> None:
    data = written.read_bytes()
    (tmp_path / "log").write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(JournalDamaged):
        EmbeddedChain(tmp_path / "log")


def test_other_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("buy milk\n" * 200)
    with pytest.raises(JournalDamaged):
        EmbeddedChain(tmp_path / "notes")
    assert (tmp_path / "notes").read_text() == "buy milk\n" * 200
    for path in (tmp_path, tmp_path / "no" / "such" / "folder"):
        with pytest.raises(StateError):
            EmbeddedChain(path)


# --- answers -------------------------------------------------------------------------------------------------------


def test_garbage_is_rejected_and_changes_nothing(tmp_path: Path) -> None:
    chain = EmbeddedChain(tmp_path / "log")
    exchange, party = exchange_on(chain), Party(chain)
    raw = party.forced(exchange.commit(b"1" * 32, b"2" * 32)).raw  # type: ignore[arg-type]
    height = chain.web3.eth.block_number
    bad = [b"", b"\x00", b"\x02", b"\xc0", b"\x7f" * 40, raw[:-1], raw + b"\x00", b"\x02" + b"\x00" * 200_000]
    bad += [secrets.token_bytes(length) for length in (1, 2, 33, 120, 1000)]
    bad += [bytes([kind]) + raw[1:] for kind in (0, 1, 3, 4, 5, 0x7F, 0xC1, 0xFF)]
    for data in bad:
        with pytest.raises(Web3RPCError):
            chain.web3.eth.send_raw_transaction(data)
    # A flipped bit makes another transaction, of another account without money, or none at all.
    for bit in range(0, 8 * len(raw), 7):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Web3RPCError):
            chain.web3.eth.send_raw_transaction(bytes(flipped))
    assert chain.web3.eth.block_number == height
    chain.web3.eth.send_raw_transaction(raw)
    before = history(chain)
    chain.close()
    assert history(EmbeddedChain(tmp_path / "log")) == before


def test_a_transaction_is_included_once() -> None:
    chain = EmbeddedChain()
    exchange, party = exchange_on(chain), Party(chain)
    raw = party.forced(exchange.commit(b"1" * 32, b"2" * 32)).raw  # type: ignore[arg-type]
    chain.web3.eth.send_raw_transaction(raw)
    for again in (raw, party.forced(exchange.commit(b"3" * 32, b"2" * 32), gas=31_000_000).raw):  # type: ignore[arg-type]
        with pytest.raises(Web3RPCError):
            chain.web3.eth.send_raw_transaction(again)
    assert chain.web3.eth.get_transaction_count(party.account.address) == 1


def test_calls_cost_nothing_and_estimates_suffice() -> None:
    chain = EmbeddedChain()
    trade = new_trade(chain, exchange_on(chain)).corrupted()
    trade.accepted()
    trade.revealed()
    penniless = Party(chain, Wei(0))
    call = trade.dispute(1)
    fields = {"from": penniless.account.address, "to": trade.exchange.address, "data": "0x" + call.data.hex()}
    fields["to"] = chain.web3.to_checksum_address(fields["to"])
    chain.web3.eth.call(fields)  # type: ignore[arg-type]
    estimate = chain.web3.eth.estimate_gas(fields)  # type: ignore[arg-type]
    # The payout at the end wants more gas to be left than is then used.
    chain.fund(penniless.address, ONE_ETHER)
    chain.web3.eth.send_raw_transaction(penniless.forced(call, gas=estimate).raw)
    assert chain.web3.eth.get_block("latest")["gasUsed"] < estimate
    assert trade.exchange.free_balance(trade.seller.address, trade.offer.token) == 0
    assert trade.exchange.order(trade.offer.struct_hash()).state.name == "REFUNDED"


def test_an_answer_is_another_after_each_change_of_the_chain() -> None:
    chain = EmbeddedChain()
    eth, somebody = chain.web3.eth, chain.web3.to_checksum_address(SOMEBODY)
    seen = []
    for amount in (1, 2):
        assert eth.get_block("latest") == eth.get_block("latest")
        seen.append((eth.get_balance(somebody), eth.block_number, eth.get_block("latest")["timestamp"]))
        chain.fund(SOMEBODY, Wei(amount))
    chain.advance(Seconds(100))
    seen.append((eth.get_balance(somebody), eth.block_number, eth.get_block("latest")["timestamp"]))
    (_, first, began), (_, second, later), (_, third, end) = seen
    assert [balance for balance, _, _ in seen] == [0, 1, 3]
    assert (second, third) == (first + 1, first + 3)
    assert (later, end) == (began + BLOCK_TIME, began + 2 * BLOCK_TIME + 100)


def test_only_what_a_node_for_strangers_offers_is_there() -> None:
    web3 = EmbeddedChain().web3
    for method in ("evm_mine", "evm_snapshot", "testing_timeTravel", "eth_sign", "personal_sign", "nothing_at_all"):
        with pytest.raises(MethodUnavailable):
            web3.manager.request_blocking(method, [])  # type: ignore[arg-type]
    with pytest.raises(MethodUnavailable):
        web3.eth.send_transaction({"from": web3.to_checksum_address(SOMEBODY), "gas": 21_000})
    assert len(web3.eth.accounts) == 0


def test_questions_about_blocks_that_are_not_there() -> None:
    web3 = EmbeddedChain().web3
    with pytest.raises(Web3RPCError):
        web3.eth.get_balance(web3.to_checksum_address(SOMEBODY), 99)
    with pytest.raises(Web3RPCError):
        web3.eth.call({"to": web3.to_checksum_address(SOMEBODY)}, 99)


def test_the_faucet_has_an_end() -> None:
    chain = EmbeddedChain()
    with pytest.raises(InsufficientFunds):
        chain.fund(SOMEBODY, Wei(10**30))
    assert chain.web3.eth.block_number == 0
