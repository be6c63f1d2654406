"""The seller's party, opened from its directory."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from blindfair.api.listing import prepared
from blindfair.api.parties import SellerParty, open_seller
from blindfair.api.stream_options import RECORDS
from blindfair.api.turns import TurnTaker
from blindfair.cli.party.access import open_context
from blindfair.cli.party.screen import PartyScreen
from blindfair.cli.seller.settings import SellerSettings


@contextmanager
def opened_seller(
    directory: Path, settings: SellerSettings, password_file: Path | None, screen: PartyScreen, turns: TurnTaker
) -> Iterator[SellerParty]:
    """The party of a directory that was begun; closed at the end.

    Raises what `open_context`, `open_seller` and the table's reading raise.
    """
    options = settings.options
    context = open_context(settings, password_file, screen.event)
    listing = prepared(options, options.table(directory / RECORDS))
    context = replace(context, base_models=listing.base_models)
    with open_seller(directory, context, listing.spec, listing.policy, turns=turns) as party:
        yield party
