"""What a person sees of a large table: what it takes, its sample, the way out of too much, what is refused first."""

from pathlib import Path

import pytest
from command import Ended, Inside

from blindfair.chain.deployment import CodeHash, Deployment
from blindfair.protocol.errors import FileMissing, InvalidListing, InvalidOption, TooLarge
from blindfair.protocol.quantities import Address, BlockNumber

ROWS = "".join(f"{n}.25,{n * 37 % 101},{'yn'[n % 2]}\n" for n in range(3000))


def listed(inside: Inside, home: Path, *more: object) -> Ended:
    (home / "t.csv").write_text("a,b,sick\n" + ROWS)
    places = ("--rpc", "http://127.0.0.1:1", "--deployment", home / "d.json", "--mail", home / "mail")
    terms = ("--price-per-record", "1", "--licence", "l", "--consent", "c", "--label", "sick", "--max-bonds", "9")
    return inside("seller", "list", "--records", home / "t.csv", "--directory", home / "s", *places, *terms, *more)


def deployed(home: Path) -> None:
    address = Address("0x" + "12" * 20)
    deployment = Deployment(31337, address, CodeHash(bytes(32)), BlockNumber(1), "0.8.30")
    (home / "d.json").write_bytes(deployment.to_bytes())
    (home / "mail").mkdir(mode=0o700)


def words(ended: Ended) -> str:
    return " ".join(ended.err.split())


@pytest.mark.parametrize("more", [("--stream",), ()])
def test_a_large_table_is_told_of_before_it_is_read(
    inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    if not more:
        monkeypatch.setattr("blindfair.api.stream_options.BYTE_LIMIT", 10_000)
    deployed(tmp_path)
    ended = listed(inside, tmp_path, *more)
    # There is no keystore: what was read is kept for the next time.
    assert ended.code != 0
    told = words(ended)
    assert "to read 3,000 records twice" in told
    assert "GB of disk" in told
    assert "measured on 3,000 of 3,000 records" in told
    assert (tmp_path / "s" / "data" / "chunks").stat().st_size > 3000 * 16
    again = words(listed(inside, tmp_path, *more))
    assert "twice" not in again


def test_what_is_wrong_with_places_is_told_first(inside: Inside, tmp_path: Path) -> None:
    ended = listed(inside, tmp_path, "--stream")
    ended.failed(FileMissing)
    assert not (tmp_path / "s").exists()


def test_a_chunk_size_that_there_is_not_is_refused_before_the_table_is_read(inside: Inside, tmp_path: Path) -> None:
    deployed(tmp_path)
    ended = listed(inside, tmp_path, "--stream", "--chunk-size", 2048)
    ended.failed(InvalidListing, "2048")
    assert "reads the table" not in words(ended)


def test_too_many_cells_name_the_way_out(inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blindfair.influence.csv_file.CELL_LIMIT", 100)
    deployed(tmp_path)
    listed(inside, tmp_path).failed(TooLarge, "--stream")


def test_a_header_that_is_too_long_is_not_sent_to_the_stream(
    inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blindfair.influence.csv_file.COLUMN_LIMIT", 2)
    deployed(tmp_path)
    ended = listed(inside, tmp_path)
    ended.failed(TooLarge, "columns")
    assert "--stream" not in words(ended)


@pytest.mark.parametrize("more", [("--without-copies",), ("--files", "f"), ("--text-column", "a")])
def test_options_that_need_all_records_at_once_are_refused(
    inside: Inside, tmp_path: Path, more: tuple[str, ...]
) -> None:
    deployed(tmp_path)
    listed(inside, tmp_path, "--stream", *more).failed(InvalidOption, more[0] if "text" not in more[0] else "texts")
    assert not (tmp_path / "s").exists()
