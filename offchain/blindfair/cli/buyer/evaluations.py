"""Evaluations that an account had, remembered beside the keystore: a seller answers it once for each scoring model.

The seller would refuse a second request, but only when the encrypted query was made and sent. Remembered are answers
alone: an evaluation that was never read, because its fee was not paid, may be asked for again (PROTOCOL 4.7).
"""

from pathlib import Path

from blindfair.agents.buyer.evaluated import Evaluated
from blindfair.agents.seller.budget_ledger import model_digest
from blindfair.cli.buyer.remembered import remember, remembered
from blindfair.cli.lines import Lines
from blindfair.cli.party.begun import is_begun
from blindfair.influence.scoring_model import RowModel
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.fields import hex_text
from blindfair.protocol.quantities import Address, Digest, ListingId

FILE = "evaluations.json"


def remember_evaluation(keystore: Path, directory: Path, evaluated: Evaluated, notices: Lines) -> None:
    """Write down where the account's evaluation of a listing is; `notices` tell where that fails."""
    asked = evaluated.request
    model = model_digest(asked.model_name, asked.model_config, asked.weights)
    key = _key(asked.buyer, evaluated.listing.manifest.listing, model)
    remember(keystore.parent / FILE, key, str(directory.resolve()), notices)


def check_not_evaluated(keystore: Path, account: Address, listing: ListingId, model: RowModel | None) -> None:
    """Raises InvalidOption for a listing that the account evaluated with this scoring model, and MalformedFile.

    `model` is None where it is known only once it is trained: the seller says then whether it was asked before.
    """
    if model is None:
        return
    path = keystore.parent / FILE
    before = remembered(path).get(_key(account, listing, model_digest(model.name, *model.to_parts())))
    if before is not None:
        gone = "it is not there any more: go on where it was moved to, or restore it from a backup"
        goes_on = "go on in that directory" if is_begun(Path(before)) else gone
        raise InvalidOption(
            "This account had an evaluation of this listing with the same scoring model already",
            expected="one evaluation for each listing, account and scoring model; nothing was asked",
            found=f"an earlier one in {before}",
            hint=f"{goes_on}; or ask the seller to list its records again ({path} remembers evaluations)",
        )


def _key(account: Address, listing: ListingId, model: Digest) -> str:
    # One folder may hold the keystores of many accounts.
    return f"account {account}, listing {hex_text(listing)}, model {hex_text(model)}"
