"""Evaluations that an account had, remembered beside the keystore: a seller answers it once for each scoring model.

The seller would refuse a second request, but only when the encrypted query was made and sent. Remembered are answers
alone: an evaluation that was never read, because its fee was not paid, may be asked for again (PROTOCOL 4.7).
"""

from pathlib import Path

from blindfair.agents.buyer.evaluated import Evaluated
from blindfair.agents.seller.budget_ledger import model_digest
from blindfair.cli.buyer.remembered import remember, remembered
from blindfair.influence.scoring_model import RowModel
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.fields import hex_text
from blindfair.protocol.quantities import Digest, ListingId

FILE = "evaluations.json"


def remember_evaluation(keystore: Path, directory: Path, evaluated: Evaluated) -> None:
    """Write down where the account's evaluation of a listing is. Raises CannotWrite, MalformedFile."""
    asked = evaluated.request
    model = model_digest(asked.model_name, asked.model_config, asked.weights)
    remember(keystore.parent / FILE, _key(evaluated.listing.manifest.listing, model), str(directory.resolve()))


def check_not_evaluated(keystore: Path, listing: ListingId, model: RowModel | None) -> None:
    """Raises InvalidOption for a listing that was evaluated with this scoring model, and MalformedFile.

    `model` is None where it is known only once it is trained: the seller says then whether it was asked before.
    """
    if model is None:
        return
    path = keystore.parent / FILE
    before = remembered(path).get(_key(listing, model_digest(model.name, *model.to_parts())))
    if before is not None:
        raise InvalidOption(
            "This account had an evaluation of this listing with the same scoring model already",
            expected="one evaluation for each listing, account and scoring model; nothing was asked",
            found=f"an earlier one in {before}",
            hint=f"go on in that directory, or ask the seller to list its records again; {path} remembers it",
        )


def _key(listing: ListingId, model: Digest) -> str:
    return f"listing {hex_text(listing)}, model {hex_text(model)}"
