"""The seller's agent, opened from its directory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from blindfair.agents.seller.seller import Seller
from blindfair.cli.party.access import open_context
from blindfair.cli.party.screen import PartyScreen
from blindfair.cli.seller.listing import RECORDS
from blindfair.cli.seller.settings import SellerSettings
from blindfair.influence.threads import one_thread


@contextmanager
def opened_seller(
    directory: Path, settings: SellerSettings, password_file: Path | None, screen: PartyScreen
) -> Iterator[Seller]:
    """The agent of a directory that was begun; closed at the end.

    Raises what `open_context`, `Agent` and the table's reading raise.
    """
    options = settings.options
    context = open_context(settings, password_file, screen.event)
    with one_thread():
        seller = Seller(directory, context, options.listing_spec(options.table(directory / RECORDS)), options.policy())
        try:
            yield seller
        finally:
            seller.close()
