"""A place for results that cannot be used is refused before the work; what was there before is untouched."""

import json
import os
import shlex
import shutil
from pathlib import Path

import pytest
from command import Ended, Inside
from real_tables import LABEL, tumours

from blindfair.agents.store.directory import DirectoryLock
from blindfair.cli.targets import write_folder
from blindfair.protocol.errors import (
    BlindfairError,
    CannotWrite,
    FileChanged,
    InsecureStore,
    InvalidOption,
    JournalDamaged,
    JournalVersion,
    StoreInUse,
)


@pytest.fixture
def contents(tmp_path: Path) -> Path:
    """A directory with a file in it."""
    folder = tmp_path / "contents"
    folder.mkdir(mode=0o700)
    (folder / "precious").write_text("mine")
    return folder


def listing(folder: Path) -> list[tuple[str, bytes]]:
    return [(str(path.relative_to(folder)), path.read_bytes()) for path in sorted(folder.rglob("*")) if path.is_file()]


@pytest.mark.parametrize("option", ["--json", "--report"])
def test_results_cannot_go_below_a_file(option: str, contents: Path, clean: Path, inside: Inside) -> None:
    inside("demo", option, contents / "precious" / "result").failed(CannotWrite, option, "which is a file")
    assert listing(contents) == [("precious", b"mine")]


def test_the_result_cannot_replace_a_directory(contents: Path, clean: Path, inside: Inside) -> None:
    inside("demo", "--json", contents).failed(CannotWrite, "--json", "or - for standard output")


def test_the_result_cannot_go_into_a_directory_that_is_not_there(clean: Path, inside: Inside) -> None:
    inside("demo", "--json", "nowhere/result.json").failed(CannotWrite, "which is not there")


@pytest.mark.parametrize("device", ["/dev/null", "/dev/full"])
def test_the_result_does_not_replace_a_device(device: str, clean: Path, inside: Inside) -> None:
    inside("demo", "--json", device).failed(CannotWrite, "not a regular file")
    assert not Path(device).is_file()


def test_the_report_cannot_replace_a_file(contents: Path, clean: Path, inside: Inside) -> None:
    inside("demo", "--report", contents / "precious").failed(CannotWrite, "--report")
    assert listing(contents) == [("precious", b"mine")]


@pytest.mark.parametrize("option", ["--json", "--report"])
def test_a_place_that_takes_no_files_is_found_out(option: str, clean: Path, inside: Inside) -> None:
    # Root may write anywhere but here.
    refused = inside("demo", option, "/proc/result")
    refused.failed(CannotWrite, option, "name another directory")
    assert "permissions" not in refused.err


def test_a_report_is_there_in_full_or_not_at_all(contents: Path) -> None:
    too_long = "x" * 300
    with pytest.raises(CannotWrite):
        write_folder(contents, {"first": b"1", too_long: b"2"})
    assert listing(contents) == [("precious", b"mine")]
    write_folder(contents, {"precious": b"new", "second": b"2"})
    assert listing(contents) == [("precious", b"new"), ("second", b"2")]


# --- the directory that a demo lives in ----------------------------------------------------------------------------


