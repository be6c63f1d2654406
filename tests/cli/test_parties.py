"""What can be wrong when a seller or buyer begins or goes on: a named error with its own code, and nothing done."""

import csv
import json
import os
import shlex
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from command import COMMAND, Ended, Inside
from local_chain import LocalChain, password, shell, wait_for
from real_tables import LABEL, tumours, write_csv
from web3.types import RPCEndpoint

from blindfair.agents.store.directory import DirectoryLock
from blindfair.chain.deployment import Deployment, code_hash
from blindfair.chain.development import set_balance
from blindfair.protocol.errors import (
    BlindfairError,
    FileChanged,
    FileMissing,
    InsecureStore,
    InsufficientFunds,
    InvalidListing,
    InvalidOption,
    JournalDamaged,
    JournalVersion,
    MalformedFile,
    MalformedTable,
    NodeFailure,
    StoreInUse,
    WrongContract,
    WrongPassword,
)
from blindfair.protocol.quantities import Address, BlockNumber, Wei
from ports import free_port


@dataclass(frozen=True)
class Home:
    """A seller and a buyer who have not begun: keystores, a password, tables."""

    chain: LocalChain
    path: Path
    inside: Inside

    def seller(self, **changes: object) -> Ended:
        """`seller list`, with options of its own beside the defaults."""
        defaults: dict[str, object] = {
            "directory": self.path / "seller",
            "records": self.path / "offer.csv",
            "label": LABEL,
            "price_per_record": "0.001",
            "licence": "any",
            "consent": "public",
        }
        return self.inside("seller", "list", *self.options(defaults | changes))

    def buyer(self, **changes: object) -> Ended:
        """`buyer evaluate`, with options of its own beside the defaults."""
        defaults: dict[str, object] = {
            "directory": self.path / "buyer",
            "own": self.path / "own.csv",
            "label": LABEL,
            "budget": "0.1",
        }
        return self.inside("buyer", "evaluate", *self.options(defaults | changes))

    def options(self, changes: dict[str, object]) -> list[object]:
        places: dict[str, object] = {
            "mail": self.path / "mail",
            "rpc": self.chain.url,
            "deployment": self.chain.deployment,
            "password_file": self.path / "password",
        }
        found = {name: value for name, value in (places | changes).items() if value is not None}
        return [part for name, value in found.items() for part in (f"--{name.replace('_', '-')}", value)]

    def untouched(self, name: str) -> bool:
        """Whether nothing was begun in a party's directory."""
        return [entry.name for entry in (self.path / name).iterdir()] == ["keystore.json"]


