"""Each option that a directory is begun with is in its settings, and comes back unchanged."""

import doctest
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer.main
from command import Inside

import blindfair
from blindfair.agents.store.directory import DirectoryLock
from blindfair.api import stored
from blindfair.api.amounts import IN_ETHER, Money
from blindfair.api.listing_options import ListingOptions
from blindfair.chain.deployment import CodeHash, Deployment
from blindfair.cli.buyer import commands as buyer
from blindfair.cli.buyer.settings import BuyerOptions
from blindfair.cli.options import Resumed
from blindfair.cli.party import settings as party_settings
from blindfair.cli.party.begun import SETTINGS, check_begun
from blindfair.cli.party.settings import BegunSettings, begin, load, resumed_settings
from blindfair.cli.seller import commands as seller
from blindfair.protocol.errors import BlindfairError, FileChanged, InvalidOption, JournalDamaged
from blindfair.protocol.quantities import ETHER, Address, BlockNumber, ListingId

TOKEN = Address("0x" + "ab" * 20)
OTHER = "0x" + "cd" * 20

PLACES = {"--at", "--deployment", "--finality-depth", "--keystore", "--mail", "--max-gas-price", "--rpc"}
"""Kept beside the options: they may be moved."""

TABLES = {"--own", "--records", "--train", "--validation"}
"""Copied into the directory."""

OF_ONE_RUN = {"--directory", "--json", "--password-file", "--poll", "--private", "--yes"}
"""Kept nowhere."""

LIST = {
    "--accept-disclosed-share": "0.5", "--bits": "5", "--bond-share": "0.2", "--buyer": OTHER, "--categorical": "a",
    "--chunk-size": "4096", "--consent": "another", "--description": "d", "--disclosed-share": "0.5",
    "--disclosure": "total", "--dispute-window": "100", "--evaluation-fee": "0.5", "--exclude": "a",
    "--file-column": "f", "--files": "f",
    "--free-share": "0.1", "--label": "b", "--label-kind": "count", "--licence": "another", "--max-bonds": "2",
    "--max-memory": "2",
    "--name": "another", "--never-score": "a", "--opened-records": "30", "--opened-share": "0.5", "--own-models": None,
    "--pay-to": OTHER,
    "--price-per-record": "0.5", "--reveal-window": "100", "--score": "a", "--text": "a", "--token": TOKEN,
    "--stream": None, "--without-copies": None,
}  # fmt: skip
"""For each option of `seller list` a value that is not the default; None for a flag."""

EVALUATE = {
    "--accept-kinds": None, "--accept-preprocessing": None, "--audit-rows": "40", "--bandwidth": "5", "--budget": "2",
    "--disclosure": "total", "--exclude": "a", "--fee": "0.5", "--label": "b", "--listing": "0x" + "12" * 32,
    "--min-audit-rows": "20", "--model": "mlp", "--price-per-record": "0.5", "--refund-to": OTHER,
    "--release-on-chain": None, "--sample-share": "0.25", "--score-bits": "4", "--seed": "7", "--text": "a",
    "--token": TOKEN, "--value": "0.5", "--watch-packages": tempfile.gettempdir(),
}  # fmt: skip
"""The same of `buyer evaluate`."""

OF_TEXTS: dict[str, dict[str, str]] = {
    "list": {"--text-column": "t", "--base-model": "m", "--window": "64", "--max-windows": "2"},
    "evaluate": {"--text-column": "t", "--base-model": "m"},
}
"""Options that are for texts, and go together."""

INSTEAD: dict[str, dict[str, str]] = {"list": {}, "evaluate": {"--adapter": "a", "--fine-tuned": "f"}}
"""Options that are for texts, and exclude one another."""

FLAGS_OF_TEXTS: dict[str, tuple[str, ...]] = {
    "list": ("--any-base-model",),
    "evaluate": ("--show-query", "--send-base-model"),
}

