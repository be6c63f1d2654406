"""All that a seller's directory was begun with: one object, one document."""

from typing import TypeAlias

from blindfair.cli.party.settings import BegunSettings
from blindfair.cli.seller.listing import ListingOptions

SellerSettings: TypeAlias = BegunSettings[ListingOptions]
