"""Texts that a manifest publishes, as the command line gives them: checked before anything is begun."""

from blindfair.protocol.errors import InvalidListing, InvalidOption


def check_public_text(option: str, text: str, *, least: int, limit: int, given: bool = True) -> None:
    """Check that a text can stand in a manifest: it is Unicode, of `least` to `limit` characters.

    File names and arguments may be any bytes; Python holds those that its locale cannot read as lone surrogates. Where
    the text was not `given`, it is the name of a file. Raises InvalidOption for other bytes, InvalidListing for a
    wrong length.
    """
    source = option if given else f"{option}, the file's name,"
    hint = "write it in UTF-8" if given else f"give the listing a name: {option} NAME"
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidOption(
            f"{source} cannot be published",
            expected="UTF-8",
            found=ascii(text[:80]),
            hint=f"{hint}, or use a locale of UTF-8: LC_ALL=C.UTF-8",
        ) from error
    if not least <= len(text) <= limit:
        raise InvalidListing(
            f"{source} has a wrong length",
            expected=f"{least} to {limit:,} characters",
            found=f"{len(text):,}",
            hint="shorten it" if given and text else f"write some words after {option}" if given else hint,
        )