def interrupted(inside: Inside, monkeypatch: pytest.MonkeyPatch, *arguments: object) -> Ended:
    """Run the command up to the moment at which it holds its directory; Ctrl-C then."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("blindfair.cli.demo.screen.DemoScreen.scenario", interrupt)
        return inside("demo", *arguments)


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: Inside) -> tuple[Path, Path]:
    """The directory of a demo that was interrupted right after it had begun, and its table."""
    table, home = tumours(tmp_path / "tumours.csv"), tmp_path / "home"
    ended = interrupted(inside, monkeypatch, "--records", table, "--label", LABEL, "--directory", home)
    assert ended.code == 130
    return home, table


def refused(
    inside: Inside, begun: tuple[Path, Path], error: type[BlindfairError], *words: str, options: tuple[str, ...] = ()
) -> None:
    home, table = begun
    before = listing(home)
    ended = inside("demo", "--records", table, "--label", LABEL, "--directory", home, *options)
    ended.failed(error, *words)
    assert listing(home) == before


@pytest.mark.parametrize(
    "options",
    [
        ("--seed", "1"),
        ("--budget", "0.5"),
        ("--flipped", "0.2"),
        ("--duplicates", "0"),
        ("--value", "0.1"),
        ("--exclude", "mean radius"),
        ("--categorical", "mean radius"),
    ],
    ids=" ".join,
)
def test_a_demo_goes_on_only_with_its_options(
    options: tuple[str, ...], begun: tuple[Path, Path], clean: Path, inside: Inside
) -> None:
    refused(
        inside, begun, InvalidOption, "begun with other options", " ".join(map(shlex.quote, options)), options=options
    )


def test_a_demo_goes_on_only_with_its_table(begun: tuple[Path, Path], clean: Path, inside: Inside) -> None:
    _, table = begun
    table.write_text(table.read_text().replace("17.99", "17.98", 1))
    refused(inside, begun, FileChanged, "another table")


def test_a_demo_goes_on_only_with_its_version(begun: tuple[Path, Path], clean: Path, inside: Inside) -> None:
    options = begun[0] / "options.json"
    options.write_text(json.dumps(json.loads(options.read_text()) | {"version": "0.0.9"}))
    refused(inside, begun, JournalVersion, "0.0.9")


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}", '{"version": 1}'])
def test_damaged_options_are_refused(damage: str, begun: tuple[Path, Path], clean: Path, inside: Inside) -> None:
    (begun[0] / "options.json").write_text(damage)
    refused(inside, begun, JournalDamaged)


def test_a_directory_in_use_is_refused(begun: tuple[Path, Path], clean: Path, inside: Inside) -> None:
    with DirectoryLock(begun[0]):
        refused(inside, begun, StoreInUse)


def test_a_directory_that_others_may_enter_is_refused(begun: tuple[Path, Path], clean: Path, inside: Inside) -> None:
    begun[0].chmod(0o755)
    refused(inside, begun, InsecureStore, "chmod 700")


def test_a_directory_of_other_things_is_left_alone(contents: Path, clean: Path, inside: Inside) -> None:
    inside("demo", "--directory", contents).failed(InvalidOption, "'precious'")
    assert listing(contents) == [("precious", b"mine")]


def test_a_file_is_no_directory(contents: Path, clean: Path, inside: Inside) -> None:
    inside("demo", "--directory", contents / "precious").failed(CannotWrite, "--directory")
    assert listing(contents) == [("precious", b"mine")]


def test_a_demo_that_was_killed_while_it_began_begins_again(
    begun: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, inside: Inside
) -> None:
    home, table = begun
    (home / "options.json").rename(home / ".options.json.4711")
    ended = interrupted(inside, monkeypatch, "--records", table, "--label", LABEL, "--directory", home)
    assert ended.code == 130
    assert (home / "options.json").exists()


def test_an_interrupted_demo_keeps_nothing_without_a_directory(
    clean: Path, monkeypatch: pytest.MonkeyPatch, inside: Inside
) -> None:
    ended = interrupted(inside, monkeypatch, "--json", "result.json", "--report", "report")
    assert ended.code == 130
    assert ended.err.startswith("error: Interrupted: ")
    assert "--directory" in ended.err


def test_a_current_directory_that_is_gone_is_no_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: Inside
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    shutil.rmtree(gone)
    ended = inside("demo", "--json", "result.json")
    monkeypatch.chdir(tmp_path)
    ended.failed(CannotWrite)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_without_permission_is_refused(contents: Path, clean: Path, inside: Inside) -> None:
    contents.chmod(0o500)
    inside("demo", "--json", contents / "result.json").failed(CannotWrite, "Permission denied")
    contents.chmod(0o700)