@pytest.fixture
def home(testnet: LocalChain, tmp_path: Path, inside: Inside) -> Home:
    with tumours(tmp_path / "all.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    write_csv(tmp_path / "offer.csv", header, rows[:60])
    write_csv(tmp_path / "own.csv", header, rows[60:160])
    for name in ("seller", "buyer"):
        testnet.party(tmp_path / name)
    return Home(testnet, tmp_path, inside)


@pytest.fixture
def listed(home: Home) -> Home:
    """With the seller's listing on the chain."""
    ended = home.seller()
    assert ended.code == 0, ended.err
    return home


# --- before anything is begun --------------------------------------------------------------------------------------


def test_no_keystore(home: Home) -> None:
    (home.path / "seller" / "keystore.json").unlink()
    ended = home.seller()
    ended.failed(FileMissing, "blindfair account create --keystore")


def test_a_wrong_password_is_named_and_not_told(home: Home) -> None:
    password(home.path / "password", "battery staple")
    for ended in (home.seller(), home.inside("buyer", "find", *home.options({"keystore": keystore_of(home, "buyer")}))):
        ended.failed(WrongPassword)
        assert "battery" not in ended.err


def test_find_asks_sellers_with_both_options_or_with_neither(home: Home) -> None:
    for more, missing in (
        ({"keystore": keystore_of(home, "buyer")}, "--mail"),
        ({"mail": home.path / "mail"}, "--keystore"),
    ):
        given: dict[str, object] = {"mail": None, "password_file": None, **more}
        home.inside("buyer", "find", *home.options(given)).failed(InvalidOption, f"add {missing}")


def keystore_of(home: Home, name: str) -> Path:
    return home.path / name / "keystore.json"


def test_no_node(home: Home) -> None:
    ended = home.seller(rpc=f"http://127.0.0.1:{free_port()}")
    assert ended.code == NodeFailure.exit_code
    assert "cannot be reached" in ended.err


def test_a_node_of_another_chain(home: Home) -> None:
    other = json.loads(home.chain.deployment.read_text()) | {"chain_id": 1}
    (home.path / "1.json").write_text(json.dumps(other))
    home.seller(deployment=home.path / "1.json").failed(NodeFailure, "chain id 1")
    home.buyer(deployment=home.path / "1.json").failed(NodeFailure, "chain id 1")
    assert home.untouched("buyer")


def test_other_code_than_the_file_names(home: Home) -> None:
    other = json.loads(home.chain.deployment.read_text()) | {"code_hash": "0x" + "ab" * 32}
    (home.path / "other.json").write_text(json.dumps(other))
    home.seller(deployment=home.path / "other.json").failed(WrongContract, "0xababab")


def test_a_file_that_names_another_program_by_its_true_hash(home: Home) -> None:
    web3, place = home.chain.web3, Address("0x" + "c0" * 20)
    web3.provider.make_request(RPCEndpoint("hardhat_setCode"), [place, "0x600160005260206000f3"])
    lie = Deployment(31337, place, code_hash(web3, place), BlockNumber(0), "0.8.37")
    (home.path / "lie.json").write_bytes(lie.to_bytes())
    home.buyer(deployment=home.path / "lie.json").failed(WrongContract, "another program")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"address": 1}', "\xff", '{"chain_id": 31337, "address": "0x12"}'])
def test_what_is_no_deployment_file(text: str, home: Home) -> None:
    (home.path / "bad.json").write_text(text, encoding="latin-1")
    ended = home.seller(deployment=home.path / "bad.json")
    assert ended.code == MalformedFile.exit_code, ended.err
    assert home.untouched("seller")


def test_no_deployment_file(home: Home) -> None:
    home.seller(deployment=home.path / "nothing.json").failed(FileMissing, "blindfair deploy")


def test_an_empty_account_commits_nothing_and_can_go_on_later(home: Home) -> None:
    poor = home.path / "poor"
    home.chain.party(poor, ether=0)
    ended = home.seller(directory=poor)
    assert ended.code == InsufficientFunds.exit_code
    assert "error: InsufficientFunds: " in ended.err
    assert "nothing was sent" in ended.err
    status = json.loads(home.inside("seller", "status", "--directory", poor, "--json", "-").out)
    assert (status["committed"], status["balance_wei"]) == (False, "0")
    set_balance(home.chain.web3, status["seller"], Wei(10**18))
    assert home.seller(directory=poor).code == 0


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"price_per_record": "cheap"}, InvalidOption),
        ({"bond_share": 2}, InvalidOption),
        ({"reveal_window": 0}, InvalidOption),
        ({"disclosure": "per-group-1"}, InvalidOption),
        ({"opened_share": 1.5}, InvalidListing),
        ({"licence": ""}, InvalidListing),
        ({"exclude": "nonsense"}, InvalidOption),
        ({"finality_depth": -1}, InvalidOption),
        ({"max_gas_price": 0}, InvalidOption),
        ({"max_bonds": "-1"}, InvalidOption),
        ({"pay_to": "my wallet"}, InvalidOption),
        ({"token": "0x12"}, InvalidOption),
        ({"token": "0x" + "12" * 20}, InvalidOption),
    ],
)
def test_a_listing_that_cannot_be(changes: dict[str, object], error: type[BlindfairError], home: Home) -> None:
    ended = home.seller(**changes)
    assert ended.code == error.exit_code, ended.err
    assert ended.err.startswith(f"error: {error.__name__}: ")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bits": 9}, "--bits is out of range"),
        ({"bits": 0}, "--bits is out of range"),
        ({"evaluation_fee": "0.000001"}, "--evaluation-fee is smaller"),
        ({"disclosed_share": 0.31}, "--accept-disclosed-share 0.31"),
        ({"free_share": 2}, "--free-share"),
        ({"never_score": "nonsense"}, "--never-score names a column"),
    ],
    ids=str,
)
def test_information_that_cannot_be_priced_leaves_nothing_behind(
    changes: dict[str, object], words: str, home: Home
) -> None:
    home.seller(**changes).failed(InvalidOption, words)
    assert home.untouched("seller")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (lambda rows: [*rows, rows[3]], "exact copies"),
        (lambda rows: [rows[0], [*rows[0][:-1], "benign"]] * 20, "hold too little"),
    ],
    ids=["a copy", "equal records"],
)
def test_a_table_that_cannot_be_listed_leaves_nothing_behind(
    rows: Callable[[list[list[str]]], list[list[str]]], words: str, home: Home
) -> None:
    with (home.path / "offer.csv").open(newline="") as file:
        header, *defaults = csv.reader(file)
    write_csv(home.path / "offer.csv", header, rows(defaults))
    home.seller().failed(InvalidListing, words)
    assert home.untouched("seller")


