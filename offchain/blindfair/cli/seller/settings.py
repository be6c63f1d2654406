"""The settings of a seller's directory: one object, one document."""

from typing import TypeAlias

from blindfair.api.listing_options import ListingOptions
from blindfair.cli.party.settings import BegunSettings

SellerSettings: TypeAlias = BegunSettings[ListingOptions]
