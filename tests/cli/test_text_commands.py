"""Texts by the commands: a trade of two programs that are killed at several moments, and what is refused at once."""

import csv
import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_bases
import torch
from command import Inside
from local_chain import LocalChain
from safetensors.torch import load_file, save_file
from test_two_machines import Killed, Program, until
from tiny_bases import build, write

from blindfair.protocol.errors import (
    BlindfairError,
    FileMissing,
    InvalidListing,
    InvalidOption,
    MalformedTable,
    NoRecords,
    UndecodableBytes,
    UnusableModel,
    UnusableText,
)

TEXTS = [*tiny_bases.texts(58, 1, longest=40), 'the cat\nsat, "on"\r\n\ta mat\n', "a dog 🐕‍🦺 saw e\u0301"]
OWN = tiny_bases.texts(90, 2, longest=40)
COPIES = ["--without-copies"]
TERMS = ["--price-per-record", "0.0001", "--licence", "any", "--consent", "made up"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(build("gpt2"), tmp_path_factory.mktemp("base"))


def folder_of(texts: list[str], folder: Path) -> Path:
    folder.mkdir()
    for number, text in enumerate(texts):
        (folder / f"{number:03}.txt").write_bytes(text.encode())
    return folder


def lines_of(texts: list[str], path: Path) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


@pytest.fixture
def killed(testnet: LocalChain, tmp_path: Path) -> Iterator[Killed]:
    rng = random.Random(7)
    both = Program("seller", tmp_path, rng, spared=True), Program("buyer", tmp_path, rng, spared=True)
    yield Killed(testnet, tmp_path, *both)
    for program in both:
        if program.process is not None and program.process.is_alive():
            program.kill()


def said(program: Program, words: str) -> bool:
    return program.told.exists() and words in program.told.read_text()


def die_once(program: Program, words: str, others: Callable[[], bool] = lambda: False) -> None:
    """Kill a program once it has said something, and start it again."""
    until(lambda: others() or said(program, words))
    program.kill()
    program._live()


@pytest.mark.deep
@pytest.mark.parametrize("spared", [True, False], ids=["few deaths", "many"])
def test_killed_programs_trade_texts_once(spared: bool, killed: Killed, base: Path, inside: Inside) -> None:
    home, seller, buyer = killed.home, killed.seller, killed.buyer
    accounts = {name: killed.chain.party(home / name) for name in ("seller", "buyer")}
    seller.spared = buyer.spared = spared
    seller.begin(
        "seller", "list", *killed.common("seller"), *killed.place("seller"),
        "--records", folder_of(TEXTS, home / "texts"), "--text-column", "text",
        "--base-model", base, "--bits", "6", *TERMS, "--buyer", accounts["buyer"],
        "--opened-share", "0.5", "--opened-records", "60",
    )  # fmt: skip
    until(seller.ended)
    listing = killed.status(inside, "seller")["listing"]

    seller.begin("seller", "serve", *killed.common("seller"), "--poll", "0.1")
    if spared:
        assert_found(inside, killed, listing)
    buyer.begin(
        "buyer", "evaluate", *killed.common("buyer"), *killed.place("buyer"),
        "--own", lines_of(OWN, home / "own.jsonl"), "--text-column", "text",
        "--base-model", base, "--listing", listing, "--budget", "0.0012", "--audit-rows", "3",
        "--poll", "0.1",
    )  # fmt: skip
    if spared:
        die_once(buyer, "sends the request")
        die_once(seller, "computes gradient rows")
    until(lambda: seller.ended() or buyer.ended(), 300)
    buyer.begin("buyer", "buy", *killed.common("buyer"), "--yes", "--poll", "0.1")
    if spared:
        die_once(buyer, "sends the selection")
        die_once(seller, "sends the openings")
    until(lambda: seller.ended() or buyer.ended(), 300)

    assert killed.status(inside, "buyer")["final"] == "Released"
    bought = [json.loads(line) for line in (home / "buyer" / "bought.jsonl").read_text().splitlines()]
    assert 3 < len(bought) <= 12
    assert all(each["text"] == TEXTS[each["record"]] for each in bought)
    exported = inside("buyer", "export", *killed.common("buyer"), "--to", home / "mine.csv")
    assert exported.code == 0, exported.err
    with (home / "mine.csv").open(newline="") as file:
        assert [row["text"] for row in csv.DictReader(file)] == [each["text"] for each in bought]
    paid = [int(order["price_wei"]) for order in killed.status(inside, "seller")["orders"]]
    assert sum(paid) == len(bought) * 10**14
    for role in ("seller", "buyer"):
        checked = inside("doctor", "--directory", home / role, "--json", "-")
        (found,) = (each for each in json.loads(checked.out)["checks"] if each["check"] == "base model")
        assert found["ok"] and str(base) in found["found"] and "Traceback" not in checked.err


def assert_found(inside: Inside, killed: Killed, listing: str) -> None:
    """A stranger sees from the manifest that these are texts, and the base models by which to score them."""
    asking = ["--keystore", killed.home / "buyer" / "keystore.json", "--password-file", killed.home / "password"]
    found = inside("buyer", "find", *killed.place("buyer"), *asking, "--listing", listing)
    assert found.code == 0, found.err
    assert "text (free text)" in " ".join(found.out.split()) and "base model " in " ".join(found.out.split()), found.out


BAD: dict[str, tuple[Callable[[Path], Path], list[str], type[BlindfairError]]] = {
    "Latin-1": (lambda home: spoilt(home, "größe".encode("latin-1")), [], UndecodableBytes),
    "an empty file": (lambda home: spoilt(home, b""), [], MalformedTable),
    "a file of zeros": (lambda home: spoilt(home, b"the\0cat"), [], MalformedTable),
    "a text of one token": (lambda home: spoilt(home, b"a"), [], UnusableText),
    "a copy": (lambda home: spoilt(home, TEXTS[3].upper().encode()), [], InvalidListing),
    "no texts": (lambda home: folder_of([], home / "none"), [], NoRecords),
    "no such column": (lambda home: lines_of(TEXTS, home / "t.jsonl"), ["--text-column", "body"], InvalidOption),
    "no such base model": (lambda home: lines_of(TEXTS, home / "t.jsonl"), ["--base-model", "nowhere"], FileMissing),
    "a column that is not text": (lambda home: lines_of(["cat", "dog"] * 30, home / "t.jsonl"), COPIES, InvalidListing),
    "an option of tables": (lambda home: lines_of(TEXTS, home / "t.jsonl"), ["--score", "text"], InvalidOption),
    "a window too small": (lambda home: lines_of(TEXTS, home / "t.jsonl"), ["--window", "2"], InvalidOption),
}


def spoilt(home: Path, data: bytes) -> Path:
    folder = folder_of(TEXTS, home / "texts")
    (folder / "x.txt").write_bytes(data)
    return folder


@pytest.fixture
def place(testnet: LocalChain, clean: Path) -> list[object]:
    return ["--directory", "home", "--mail", "mail", "--rpc", testnet.url, "--deployment", testnet.deployment]


@pytest.mark.parametrize("case", BAD)
def test_texts_that_cannot_be_listed_end_the_command(
    case: str, place: list[object], base: Path, tmp_path: Path, inside: Inside
) -> None:
    """With a named error, and nothing written: `place` sees to that."""
    make, options, error = BAD[case]
    given = [] if "--base-model" in options else ["--base-model", base]
    given += [] if "--text-column" in options else ["--text-column", "text"]
    ended = inside("seller", "list", *place, "--records", make(tmp_path), *TERMS, "--own-models", *given, *options)
    assert (ended.code, ended.err.split(":")[1].strip()) == (error.exit_code, error.__name__), ended.err
    assert "Traceback" not in ended.err and ended.out == ""


def test_a_missing_base_model_is_asked_for_by_the_options_name(
    place: list[object], tmp_path: Path, inside: Inside
) -> None:
    texts = ["--records", lines_of(TEXTS, tmp_path / "t.jsonl"), "--text-column", "text"]
    inside("seller", "list", *place, *texts, *TERMS, "--own-models").failed(InvalidOption, "folders as --base-model\n")


WRONG: dict[str, tuple[list[object], str]] = {
    "no base model": (["--own-models"], "folders as --base-model"),
    "no such base model": (["--own-models", "--base-model", "nowhere"], "no such folder"),
    "nobody who brings models": (["--base-model", "HERE"], "named --buyer, or --own-models"),
    "too many bits": (["--own-models", "--base-model", "HERE", "--bits", "100"], "--bits is out of range"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_options_are_told_before_the_texts_are_read(
    case: str, place: list[object], base: Path, tmp_path: Path, inside: Inside
) -> None:
    """Copies among the texts do not hide them."""
    options, word = WRONG[case]
    given = [base if each == "HERE" else each for each in options]
    copies = lines_of([*TEXTS, TEXTS[0]], tmp_path / "t.jsonl")
    ended = inside("seller", "list", *place, "--records", copies, "--text-column", "text", *TERMS, *given)
    assert ended.code and word in " ".join(ended.err.split()), ended.err
    assert "the same but for case" not in ended.err and "--save" not in ended.err


def test_copies_that_are_left_out_are_counted(testnet: LocalChain, base: Path, tmp_path: Path, inside: Inside) -> None:
    testnet.party(tmp_path / "seller")
    texts = tmp_path / "t.jsonl"
    lines = enumerate([*TEXTS, *map(str.upper, TEXTS[:5])])
    texts.write_text("".join(json.dumps({"text": text, "source": f"page {number}"}) + "\n" for number, text in lines))
    ended = inside(
        "seller", "list", "--directory", tmp_path / "seller", "--password-file", tmp_path / "password",
        "--mail", tmp_path / "mail", "--rpc", testnet.url, "--deployment", testnet.deployment, "--records", texts,
        "--text-column", "text", "--base-model", base, "--own-models", "--without-copies", *TERMS,
        "--json", tmp_path / "result.json",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    told = " ".join(ended.out.split() + ended.err.split())
    assert "no model reads source: models of texts read the text and the label alone" in told and "--score" not in told
    assert "5 of 65 records left out" in " ".join(ended.err.split())
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["records"], result["copies_left_out"]) == (60, 5)


def test_of_copies_with_another_label_the_listed_one_is_told(
    testnet: LocalChain, tmp_path: Path, inside: Inside
) -> None:
    testnet.party(tmp_path / "seller")
    classifier = write(build("bert"), tmp_path / "classifier")
    texts = tmp_path / "t.jsonl"
    labels = [*(["a", "b"] * 30), "b", "a", "a"]
    lines = zip([*TEXTS, *map(str.upper, [TEXTS[4], TEXTS[5], TEXTS[6]])], labels, strict=True)
    texts.write_text("".join(json.dumps({"text": text, "y": label}) + "\n" for text, label in lines))
    ended = inside(
        "seller", "list", "--directory", tmp_path / "seller", "--password-file", tmp_path / "password",
        "--mail", tmp_path / "mail", "--rpc", testnet.url, "--deployment", testnet.deployment, "--records", texts,
        "--text-column", "text", "--label", "y", "--base-model", classifier, "--own-models", "--without-copies", *TERMS,
    )  # fmt: skip
    assert ended.code == 0, ended.err
    told = " ".join(ended.err.split())
    assert "3 of 63 records left out" in told
    assert "2 copies have another label than the first text that is the same: record 60 and record 4" in told
    assert "The first text's label is listed" in told


def test_a_column_of_few_values_is_taken_for_no_column_of_texts(
    place: list[object], base: Path, tmp_path: Path, inside: Inside
) -> None:
    few = lines_of(["the cat sat", "a dog saw a cat", "a mat"] * 20, tmp_path / "t.jsonl")
    given = ["--records", few, "--text-column", "text", "--base-model", base, "--own-models", "--without-copies"]
    inside("seller", "list", *place, *given, *TERMS).failed(
        InvalidListing, "57 copies among 60 records of column 'text'", "check --text-column"
    )


def test_options_of_texts_end_the_command_where_there_is_a_table(
    place: list[object], base: Path, tmp_path: Path, inside: Inside
) -> None:
    table = tmp_path / "t.csv"
    table.write_text("a,y\n" + "".join(f"{number * 37 % 101},{number % 2}\n" for number in range(300)))
    labelled = ["--label", "y", "--base-model", base]
    for command in (
        ["seller", "list", *place, "--records", table, *TERMS, *labelled],
        ["buyer", "evaluate", *place, "--own", table, "--budget", "1", *labelled],
    ):
        inside(*command).failed(InvalidOption, "is for texts", "--text-column")
        # Who names the texts by the option of codes is told of the other one.
        inside(*command, "--text", "a").failed(InvalidOption, "--text keeps a table's codes", "by --text-column")


def test_codes_and_texts_are_not_taken_for_each_other(
    place: list[object], base: Path, tmp_path: Path, inside: Inside
) -> None:
    table = tmp_path / "t.jsonl"
    rows = [{"review": text, "code": f"{number % 9:03}", "y": number % 2} for number, text in enumerate(OWN)]
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    listed = ["seller", "list", *place, "--records", table, *TERMS]
    bought = ["buyer", "evaluate", *place, "--own", table, "--budget", "1"]
    for command in (listed, bought):
        # Without a label this is no table, and --text does not make texts of it.
        inside(*command, "--text", "review").failed(InvalidOption, "needs a --label", "by --text-column")
        inside(*command, "--text", "code", "--text-column", "review", "--base-model", base).failed(
            InvalidOption, "--text is for tables", "--text keeps a table's codes"
        )
    inside(*listed, "--text-column", "code", "--base-model", base, "--own-models").failed(
        InvalidListing, "copies", "codes is named by --text"
    )


def with_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> None:
    path = folder / "model.safetensors"
    save_file(change(load_file(path)), path, {"format": "pt"})


def with_nan(folder: Path) -> None:
    with_weights(folder, lambda held: {**held, "transformer.ln_f.bias": held["transformer.ln_f.bias"] * float("nan")})


def without_a_layer(folder: Path) -> None:
    with_weights(folder, lambda held: {name: each for name, each in held.items() if ".h.1." not in name})


def with_config_of(folder: Path, **changes: int) -> None:
    config = folder / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **changes}))


