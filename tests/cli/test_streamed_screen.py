"""What a person sees of a large table: what it takes, its sample, the way out of too much, what is refused first."""

from pathlib import Path

import pytest
from command import Ended, Inside
from local_chain import LIGHT, PASSWORD, password

from blindfair.api.keystore import create_keystore
from blindfair.chain.deployment import CodeHash, Deployment
from blindfair.protocol.errors import CannotWrite, FileMissing, InvalidListing, InvalidOption, TooLarge
from blindfair.protocol.quantities import Address, BlockNumber

pytestmark = pytest.mark.deep

ROWS = "".join(f"{n}.25,{n * 37 % 101},{'yn'[n % 2]}\n" for n in range(3000))


def places(home: Path) -> list[object]:
    """A contract, a mail folder and an account, and a node that does not answer."""
    return [
        "--rpc", "http://127.0.0.1:1", "--deployment", home / "d.json", "--mail", home / "mail",
        "--keystore", home / "keystore.json", "--password-file", password(home / "password"),
    ]  # fmt: skip


def listed(inside: Inside, home: Path, *more: object) -> Ended:
    (home / "t.csv").write_text("a,b,sick\n" + ROWS)
    terms = ("--price-per-record", "1", "--licence", "l", "--consent", "c", "--label", "sick", "--max-bonds", "9")
    return inside(
        "seller", "list", "--records", home / "t.csv", "--directory", home / "s", *places(home), *terms, *more
    )


def deployed(home: Path) -> None:
    address = Address("0x" + "12" * 20)
    deployment = Deployment(31337, address, CodeHash(bytes(32)), BlockNumber(1), "0.8.30")
    (home / "d.json").write_bytes(deployment.to_bytes())
    (home / "mail").mkdir(mode=0o700)
    create_keystore(home / "keystore.json", PASSWORD, work=LIGHT)


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
    # No node answers: what was read is kept for the next time.
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


@pytest.mark.parametrize("more", [("--without-copies",), ("--text-column", "a")])
def test_options_that_need_all_records_at_once_are_refused(
    inside: Inside, tmp_path: Path, more: tuple[str, ...]
) -> None:
    deployed(tmp_path)
    listed(inside, tmp_path, "--stream", *more).failed(InvalidOption, more[0] if "text" not in more[0] else "texts")
    assert not (tmp_path / "s").exists()


def folder(home: Path, size: int = 700) -> None:
    (home / "f").mkdir()
    lines = ["file,a,b,sick"]
    for number, row in enumerate(ROWS.splitlines()):
        (home / "f" / f"{number}.bin").write_bytes(bytes([number % 256]) * size)
        lines.append(f"{number}.bin,{row}")
    (home / "t.csv").write_text("\n".join(lines) + "\n")


def listed_files(inside: Inside, home: Path, *more: object) -> Ended:
    terms = ("--price-per-record", "1", "--licence", "l", "--consent", "c", "--label", "sick", "--max-bonds", "9")
    records = ("--records", home / "t.csv", "--files", home / "f")
    return inside("seller", "list", *records, "--directory", home / "s", *places(home), *terms, *more)


@pytest.mark.parametrize("more", [("--stream",), ()])
def test_a_large_folder_is_told_of_before_it_is_read(
    inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    deployed(tmp_path)
    folder(tmp_path)
    if not more:
        monkeypatch.setattr("blindfair.api.stream_options.BYTE_LIMIT", 2_000_000)
    ended = listed_files(inside, tmp_path, *more)
    # No node answers: what was read is kept for the next time.
    assert ended.code != 0
    told = words(ended)
    assert "to read 3,000 files, and 0.0 GB of disk" in told
    assert "measured on 3,000 of 3,000 records" in told
    # One chunk a file, of which the salt is a part.
    assert (tmp_path / "s" / "data" / "chunks").stat().st_size == 3000 * 1024
    assert sorted(path.name for path in (tmp_path / "s").iterdir() if "files" in path.name) == []
    # The limit is that of a directory which is begun: what was streamed goes on so.
    monkeypatch.undo()
    again = listed_files(inside, tmp_path, *more)
    assert again.code == ended.code
    assert "to read" not in words(again)


def test_a_folder_that_was_begun_at_once_goes_on_so_although_it_has_grown(
    inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(tmp_path)
    folder(tmp_path)
    before = listed_files(inside, tmp_path)
    monkeypatch.setattr("blindfair.api.stream_options.BYTE_LIMIT", 2_000_000)
    after = listed_files(inside, tmp_path)
    assert (after.code, words(after)) == (before.code, words(before))
    assert "measured on" not in words(after)


def test_files_without_space_are_refused_before_anything_is_begun(
    inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    deployed(tmp_path)
    folder(tmp_path)
    usage = shutil.disk_usage
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(path)._replace(free=2**28 + 3_000_000))
    listed_files(inside, tmp_path, "--stream").failed(CannotWrite, "GB")
    assert not [path for path in (tmp_path / "s").rglob("*") if path.is_file() and path.name != "lock"]


@pytest.mark.parametrize("more", [("--stream",), ()])
def test_a_folder_in_place_of_a_table_is_told_how_files_are_sold(
    inside: Inside, tmp_path: Path, more: tuple[str, ...]
) -> None:
    deployed(tmp_path)
    folder(tmp_path)
    (tmp_path / "t.csv").unlink()
    (tmp_path / "t.csv").mkdir()
    listed_files(inside, tmp_path, *more).failed(FileMissing, "a folder", "name a table", "as --files")


def test_a_file_that_is_not_there_is_named_before_anything_is_begun(inside: Inside, tmp_path: Path) -> None:
    deployed(tmp_path)
    folder(tmp_path)
    (tmp_path / "f" / "2999.bin").unlink()
    ended = listed_files(inside, tmp_path, "--stream")
    assert ended.code == FileMissing.exit_code
    assert "The file '2999.bin' in" in words(ended)
    assert not [path for path in (tmp_path / "s").rglob("*") if path.is_file() and path.name != "lock"]
