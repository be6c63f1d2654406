"""The buyer's own texts: one source, divided into training and validation, or one for each; its base model, and its
own fine-tuned model.

Not here: how they are divided (`divided_texts`), what values a listing by them (`listing_text_valuer`), and tables
(`own_records`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from blindfair.api.adapters import adapter_files, check_fits_base, load_adapter
from blindfair.api.base_models import check_label_fits, check_readable, load_base
from blindfair.api.checked_options import NOT_TEXTS, needed_label
from blindfair.api.defaults import DISCLOSURE, MAX_WINDOWS, MODELS, SCORE_BITS, WINDOW
from blindfair.api.divided_texts import DividedTexts, divided_texts
from blindfair.api.fine_tuned import (
    CHANGED_FILE,
    KEPT_MODELS,
    changed_layers_file,
    load_changed_layers,
    load_fine_tuned,
)
from blindfair.api.own_records import TableOptions
from blindfair.api.purchase_options import PurchaseOptions
from blindfair.influence.corpus.corpus import Corpus, read_corpus
from blindfair.influence.frames import Frame
from blindfair.influence.images.images import LABEL_COLUMN, ImageSource
from blindfair.protocol.errors import InvalidOption

if TYPE_CHECKING:
    from blindfair.influence.text import BaseModel, Difference
    from blindfair.influence.text.base_files import SentBase


@dataclass(frozen=True, slots=True)
class OwnTexts:
    """How the buyer's texts are read, the folder of its base model, whether the seller may see the query's directions,
    the folder of the buyer's LoRA adapter or of its fine-tuned model, if the seller may see that, and whether the base
    model may travel to a seller that does not hold it."""

    column: str
    label: str | None
    base_model: str
    seed: int
    show_query: bool = False
    adapter: str | None = None
    send_base_model: bool = False
    fine_tuned: str | None = None

    def read(self, sources: Mapping[str, Path | str | Frame | ImageSource]) -> DividedTexts:
        """Read one source named `OWN`, or two named `TRAIN` and `VALIDATION`.

        Raises what `read_corpus` and `divided_texts` raise.
        """
        return divided_texts({name: self._read(each) for name, each in sources.items()}, self.seed)

    def checked(
        self, sources: Mapping[str, Path | str | Frame | ImageSource]
    ) -> "tuple[BaseModel, Difference | None, DividedTexts]":
        """Load base model and fine-tuned model, read the texts as `read` does, and check that these can be scored.

        Raises what `base`, `difference` and `read` raise, UnusableModel for an adapter of another base, LabelUnusable
        for a label that the base model does not learn, and UnusableText naming a record.
        """
        read = {name: self._read(each) for name, each in sources.items()}
        divided = divided_texts(read, self.seed)
        base = self.base()
        from blindfair.influence.text import TextWindows

        check_label_fits(base, self.label)
        difference = self.difference(base)
        if difference is not None and self.adapter is not None:
            check_fits_base(Path(self.adapter), base, difference, labelled=self.label is not None)
        for corpus in read.values():
            # Before they are divided: a person counts the records of a file.
            check_readable(base, corpus.texts(), TextWindows(WINDOW, MAX_WINDOWS))
        return base, difference, divided

    def _read(self, source: Path | str | Frame | ImageSource) -> Corpus:
        if isinstance(source, tuple):
            raise InvalidOption(
                "`text_column` is for texts, and these are images",
                expected="a file, a frame or a folder of texts",
                found="two arrays",
                hint="leave the option out",
            )
        return read_corpus(source, text=self.column, label=self.label)

    def base(self) -> "BaseModel":
        """Load the base model. Raises what `load_base` raises."""
        return load_base(Path(self.base_model))

    def difference(self, base: "BaseModel", copied_to: Path | None = None) -> "Difference | None":
        """How the buyer's fine-tuned model differs from the base, by its own folder or by what a folder keeps of it;
        None without one. Raises what `load_adapter` and `load_fine_tuned` raise."""
        if self.adapter is not None:
            return load_adapter(copied_to or Path(self.adapter))
        if self.fine_tuned is None:
            return None
        return load_fine_tuned(Path(self.fine_tuned), base) if copied_to is None else load_changed_layers(copied_to)

    def sent_base(self) -> "SentBase | None":
        """The base model as it travels; None if it may not."""
        from blindfair.influence.text.base_files import SentBase

        return SentBase(Path(self.base_model)) if self.send_base_model else None

    def copies(self) -> Mapping[str, bytes]:
        """The files to keep besides the texts, by name: the adapter's, or one of changed layers.

        Raises what `adapter_files`, `load_base` and `load_fine_tuned` raise.
        """
        if self.adapter is not None:
            return adapter_files(Path(self.adapter))
        if self.fine_tuned is None:
            return {}
        return {CHANGED_FILE: changed_layers_file(load_fine_tuned(Path(self.fine_tuned), self.base()))}


def own_options(
    label: str | None,
    text_column: str | None,
    base_model: Path | str | None,
    exclude: Sequence[str],
    seed: int,
    text: Sequence[str],
    *,
    images: bool = False,
    show_query: bool = False,
    adapter: Path | str | None = None,
    send_base_model: bool = False,
    fine_tuned: Path | str | None = None,
) -> TableOptions | OwnTexts:
    """Return how the buyer's records are read: as texts if `text_column` is given, as `images`, or else as a table.

    Raises InvalidOption for texts without a base model, for a table with one or without a label, for what is no text
    with `show_query`, `adapter`, `fine_tuned` or `send_base_model`, and for both `adapter` and `fine_tuned`.
    """
    if text_column is None:
        if show_query:
            raise InvalidOption(
                "`show_query` is for texts",
                expected="`text_column`, the column of the texts",
                found="none",
                hint="leave the option out: of other records no request shows the query",
            )
        for name, is_given in (
            ("adapter", adapter is not None),
            ("fine_tuned", fine_tuned is not None),
            ("send_base_model", send_base_model),
        ):
            if is_given:
                raise InvalidOption(
                    f"`{name}` is for texts",
                    expected="`text_column`, the column of the texts",
                    found="none",
                    hint="leave the option out: other records are scored without a base model",
                )
        if base_model is not None:
            raise InvalidOption(
                "`base_model` is for texts, and this is a table",
                expected="`text_column`, the column of the texts",
                found="none",
                hint=f"name that column: {NOT_TEXTS}" if text else "name that column, or leave the option out",
            )
        if images:
            _check_of_images(exclude, text)
            return TableOptions(LABEL_COLUMN if label is None else label, [], seed, images=True)
        return TableOptions(needed_label(label, text), list(exclude), seed, list(text))
    if text:
        raise InvalidOption(
            "`text` is for tables, and these are texts",
            expected="`text_column` alone",
            found=", ".join(text),
            hint=f"leave the option out: {NOT_TEXTS}",
        )
    if base_model is None:
        raise InvalidOption(
            "Texts are scored with a `base_model` that both parties hold",
            expected="its folder",
            found="none",
            hint="the listing names the base models that its seller holds",
        )
    if adapter is not None and fine_tuned is not None:
        raise InvalidOption(
            "A request asks at one model",
            expected="`adapter` or `fine_tuned`",
            found="both",
            hint="leave one of them out",
        )
    return OwnTexts(
        column=text_column,
        label=label,
        base_model=str(Path(base_model).resolve()),
        seed=seed,
        show_query=show_query,
        adapter=None if adapter is None else str(Path(adapter).resolve()),
        send_base_model=send_base_model,
        fine_tuned=None if fine_tuned is None else str(Path(fine_tuned).resolve()),
    )


def own_sources(names: Iterable[str], directory: Path) -> dict[str, Path]:
    """The copies of the buyer's own records among all copied files of its directory."""
    return {name: directory / name for name in names if name not in KEPT_MODELS}


def _check_of_images(exclude: Sequence[str], text: Sequence[str]) -> None:
    for name, value in (("exclude", exclude), ("text", text)):
        if value:
            raise InvalidOption(
                f"`{name}` is for tables, and these are images",
                expected="none: models read the images and the label",
                found=", ".join(value)[:80],
                hint="leave the option out",
            )


def check_asks_texts(options: TableOptions | OwnTexts, purchase: PurchaseOptions) -> None:
    """Raises InvalidOption for an option that says how a table is learnt from, where there are texts."""
    if not isinstance(options, OwnTexts):
        return
    for name, value, default in (
        ("model", purchase.model, MODELS[0]),
        ("score_bits", purchase.score_bits, SCORE_BITS),
        ("disclosure", purchase.disclosure, DISCLOSURE),
    ):
        if value != default:
            raise InvalidOption(
                f"`{name}` is for tables, and these are texts",
                expected="none: texts are scored one by one, by their base model",
                found=value,
                hint="leave the option out",
            )
