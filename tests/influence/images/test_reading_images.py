"""Images are read from files, folders and memory alike, and what is no listed form is named before any work."""

import io
import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindfair.influence.images.images import IMAGE_COLUMN, LABEL_COLUMN, Images, holds_images, images_of, read_images
from blindfair.protocol.arrays import ArrayForm, encode_array, encode_array_rows
from blindfair.protocol.errors import (
    BlindfairError,
    FileMissing,
    InvalidOption,
    LabelMissing,
    MalformedTable,
    NoRecords,
    TooLarge,
    UnusableImages,
)
from blindfair.protocol.records import Cell, RecordEncoding
from blindfair.protocol.schema import Column, ColumnKind, Schema

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (12, 5, 4), dtype=np.uint8)
LABELS = np.arange(12) % 3


def saved(folder: Path, pixels: Any = PIXELS, labels: Any = LABELS) -> Path:
    folder.mkdir(exist_ok=True)
    np.save(folder / "images.npy", pixels)
    if labels is not None:
        np.save(folder / "labels.npy", labels)
    return folder


def with_table(folder: Path, lines: str) -> Path:
    (saved(folder, labels=None) / "labels.csv").write_text(lines)
    return folder


def separate(folder: Path, names: list[str] | None = None) -> Path:
    folder.mkdir()
    for number, image in enumerate(PIXELS):
        np.save(folder / f"{number}.npy", image)
    listed = names or [f"{number}.npy" for number in range(len(PIXELS))]
    lines = [f"{name},{label}" for name, label in zip(listed, LABELS, strict=False)]
    (folder / "labels.csv").write_text("\n".join(["file,label", *lines]) + "\n")
    return folder


def same(images: Images, pixels: Any = PIXELS, labels: Any = LABELS) -> bool:
    return np.array_equal(images.pixels, pixels) and list(images.labels) == np.asarray(labels).tolist()


def test_every_way_of_giving_images_gives_the_same(tmp_path: Path) -> None:
    folder = saved(tmp_path / "a")
    kept = tmp_path / "records.csv"
    kept.write_bytes(read_images(folder).to_bytes())
    for source in (
        (PIXELS, LABELS),
        (np.asfortranarray(PIXELS), list(LABELS)),
        folder,
        str(folder),
        folder / "images.npy",
        kept,
        with_table(tmp_path / "b", "label\n" + "".join(f"{label}\n" for label in LABELS)),
        separate(tmp_path / "c"),
    ):
        images = read_images(source)
        assert same(images)
        assert images.pixels.flags.c_contiguous
        assert holds_images(source) or source == kept


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "f4", "f8", ">f8"])
@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 3), (1, 1), (3, 3, 1)])
@pytest.mark.parametrize("labels", ["i8", "u1", ">i4", "bool", "U5"])
def test_records_give_back_what_was_listed(dtype: str, shape: tuple[int, ...], labels: str, tmp_path: Path) -> None:
    pixels, named = RNG.integers(0, 200, (6, *shape)).astype(dtype), (np.arange(6) % 2).astype(labels)
    images = read_images(saved(tmp_path / "a", pixels, named))
    schema, records = images.schema(), encode_array_rows(images.rows)
    assert len({len(record) for record in records}) == 1
    rows = [schema.decode(RecordEncoding.ARRAY, record) for record in records]
    found, found_labels = images_of(schema, rows)
    assert found.dtype == pixels.dtype.newbyteorder("<") and found_labels.dtype == named.dtype.newbyteorder("<")
    assert found.tobytes() == pixels.astype(found.dtype).tobytes()
    assert found_labels.tobytes() == named.astype(found_labels.dtype).tobytes()


def test_an_own_name_of_the_label_is_kept(tmp_path: Path) -> None:
    folder = with_table(tmp_path / "a", "who,digit\n" + "".join(f"x,{label}\n" for label in LABELS))
    images = read_images(folder, "digit")
    assert images.columns == ("image", "digit") and same(images)


def test_copies_are_found_whatever_their_label() -> None:
    images = read_images((PIXELS[[0, 1, 0, 2, 1]], [0, 1, 2, 0, 1]))
    assert images.copies() == {2: 0, 4: 1}


def objects() -> Any:
    return np.array([[["a"]], [["b"]]], dtype=object)


class Opened(Exception):
    """A pickle of the file was run."""


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return _explode, ()


def _explode() -> None:
    raise Opened


def with_nan(dtype: str) -> Any:
    pixels = PIXELS.astype(dtype)
    pixels[7, 2, 2] = np.nan
    return pixels