MEASURED = {"record_bits", "record_count", "seller", "images", "tables.images"}
"""Found by the command itself, not options."""

NEEDED = {
    "list": {"--records": "t.csv", "--label": "a", "--price-per-record": "1", "--licence": "l", "--consent": "c"},
    "evaluate": {"--own": "t.csv", "--label": "a", "--budget": "1"},
}
PLACED = {"--directory": "d", "--mail": "m", "--rpc": "http://127.0.0.1:1", "--deployment": "x.json"}

Options = ListingOptions | BuyerOptions
Parse = Callable[..., Any]


@pytest.fixture
def parse(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> Parse:
    """What a command makes of its options, when it is given one more or another."""

    def parsed(command: str, option: str | None = None, value: str | None = None, *more: str) -> Options:
        caught: list[Options] = []
        monkeypatch.setattr("blindfair.cli.seller.running.run_list", lambda _, options, *__: caught.append(options))
        monkeypatch.setattr(
            "blindfair.cli.buyer.running.run_evaluate", lambda _, options, *__, **___: caught.append(options)
        )
        monkeypatch.setattr(
            "blindfair.cli.party.money.chosen_money",
            lambda token, *_: IN_ETHER if token is None else Money(token, 6, "USD"),
        )
        given: dict[str, str | None] = {**PLACED, **NEEDED[command]}
        if option is not None:
            given[option] = value
        words = [word for name, text in given.items() for word in ((name,) if text is None else (name, text))]
        ended = inside({"list": "seller", "evaluate": "buyer"}[command], command, *words, *more)
        assert ended.code == 0, ended.err
        (options,) = caught
        return options

    return parsed


def read_back(options: Options) -> Options:
    return type(options).from_document(json.loads(json.dumps(options.to_document())))


def flat(options: Options) -> dict[str, Any]:
    """The document with the options of the tables beside the others."""
    document: dict[str, Any] = options.to_document()
    tables = document.pop("tables", {})
    return {**document, **{f"tables.{name}": value for name, value in tables.items()}}


COMMANDS = {"list": (seller.app, LIST), "evaluate": (buyer.app, EVALUATE)}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_tried_here_or_kept_elsewhere(command: str) -> None:
    app, tried = COMMANDS[command]
    found: Any = typer.main.get_command(app)
    options = {option for parameter in found.commands[command].params for option in parameter.opts}
    of_texts = {*OF_TEXTS[command], *INSTEAD[command], *FLAGS_OF_TEXTS[command]}
    assert options == set(tried) | of_texts | (options & (PLACES | TABLES | OF_ONE_RUN))
    assert not set(tried) & (PLACES | TABLES | OF_ONE_RUN)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_stored_and_comes_back_unchanged(command: str, parse: Parse) -> None:
    _, tried = COMMANDS[command]
    plain, changed = parse(command), set[str]()
    assert read_back(plain) == plain
    for option, value in tried.items():
        options = parse(command, option, value)
        assert read_back(options) == options
        before, after = flat(plain), flat(options)
        differ = {name for name in before if before[name] != after[name]}
        assert differ, f"{option} is not stored"
        assert len(differ) == 1 or option == "--audit-rows", f"{option} changes {differ}"
        changed |= differ
    assert changed == flat(plain).keys() - MEASURED - {"texts"}, "what is stored and no option sets"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_texts_is_stored_and_comes_back_unchanged(command: str, parse: Parse) -> None:
    def with_texts(changes: dict[str, str], *flags: str) -> Options:
        first, *rest = {**OF_TEXTS[command], **changes}.items()
        options: Options = parse(command, *first, *(word for pair in rest for word in pair), *flags)
        return options

    plain = with_texts({})
    assert read_back(plain) == plain
    for option, value in OF_TEXTS[command].items():
        other = with_texts({option: value + "1"})
        assert read_back(other) == other != plain
    for option, value in INSTEAD[command].items():
        other = with_texts({option: value})
        assert read_back(other) == other != plain
    for flag in FLAGS_OF_TEXTS[command]:
        other = with_texts({}, flag)
        assert read_back(other) == other != plain


def test_images_are_known_by_their_files_and_stay_so(parse: Parse) -> None:
    for command, name in (("list", "--records"), ("evaluate", "--own")):
        options = parse(command, name, "images.npy")
        stored = read_back(options)
        assert stored == options
        found = flat(stored)
        assert found["images" if command == "list" else "tables.images"] is True
        assert parse(command) != options


def test_fewer_audit_rows_are_as_many_unless_told_otherwise(parse: Parse) -> None:
    options = parse("evaluate", "--audit-rows", "40")
    assert (options.purchase.audit_rows, options.purchase.min_audit_rows) == (40, 40)


# --- damage --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_an_option_that_is_missing_unknown_or_of_another_type_is_refused(command: str, parse: Parse) -> None:
    options = parse(command)
    kind, document = type(options), json.loads(json.dumps(options.to_document()))
    with pytest.raises(JournalDamaged, match=r"another version.*no option more.*the version that began it"):
        kind.from_document({**document, "more": 1})
    places = [document, *(document[name] for name in ("tables", "prices") if name in document)]
    for place in places:
        for name, value in list(place.items()):
            if name in {"seller", "tables"}:
                continue
            for wrong in ({"x": 1}, [[1]], b""):
                place[name] = wrong
                with pytest.raises(JournalDamaged):
                    kind.from_document(document)
            place[name] = True if isinstance(value, int) and not isinstance(value, bool) else 3.5j
            with pytest.raises(JournalDamaged):
                kind.from_document(document)
            del place[name]
            with pytest.raises(JournalDamaged, match=f"an option {name}"):
                kind.from_document(document)
            place[name] = value
    assert kind.from_document(document) == options


@pytest.mark.parametrize("seller", ["0x12", 7, TOKEN[:-1], []])
def test_a_seller_that_is_no_address_is_refused(seller: object, parse: Parse) -> None:
    document = {**parse("evaluate").to_document(), "seller": seller}
    with pytest.raises(BlindfairError, match="not an address"):
        BuyerOptions.from_document(document)


def test_a_purchase_without_its_listing_is_damaged(parse: Parse) -> None:
    options = parse("evaluate")
    with pytest.raises(JournalDamaged, match="lack the listing"):
        _ = options.bought_from
    listing = ListingId(bytes(range(32)))
    found = options.found(listing, TOKEN)
    assert read_back(found) == found
    assert found.bought_from == (listing, TOKEN)


# --- the whole file ------------------------------------------------------------------------------------------------


def settings_of(folder: Path, options: Any) -> BegunSettings[Any]:
    return BegunSettings(
        role=options.ROLE,
        deployment=Deployment(31337, ETHER, CodeHash(bytes(32)), BlockNumber(7), "0.8.30"),
        rpc="http://127.0.0.1:1/key",
        mail=folder / "mail",
        keystore=folder / "keystore.json",
        finality_depth=3,
        max_gas_price=700,
        options=options,
        tables={},
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_directory_comes_back_as_it_was_begun(command: str, parse: Parse, tmp_path: Path) -> None:
    options, directory = parse(command), tmp_path / "party"
    begun = begin(directory, settings_of(tmp_path, options), {"t.csv": b"a,b\n"})
    assert load(directory, type(options)) == begun
    assert begin(directory, settings_of(tmp_path, options), {"t.csv": b"a,b\n"}) == begun
    moved = Resumed(directory, None, tmp_path / "k", "http://127.0.0.1:2", str(tmp_path / "n"), 9)
    assert resumed_settings(type(options), moved) == replace(
        begun, keystore=tmp_path / "k", rpc="http://127.0.0.1:2", mail=tmp_path / "n", finality_depth=9
    )
    dearer = resumed_settings(type(options), Resumed(directory, max_gas_price=2000))
    assert dearer == replace(begun, max_gas_price=2000)
    with pytest.raises(InvalidOption, match="other options") as caught:
        begin(directory, settings_of(tmp_path, parse(command, "--price-per-record", "0.25")), {"t.csv": b"a,b\n"})
    assert caught.value.found == "`price_per_record` = 0.25"
    with pytest.raises(FileChanged):
        begin(directory, settings_of(tmp_path, options), {"t.csv": b"a,c\n"})
    other: Any = BuyerOptions if command == "list" else ListingOptions
    with pytest.raises(InvalidOption, match=f"belongs to a {options.ROLE}"):
        load(directory, other)


@pytest.mark.parametrize(
    ("more", "stored", "given"),
    [
        (["--seed", "7"], "`seed` = 0", "`seed` = 7"),
        (["--exclude", "age"], "`exclude` = []", "`exclude` = ['age']"),
        (["--label", "other"], "`label` = a", "`label` = other"),
    ],
)
def test_of_options_within_others_only_what_differs_is_told(
    parse: Parse, tmp_path: Path, more: list[str], stored: str, given: str
) -> None:
    begin(tmp_path / "party", settings_of(tmp_path, parse("evaluate")), {})
    with pytest.raises(InvalidOption, match="other options") as caught:
        begin(tmp_path / "party", settings_of(tmp_path, parse("evaluate", *more)), {})
    assert (caught.value.expected, caught.value.found) == (stored, given)


def test_an_edited_option_is_found_when_the_directory_is_read(parse: Parse, tmp_path: Path) -> None:
    begin(tmp_path / "party", settings_of(tmp_path, parse("list")), {})
    path = tmp_path / "party" / SETTINGS
    document = json.loads(path.read_text())
    document["options"]["bits"] = "4"
    path.write_text(json.dumps(document))
    with pytest.raises(JournalDamaged) as caught:
        load(tmp_path / "party", ListingOptions)
    assert (caught.value.expected, caught.value.found) == ("int for bits", "'4'")


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (["seller", "serve", "--directory", "nothing"], "FileMissing"),
        (["seller", "withdraw", "--directory", "used"], "StoreInUse"),
        (["buyer", "resume", "--directory", "used"], "InvalidOption: used belongs to a seller"),
        (["buyer", "buy", "--directory", "nothing"], "FileMissing"),
        (["buyer", "evaluate", "--directory", "new", "--budget", "0,1", "--rpc", "u", "--deployment", "d"], "a comma"),
    ],
    ids=lambda given: " ".join(given[:2]) if isinstance(given, list) else "",
)
def test_what_is_wrong_with_a_directory_or_an_amount_is_told_before_large_libraries_are_loaded(
    command: list[str], error: str, tmp_path: Path
) -> None:
    code = (
        "import sys; from blindfair.cli.main import main\n"
        "try: main()\n"
        "finally: print([name for name in ('torch', 'web3') if name in sys.modules])"
    )
    with DirectoryLock(tmp_path / "used"):
        (tmp_path / "used" / SETTINGS).write_text(json.dumps({"role": "seller", "version": blindfair.__version__}))
        ended = subprocess.run([sys.executable, "-c", code, *command], cwd=tmp_path, capture_output=True, text=True)
    assert error in ended.stderr
    assert ended.stdout == "[]\n"
    assert [path.name for path in tmp_path.iterdir()] == ["used"]


def test_nobody_is_told_to_begin_anew_where_settings_cannot_be_read(tmp_path: Path) -> None:
    for spoil in (os.mkdir, lambda path: path.symlink_to(path)):
        path = tmp_path / SETTINGS
        spoil(path)
        with pytest.raises(JournalDamaged, match="cannot be read") as caught:
            check_begun(tmp_path, "seller")
        assert "begin" not in caught.value.hint
        path.rmdir() if path.is_dir() else path.unlink()


@pytest.mark.parametrize("module", [stored, party_settings])
def test_examples_of_the_docstrings_run(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert found.attempted and not found.failed