def with_tokenizer(folder: Path, document: dict[str, Any]) -> None:
    (folder / "tokenizer.json").write_text(json.dumps(document))


SPOILT_BASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "weights of NaN": (with_nan, "transformer.ln_f.bias' has weights that are not finite"),
    "weights without a layer": (without_a_layer, "transformer.h.1."),
    "a config of another width": (lambda folder: with_config_of(folder, n_embd=24), "another shape"),
    "a config of more layers": (lambda folder: with_config_of(folder, n_layer=3), "transformer.h.2."),
    "a tokenizer of another vocabulary": (
        lambda folder: with_tokenizer(folder, tiny_bases.byte_level_tokenizer(330)),
        "more tokens",
    ),
}


@pytest.mark.parametrize("case", SPOILT_BASES)
def test_a_base_model_that_is_spoilt_ends_both_commands(
    case: str, place: list[object], base: Path, tmp_path: Path, inside: Inside
) -> None:
    """With the folder named, nothing written, and so nothing sent: the folder of messages is one that `place` sees."""
    spoil, word = SPOILT_BASES[case]
    folder = shutil.copytree(base, tmp_path / "spoilt")
    spoil(folder)
    given = ["--text-column", "text", "--base-model", folder]
    for command in (
        ["seller", "list", *place, "--records", lines_of(TEXTS, tmp_path / "t.jsonl"), *TERMS, "--own-models"],
        ["buyer", "evaluate", *place, "--own", lines_of(OWN, tmp_path / "own.jsonl"), "--budget", "1"],
    ):
        inside(*command, *given).failed(UnusableModel, f"The base model in {folder} cannot be used", word)