def test_a_file_name_that_is_not_utf_8_leaves_nothing_behind(home: Home) -> None:
    offer = home.path / "bad\udcff.csv"
    (home.path / "offer.csv").rename(offer)
    home.seller(records=offer).failed(InvalidOption, "--name NAME")
    assert home.untouched("seller")
    home.seller(records=offer, licence="").failed(InvalidOption, "--name NAME")
    assert home.untouched("seller")
    ended = home.seller(records=offer, name="fine", json="-")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["name"] == "fine"


def test_the_seller_reads_how_each_column_was_read_before_it_commits(home: Home) -> None:
    with (home.path / "offer.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    rows[7][0] += " mm"
    rows[8][1] += "0"
    write_csv(home.path / "offer.csv", header, rows)
    ended = home.seller(json="-")
    assert ended.code == 0, ended.err
    said = " ".join(ended.err.split())
    assert "59 of 60 cells are numbers, but line 9 holds" in said
    assert said.index("line 9 holds") < said.index("commits to 60 records")
    assert f"the listing holds the texts beside {header[1]}" in said
    first, second, *_ = json.loads(ended.out)["columns"]
    assert (first["kind"], first["first_text"]["line"]) == ("category", 9)
    assert (second["kind"], second["as_written"], second["warning"]) == ("number", 1, None)


def test_the_seller_reads_what_evaluations_tell_and_cost(home: Home) -> None:
    ended = home.seller(json="-")
    assert ended.code == 0, ended.err
    said, found = " ".join(ended.err.split()), json.loads(ended.out)["information"]
    assert f"this listing holds about {found['record_bits']} bits a record; one evaluation tells at most 4" in said
    assert found["evaluation_bits_per_record"] == 4
    assert found["first_evaluation_is_free"] is True
    # 4 of so many bits, of 60 records for 0.001 ether each, rounded up to three digits.
    least = 4 * 60 * 10**15 / found["record_bits"]
    assert least <= int(found["evaluation_fee_wei"]) < 1.01 * least


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"budget": "-1"}, InvalidOption),
        ({"value": "much"}, InvalidOption),
        ({"price_per_record": "0.0000000000000000001"}, InvalidOption),
        ({"audit_rows": 0}, InvalidOption),
        ({"audit_rows": 10, "min_audit_rows": 11}, InvalidOption),
        ({"sample_share": "-0.01"}, InvalidOption),
        ({"sample_share": 1.01}, InvalidOption),
        ({"sample_share": "nan"}, InvalidOption),
        ({"listing": "0x12"}, InvalidOption),
        ({"listing": "0x" + "00" * 32}, InvalidOption),
        ({"own": None}, InvalidOption),
        ({"own": None, "train": "own.csv"}, InvalidOption),
        ({"model": "oracle"}, InvalidOption),
        ({"disclosure": "top-of-budget"}, InvalidOption),
        ({"refund_to": "my wallet"}, InvalidOption),
        ({"bandwidth": 0}, InvalidOption),
        ({"bandwidth": "nan"}, InvalidOption),
        ({"bandwidth": "inf"}, InvalidOption),
        ({"token": "0x" + "12" * 20}, InvalidOption),
        ({"label": "nonsense"}, BlindfairError),
    ],
)
def test_a_question_that_cannot_be(
    changes: dict[str, object], error: type[BlindfairError], home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home.path)
    ended = home.buyer(**changes)
    assert ended.code == error.exit_code or error is BlindfairError
    assert ended.code not in (0, 2, 100), ended.err
    assert home.untouched("buyer")


