"""Files in a folder: neither names nor links lead out of it, and what changes meanwhile is refused by its name."""

import os
from pathlib import Path

import pytest

from blindfair.influence.folder import FILE_LIMIT, FileState, Folder, folder_exceeds
from blindfair.protocol.errors import BlindfairError, FileChanged, FileMissing, MalformedTable, TooLarge


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "f" / "deep").mkdir(parents=True)
    (tmp_path / "f" / "deep" / "1.bin").write_bytes(b"content" * 400_000)
    (tmp_path / "secret").write_bytes(b"not for sale")
    return tmp_path / "f"


def content(folder: Path, state: FileState) -> bytes:
    return b"".join(Folder(folder).pieces(state))


def test_a_file_comes_as_it_is(folder: Path) -> None:
    state = Folder(folder).state("deep/1.bin")
    assert (state.name, state.size) == ("deep/1.bin", 2_800_000)
    assert content(folder, state) == b"content" * 400_000


def test_links_that_stay_in_the_folder_are_taken(folder: Path) -> None:
    (folder / "other.bin").symlink_to("deep/1.bin")
    (folder / "way").symlink_to(folder / "deep")
    for name in ("other.bin", "way/1.bin"):
        assert content(folder, Folder(folder).state(name)) == b"content" * 400_000
    (folder.parent / "link").symlink_to(folder)
    assert Folder(folder.parent / "link").state("deep/1.bin").size == 2_800_000


def test_links_out_of_the_folder_are_refused(folder: Path) -> None:
    (folder / "out.bin").symlink_to("../secret")
    (folder / "up").symlink_to(folder.parent)
    (folder / "self").symlink_to(folder)
    for name in ("out.bin", "up/secret", "self"):
        with pytest.raises(MalformedTable, match="outside"):
            Folder(folder).state(name)
    # A folder whose name only begins alike is another one.
    (folder.parent / "f2").mkdir()
    (folder.parent / "f2" / "x").write_bytes(b"x")
    (folder / "near").symlink_to(folder.parent / "f2" / "x")
    with pytest.raises(MalformedTable):
        Folder(folder).state("near")


def test_a_link_that_is_put_there_between_two_readings_gives_nothing(folder: Path) -> None:
    state = Folder(folder).state("deep/1.bin")
    (folder / "deep" / "1.bin").unlink()
    (folder / "deep" / "1.bin").symlink_to(folder.parent / "secret")
    with pytest.raises(MalformedTable):
        content(folder, state)


def test_a_link_that_is_put_there_after_it_was_looked_at_gives_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, real = Folder(folder).state("deep/1.bin"), os.path.realpath

    def swapped(path: Path, *, strict: bool = False) -> str:
        found = str(real(path, strict=strict))
        if strict:
            (folder / "deep").rename(folder / "was")
            (folder.parent / "1.bin").write_bytes(b"not for sale")
            (folder / "deep").symlink_to(folder.parent)
        return found

    monkeypatch.setattr(os.path, "realpath", swapped)
    with pytest.raises(FileMissing):
        content(folder, state)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("none", FileMissing),
        ("deep", FileMissing),
        ("pipe", FileMissing),
        ("loop", FileMissing),
        ("deep/1.bin/more", FileMissing),
        ("x" * 300, FileMissing),
        ("large", TooLarge),
        ("../secret", MalformedTable),
        ("/etc/passwd", MalformedTable),
        ("", MalformedTable),
        (None, MalformedTable),
        (7, MalformedTable),
    ],
)
def test_what_is_no_file_of_the_folder_is_refused(folder: Path, name: object, error: type[BlindfairError]) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("loop")
    with (folder / "large").open("wb") as file:
        file.truncate(FILE_LIMIT + 1)
    with pytest.raises(error):
        Folder(folder).state(name)


def test_a_change_is_refused_by_name(folder: Path) -> None:
    path = folder / "deep" / "1.bin"
    state = Folder(folder).state("deep/1.bin")
    os.utime(path, ns=(0, state.modified + 1))
    with pytest.raises(FileChanged, match=r"deep/1\.bin"):
        content(folder, state)
    os.utime(path, ns=(0, state.modified))
    assert len(content(folder, state)) == state.size
    path.write_bytes(b"shorter")
    os.utime(path, ns=(0, state.modified))
    with pytest.raises(FileChanged):
        content(folder, state)
    path.unlink()
    with pytest.raises(FileMissing):
        content(folder, state)


def test_a_change_while_it_is_read_is_refused(folder: Path) -> None:
    state = Folder(folder).state("deep/1.bin")
    pieces = Folder(folder).pieces(state)
    next(pieces)
    with (folder / "deep" / "1.bin").open("r+b") as file:
        file.seek(2_000_000)
        file.write(b"another end")
    with pytest.raises(FileChanged):
        list(pieces)
    (folder / "deep" / "1.bin").write_bytes(b"content" * 400_000)
    state = Folder(folder).state("deep/1.bin")
    pieces = Folder(folder).pieces(state)
    next(pieces)
    os.truncate(folder / "deep" / "1.bin", 100)
    with pytest.raises(FileChanged):
        list(pieces)


def test_a_folder_s_size_is_that_of_its_own_files(folder: Path) -> None:
    assert folder_exceeds(folder, 2_799_999)
    assert not folder_exceeds(folder, 2_800_000)
    (folder / "up").symlink_to(folder.parent)
    (folder / "again").symlink_to("deep/1.bin")
    assert not folder_exceeds(folder, 2_800_000)
    assert not folder_exceeds(folder / "none", 0)
