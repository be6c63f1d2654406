"""What a seller's journal keeps of the messages that a later one of the same buyer is about (PROTOCOL 5.1, 5.6).

Not here: the answers, which `mail` keeps.
"""

from blindfair.agents.messaging.mail import Mail
from blindfair.agents.store.journal import Journal
from blindfair.agents.store.steps import (
    WRITTEN,
    evaluation_made,
    opened_free,
    openings_message,
    request_kept,
    selection_kept,
)
from blindfair.protocol.errors import FieldMismatch, JournalDamaged, UnexpectedMessage
from blindfair.protocol.messages import Agreement, Envelope, Request, Selection
from blindfair.protocol.quantities import Address, Digest


def request_of(journal: Journal, mail: Mail, selection: Selection) -> tuple[Digest, Request]:
    """The request whose evaluation a selection is made from, and its `H(document)`.

    Raises UnexpectedMessage where no such evaluation was made, JournalDamaged.
    """
    found = journal.intent(evaluation_made(selection.evaluation))
    if found is None:
        raise UnexpectedMessage("No such evaluation was made", found=selection.evaluation.hex())
    digest = Digest(bytes.fromhex(found))
    message = mail.stored(request_kept(digest))[1]
    if not isinstance(message, Request):
        raise JournalDamaged("A stored message is not a request", expected=Request.TYPE, found=message.TYPE)
    return digest, message


def selection_of(journal: Journal, mail: Mail, agreement: Agreement, buyer: Address) -> tuple[Envelope, Selection]:
    """The selection that an agreement of `buyer` is about, once it was answered.

    Raises UnexpectedMessage where none was, FieldMismatch for another buyer's, JournalDamaged.
    """
    if journal.get(WRITTEN.of(openings_message(agreement.selection))) is None:
        raise UnexpectedMessage("No selection of this number was opened", found=agreement.selection.hex())
    selected, selection = mail.stored(selection_kept(agreement.selection))
    if not isinstance(selection, Selection):
        raise JournalDamaged("A stored message is not a selection", expected=Selection.TYPE, found=selection.TYPE)
    if selected.sender != buyer:
        raise FieldMismatch("The selection is another buyer's", expected=selected.sender, found=buyer)
    return selected, selection


def free_of(journal: Journal, agreement: Agreement) -> int:
    """How many units of an answered selection are opened free (PROTOCOL 5.6). Raises JournalDamaged."""
    kept = journal.get(opened_free(agreement.selection))
    if kept is None:
        raise JournalDamaged("What an answered selection opens free of charge is gone", found=agreement.selection.hex())
    return int(kept)
