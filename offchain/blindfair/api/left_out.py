"""Which copies `without_copies` leaves out of a listing, as its owner is told in Python and by `blindfair seller list`.

Not here: whether copies may be listed (`listing_options`), and how labels that contradict are named (`copies`).
"""

from dataclasses import dataclass

from blindfair.api.image_options import other_labels_of_images
from blindfair.api.listing_options import Listed, ListingOptions
from blindfair.api.stream_options import StreamedTable
from blindfair.api.text_options import other_labels_of_texts
from blindfair.influence.corpus.corpus import Corpus
from blindfair.influence.files import Files
from blindfair.influence.images.images import Images
from blindfair.protocol.words import counted


@dataclass(frozen=True, slots=True)
class CopiesLeftOut:
    """The copies among the `read` records that are not listed. `other_labels` says which had another label than the
    `what` that they repeat, a "text" or an "image"; None where none had, or nobody could tell."""

    count: int = 0
    read: int = 0
    other_labels: str | None = None
    what: str = "record"

    @property
    def other_labels_note(self) -> str | None:
        """What to do about labels that contradict each other; None where nothing was left out for it."""
        if not self.count or self.other_labels is None:
            return None
        return f"{self.other_labels}. The first {self.what}'s label is listed; correct it if it is wrong"

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about what was left out."""
        if not self.count:
            return ()
        said = f"{self.count:,} of {counted(self.read, 'record')} are left out: each is a copy of an earlier one"
        return (said,) if self.other_labels_note is None else (said, self.other_labels_note)


def copies_left_out(options: ListingOptions, table: Listed, listed: int) -> CopiesLeftOut:
    """Which copies are left out where `listed` records are listed of a table, of texts or of images that were read."""
    if not options.without_copies or isinstance(table, Files | StreamedTable):
        return CopiesLeftOut()
    if isinstance(table, Images):
        read = len(table.labels)
        return CopiesLeftOut(read - listed, read, other_labels_of_images(table), "image")
    read = len(table.rows)
    if isinstance(table, Corpus):
        return CopiesLeftOut(read - listed, read, other_labels_of_texts(table), "text")
    # The label is a part of a row: rows with other labels are no copies, and all of them are listed.
    return CopiesLeftOut(read - listed, read)