def test_own_texts_of_words_that_a_base_model_does_not_know_end_the_command(
    place: list[object], tmp_path: Path, inside: Inside
) -> None:
    bert = write(build("bert"), tmp_path / "bert")
    own = tmp_path / "own.jsonl"
    rows = [{"text": text, "kind": number % 2} for number, text in enumerate([*OWN, "這是 一隻 貓"])]
    own.write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = ["--own", own, "--text-column", "text", "--label", "kind", "--base-model", bert, "--budget", "1"]
    inside("buyer", "evaluate", *place, *given).failed(
        UnusableText, f"The model knows no word of record {len(OWN)}", "a base model of its language"
    )


def test_own_texts_that_cannot_be_used_end_the_command(
    place: list[object], base: Path, tmp_path: Path, inside: Inside
) -> None:
    given = ["buyer", "evaluate", *place, "--text-column", "text", "--budget", "1"]
    few, enough = lines_of(OWN[:20], tmp_path / "few.jsonl"), lines_of(OWN, tmp_path / "own.jsonl")
    inside(*given, "--own", few, "--base-model", base).failed(NoRecords, "too few", "at least 80")
    inside(*given, "--own", enough).failed(InvalidOption, "--base-model")
    # Nothing is begun with them, although no listing was looked for yet.
    inside(*given, "--own", enough, "--base-model", tmp_path / "nowhere").failed(FileMissing, str(tmp_path / "nowhere"))
    spoilt = lines_of([*OWN, "a"], tmp_path / "spoilt.jsonl")
    inside(*given, "--own", spoilt, "--base-model", base).failed(UnusableText, "record 90 is too short")
    inside(*given, "--own", enough, "--base-model", base, "--model", "mlp").failed(InvalidOption, "is for tables")
    inside(*given, "--own", enough, "--base-model", base, "--score-bits", "5").failed(InvalidOption, "--score-bits is")
