"""Which copies `without_copies` leaves out of a listing, as its owner is told in Python and by `blindfair seller list`.

Not here: whether copies may be listed (`listing_options`), and what its owner reads of it (`copies`).
"""

from blindfair.api.copies import CopiesLeftOut
from blindfair.api.image_options import other_labels_of_images
from blindfair.api.listing_options import Listed, ListingOptions
from blindfair.api.stream_options import StreamedTable
from blindfair.api.text_options import other_labels_of_texts
from blindfair.influence.corpus.corpus import Corpus
from blindfair.influence.files import Files
from blindfair.influence.images.images import Images


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
