"""`blindfair doctor` on the base models that a directory's texts are scored with: whether they are there and whole."""

from collections.abc import Iterator
from pathlib import Path

from blindfair.api.listing_options import ListingOptions
from blindfair.api.own_texts import OwnTexts
from blindfair.cli.buyer.settings import BuyerOptions
from blindfair.cli.doctor.finding import Finding
from blindfair.cli.flags import with_flags
from blindfair.cli.party.settings import PartyOptions
from blindfair.protocol.errors import BlindfairError


def base_model_folders(options: PartyOptions) -> tuple[Path, ...]:
    """The folders of base models that a party began with; none for tables."""
    if isinstance(options, ListingOptions):
        return () if options.texts is None else tuple(map(Path, options.texts.base_models))
    if isinstance(options, BuyerOptions) and isinstance(options.tables, OwnTexts):
        return (Path(options.tables.base_model),)
    return ()


def look_at_base_model(folder: Path) -> Iterator[Finding]:
    """One base model, read whole."""
    # Imported here: torch takes seconds, and tables need none of it.
    from blindfair.influence.text import BaseModel

    try:
        base = BaseModel.load(folder)
    except BlindfairError as error:
        told = "; ".join(
            [with_flags(error.what)]
            + [f"{name} {value}" for name, value in (("expected", error.expected), ("found", error.found)) if value]
        )
        hint = with_flags(error.hint) or "put back the folder that was begun with: scores are by its very numbers"
        yield Finding("base model", False, f"{folder}: {told}", hint)
        return
    numbers = sum(tensor.numel() for tensor in base.tensors.values())
    yield Finding(
        "base model", True, f"{folder}: {base.architecture} of {numbers:,} numbers, digest {base.digest.hex()}"
    )