def test_money_is_not_to_go_to_nobody_or_to_the_contract(home: Home) -> None:
    """The contract would refuse to pay there when the money is due, and the party wait for ever."""
    for nowhere in ("0x" + "00" * 20, home.chain.exchange.address):
        home.buyer(refund_to=nowhere).failed(InvalidOption, "--refund-to", "never pays to")
        home.seller(pay_to=nowhere).failed(InvalidOption, "--pay-to", "never pays to")
    assert home.untouched("buyer")
    assert home.untouched("seller")


def test_training_and_validation_records_have_the_same_columns(home: Home) -> None:
    with (home.path / "own.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    write_csv(home.path / "train.csv", [*header[1:], header[0]], ([*row[1:], row[0]] for row in rows[:50]))
    write_csv(home.path / "validation.csv", header, rows[50:])
    home.buyer(own=None, train=home.path / "train.csv", validation=home.path / "validation.csv").failed(MalformedTable)


# --- going on ------------------------------------------------------------------------------------------------------


def test_listing_again_goes_on_and_pays_nothing(listed: Home) -> None:
    web3, account = listed.chain.web3, json.loads(keystore_of(listed, "seller").read_text())["address"]
    count = web3.eth.get_transaction_count(web3.to_checksum_address(account))
    first = listed.seller(json="-")
    assert listed.seller(json="-").out == first.out
    assert web3.eth.get_transaction_count(web3.to_checksum_address(account)) == count == 1


def test_a_parquet_file_is_listed_as_its_csv_file_is(home: Home) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    table = home.path / "offer.parquet"
    pandas.read_csv(home.path / "offer.csv").to_parquet(table)
    columns = json.loads(home.seller(records=table, json="-").out)["columns"]
    assert [column["kind"] for column in columns] == ["number"] * 30 + ["category"]
    # From the copy in its directory.
    assert json.loads(home.seller(records=table, json="-").out)["columns"] == columns
    status = json.loads(home.inside("seller", "status", "--directory", home.path / "seller", "--json", "-").out)
    assert status["committed"] is True


@pytest.mark.parametrize(
    "changes", [{"price_per_record": "0.002"}, {"licence": "none"}, {"bits": 3}, {"exclude": "mean area"}]
)
def test_other_options_than_it_was_begun_with(changes: dict[str, object], listed: Home) -> None:
    listed.seller(**changes).failed(InvalidOption, "begun with other options")


def test_another_table_than_it_was_begun_with(listed: Home) -> None:
    shutil.copy(listed.path / "own.csv", listed.path / "offer.csv")
    listed.seller().failed(FileChanged)


def test_a_copy_that_was_edited(listed: Home) -> None:
    with (listed.path / "seller" / "records.csv").open("a") as file:
        file.write("\n")
    listed.inside("seller", "status", "--directory", listed.path / "seller").failed(FileChanged, "backup")


def test_another_account_than_it_was_begun_with(listed: Home) -> None:
    listed.seller(keystore=keystore_of(listed, "buyer")).failed(JournalDamaged, "another account")


def test_settings_of_another_version(listed: Home) -> None:
    settings = listed.path / "seller" / "settings.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"version": "0.0.1"}))
    listed.inside("seller", "status", "--directory", listed.path / "seller").failed(JournalVersion, "0.0.1")


@pytest.mark.parametrize("damage", ["", "{}", "[]", '{"version": "0.1.0"}'])
def test_damaged_settings(damage: str, listed: Home) -> None:
    (listed.path / "seller" / "settings.json").write_text(damage)
    listed.inside("seller", "status", "--directory", listed.path / "seller").failed(JournalDamaged)


def test_where_nothing_was_begun(home: Home) -> None:
    for command in (("seller", "serve"), ("seller", "status"), ("seller", "withdraw")):
        home.inside(*command, "--directory", home.path / "seller").failed(FileMissing, "blindfair seller list")
    for command in (("buyer", "buy"), ("buyer", "resume"), ("buyer", "status")):
        home.inside(*command, "--directory", home.path / "buyer").failed(FileMissing, "blindfair buyer evaluate")


def test_the_directory_of_the_other_role(listed: Home) -> None:
    listed.inside("buyer", "status", "--directory", listed.path / "seller").failed(InvalidOption, "belongs to a seller")


def test_a_directory_in_use(listed: Home) -> None:
    with DirectoryLock(listed.path / "seller"):
        listed.inside("seller", "serve", *resumed(listed, "seller")).failed(StoreInUse)
        # Looking is possible all the same.
        assert listed.inside("seller", "status", "--directory", listed.path / "seller").code == 0


@pytest.mark.deep
def test_a_second_seller_of_one_account_in_one_mail_folder_is_refused(listed: Home) -> None:
    """The two would take each other's messages away. Both are processes, and a kill lets the next one in."""
    second = listed.path / "second"
    second.mkdir(mode=0o700)
    shutil.copy(keystore_of(listed, "seller"), second)
    (second / "keystore.json").chmod(0o600)
    assert listed.seller(directory=second).code == 0
    serve = {
        name: shlex.join(map(str, [COMMAND, "seller", "serve", *resumed(listed, name)]))
        for name in ("seller", "second")
    }
    told = {name: listed.path / f"{name}.told" for name in ("seller", "second")}
    with shell(f"exec {serve['seller']}", listed.path, told["seller"]) as first:
        wait_for("serves", told["seller"], first)
        with shell(f"exec {serve['second']}", listed.path, told["second"]) as process:
            assert process.wait(120) == StoreInUse.exit_code
        said = " ".join(told["second"].read_text().split())
        assert "Another program of this account uses this mail folder" in said and "serves" not in said
        assert "hint end that program first" in said
        os.killpg(first.pid, signal.SIGKILL)
        first.wait(30)
    with shell(f"exec {serve['second']}", listed.path, told["second"]) as process:
        wait_for("serves", told["second"], process)


def resumed(home: Home, name: str) -> list[object]:
    return ["--directory", home.path / name, "--password-file", home.path / "password"]


def test_a_directory_that_others_may_enter(home: Home) -> None:
    (home.path / "seller").chmod(0o755)
    home.seller().failed(InsecureStore, "chmod 700")


def test_nothing_is_withdrawn_where_there_is_nothing(listed: Home) -> None:
    ended = listed.inside("seller", "withdraw", *resumed(listed, "seller"), "--json", "-")
    assert json.loads(ended.out)["withdrawn"] is False
    listed.inside("seller", "withdraw", *resumed(listed, "seller"), "--to", "my wallet").failed(InvalidOption)


# --- finding -------------------------------------------------------------------------------------------------------


def test_listings_are_found_on_the_chain_alone(listed: Home) -> None:
    found = found_by(listed)
    mine = json.loads(listed.seller(json="-").out)
    (entry,) = [entry for entry in found if entry["listing"] == mine["listing"]]
    assert entry["seller"] == mine["seller"]
    assert entry["manifest"] is None


def test_a_seller_that_cannot_be_asked_is_still_found(listed: Home) -> None:
    seller = json.loads(listed.seller(json="-").out)["seller"]
    shutil.rmtree(listed.path / "mail" / seller)
    (listed.path / "mail" / seller).symlink_to(listed.path)
    options = {"mail": listed.path / "mail", "keystore": keystore_of(listed, "buyer"), "wait": 0}
    ended = listed.inside("buyer", "find", *listed.options(options), "--json", "-")
    assert ended.code == 0, ended.err
    assert all(entry["manifest"] is None for entry in json.loads(ended.out)["listings"])
    assert len(json.loads(ended.out)["listings"]) == len(found_by(listed))


def found_by(home: Home) -> list[dict[str, Any]]:
    options = ("--rpc", home.chain.url, "--deployment", home.chain.deployment, "--json", "-")
    ended = home.inside("buyer", "find", *options)
    assert ended.code == 0, ended.err
    return list(json.loads(ended.out)["listings"])
