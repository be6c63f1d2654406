"""All that a seller's directory was begun with: one object, one document."""

from typing import TypeAlias

from blindfair.api.listing_options import ListingOptions
from blindfair.cli.party.settings import BegunSettings

SellerSettings: TypeAlias = BegunSettings[ListingOptions]