def header(shape: str, descr: str = "'|u1'", order: str = "False") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def file_of(data: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (saved(folder) / "images.npy").write_bytes(data)
        return folder

    return make


def archive() -> bytes:
    file = io.BytesIO()
    np.savez(file, images=PIXELS)
    return file.getvalue()


def cut(folder: Path) -> Path:
    path = saved(folder) / "images.npy"
    path.write_bytes(path.read_bytes()[:-1])
    return folder


def removed(folder: Path) -> Path:
    separate(folder)
    (folder / "4.npy").unlink()
    return folder


def of_two_sizes(folder: Path) -> Path:
    np.save(separate(folder) / "4.npy", PIXELS[4, :-1])
    return folder


BAD: dict[str, tuple[Callable[[Path], Any], type[BlindfairError], str]] = {
    "objects": (lambda f: saved(f, objects()), UnusableImages, "no plain numbers"),
    "a pickle": (file_of(pickle.dumps(Bomb())), UnusableImages, "no npy"),
    "a pickle behind a header": (file_of(header("(1,)", "'|O'") + pickle.dumps(Bomb())), UnusableImages, "plain"),
    "an npz file": (file_of(archive()), UnusableImages, "zip or npz"),
    "other bytes": (file_of(b"\x89PNG and more"), UnusableImages, "no npy"),
    "an empty file": (file_of(b""), UnusableImages, "no npy"),
    "a header that runs code": (file_of(header("__import__('os').abort()")), UnusableImages, "no npy"),
    "a header that is cut off": (file_of(header("(12, 5, 4)")[:30]), UnusableImages, "no npy"),
    "a header of petabytes": (file_of(header("(99999999, 99999999)")), UnusableImages, "cut off"),
    "a header of less than nothing": (file_of(header("(-3, 5, 4)") + bytes(60)), UnusableImages, "no npy"),
    "a header of twice less than nothing": (file_of(header("(-3, -5, 4)") + bytes(60)), UnusableImages, "no npy"),
    "a header of truth values": (file_of(header("(True, 5, 4)") + bytes(60)), UnusableImages, "no npy"),
    "a header beyond all numbers": (file_of(header(f"({'9' * 3000}, {'9' * 3000})")), UnusableImages, "no npy"),
    "a header that does not end": (file_of(header("((")), UnusableImages, "no npy"),
    "a header without bottom": (file_of(header("-" * 9000 + "1")), UnusableImages, "no npy"),
    "a file that is cut off": (cut, UnusableImages, "cut off"),
    "three arrays in a file": (
        file_of(read_images((PIXELS, LABELS)).to_bytes() * 2), UnusableImages, "goes on"
    ),
    "Fortran order": (lambda f: saved(f, np.asfortranarray(PIXELS)), UnusableImages, "Fortran"),
    "fields": (lambda f: saved(f, np.zeros(3, dtype=[("a", "u1")])), UnusableImages, "no plain numbers"),
    "integers of 64 bits": (lambda f: saved(f, PIXELS.astype(int)), UnusableImages, "not listed"),
    "half precision": (lambda f: saved(f, PIXELS.astype("f2")), UnusableImages, "not listed"),
    "complex numbers": (lambda f: saved(f, PIXELS.astype(complex)), UnusableImages, "no plain numbers"),
    "texts": (lambda f: saved(f, PIXELS.astype(str)), UnusableImages, "not listed"),
    "flat images": (lambda f: saved(f, PIXELS.reshape(12, -1)), UnusableImages, "no array of images"),
    "channels first": (lambda f: saved(f, np.zeros((4, 3, 8, 8), "u1")), UnusableImages, "no array of images"),
    "no image": (lambda _: (PIXELS[:0], LABELS[:0]), NoRecords, "no image"),
    "images of nothing": (lambda _: (PIXELS[:, :0], LABELS), UnusableImages, "too large, or too many"),
    "images too large": (lambda _: (np.zeros((2, 257, 256), "u1"), [0, 1]), UnusableImages, "too large"),
    "NaN": (lambda f: saved(f, with_nan("f4")), UnusableImages, "image 7"),
    "labels that are too few": (lambda f: saved(f, labels=LABELS[:-1]), UnusableImages, "for each image"),
    "labels in two columns": (lambda f: saved(f, labels=np.c_[LABELS, LABELS]), UnusableImages, "for each image"),
    "labels of objects": (lambda f: saved(f, labels=np.array(["a", 1] * 6, dtype=object)), UnusableImages, "plain"),
    "labels that are dates": (lambda _: (PIXELS, LABELS.astype("M8[D]")), UnusableImages, "no labels"),
    "labels that are NaN": (lambda f: saved(f, labels=np.where(LABELS, LABELS, np.nan)), LabelMissing, "no label"),
    "no labels": (lambda f: saved(f, labels=None), FileMissing, "no labels beside"),
    "no column of labels": (lambda f: with_table(f, "digit\n1\n2\n"), LabelMissing, "no column 'label'"),
    "a missing label": (lambda f: with_table(f, "label,b\n1,x\n,y\n" + "1,x\n" * 10), LabelMissing, "line 3"),
    "a file that is not there": (removed, FileMissing, "4.npy"),
    "images of two sizes": (of_two_sizes, UnusableImages, "first image"),
    "a file of another folder": (
        lambda f: separate(f, ["../x.npy", *(f"{n}.npy" for n in range(1, 12))]), UnusableImages, "another folder"
    ),
    "no such folder": (lambda f: f / "nowhere.npy", FileMissing, "cannot be read"),
    "one array": (lambda _: (PIXELS,), UnusableImages, "two arrays"),
    "a number": (lambda _: 7, UnusableImages, "no images"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_listed_form_is_named(name: str, tmp_path: Path) -> None:
    make, error, told = BAD[name]
    source = make(tmp_path / "images")
    with pytest.raises(error, match=told) as caught:
        read_images(source)
    assert type(caught.value) is error
    assert caught.value.expected is not None and caught.value.found is not None and caught.value.hint


@pytest.mark.parametrize(
    ("labels", "dtype"),
    [
        ([300, 2], "|u1"),
        (["horse", "ox"], "<U2"),
        (["horse", "ox"], "<i8"),
        ([1.5, 2.0], "<i4"),
        ([1e300, 1.0], "<f2"),
        ([True, False], "<f4"),
        ([2**63, -1], "<i8"),
    ],
)
def test_a_form_of_labels_that_lies_changes_none(labels: list[Cell], dtype: str) -> None:
    """The form is the seller's word, and no record is refused for it: what was bought comes out as it is."""
    kind = ColumnKind.NUMBER if isinstance(labels[0], float) else ColumnKind.CATEGORY
    schema = Schema(
        (
            Column(IMAGE_COLUMN, ColumnKind.ARRAY, form=ArrayForm("|u1", (5, 4))),
            Column(LABEL_COLUMN, kind, form=ArrayForm(dtype, ())),
        ),
        LABEL_COLUMN,
    )
    rows = [(encode_array(image), label) for image, label in zip(PIXELS, labels, strict=False)]
    _, found = images_of(schema, rows)
    assert found.tolist() == labels and found.dtype.kind != "O"


def test_a_form_of_long_labels_makes_no_long_array() -> None:
    schema = read_images((PIXELS, LABELS.astype("U3"))).schema()
    long = Column(LABEL_COLUMN, ColumnKind.CATEGORY, form=ArrayForm("<U99999", ()))
    _, found = images_of(Schema((schema.columns[0], long), LABEL_COLUMN), [(encode_array(PIXELS[0]), "a")])
    assert found.nbytes < 100 and found.tolist() == ["a"]


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blindfair.influence.images.npy.BYTE_LIMIT", 300)
    with pytest.raises(TooLarge, match="too large"):
        read_images(saved(tmp_path / "a"))


def test_the_label_is_not_called_like_the_images() -> None:
    with pytest.raises(InvalidOption, match="name of the images"):
        read_images((PIXELS, LABELS), "image")


def test_a_folder_of_many_images_is_bounded_before_they_are_read(tmp_path: Path) -> None:
    folder = separate(tmp_path / "many")
    np.save(folder / "0.npy", np.zeros((256, 256)))
    lines = ["0.npy,0", *(f"nothing-{number}.npy,1" for number in range(600))]
    (folder / "labels.csv").write_text("\n".join(["file,label", *lines]) + "\n")
    with pytest.raises(TooLarge, match="in all"):
        read_images(folder)


def test_a_zero_byte_in_the_table_of_labels_is_named(tmp_path: Path) -> None:
    folder = separate(tmp_path / "zero")
    lines = [json.dumps({"file": "1.npy", "label": "a"}), json.dumps({"file": "0.npy\0", "label": "a"})]
    for table in (
        "\n".join(lines) + "\n",
        "file,label\n0.npy,a\0\n",
        "file,label\n0.npy\0,a\n",
        "fi\0le,label\n0.npy,a\n",
    ):
        (folder / "labels.csv").write_text(table)
        with pytest.raises(MalformedTable, match="0x00"):
            read_images(folder)
