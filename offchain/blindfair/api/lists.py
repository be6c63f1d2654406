"""Options that are lists of names: a text alone would be taken for a list of its characters."""

from collections.abc import Mapping

from blindfair.influence.spelling import option
from blindfair.protocol.errors import InvalidOption


def check_lists(given: Mapping[str, object]) -> None:
    """Refuse a text where a list of texts is expected, by the option's name. Raises InvalidOption."""
    for name, value in given.items():
        if isinstance(value, str | bytes):
            raise InvalidOption(
                f"`{name}` is a text, and a list of texts is expected",
                expected="a list, also for a single name",
                found=repr(value)[:80],
                hint=option(name, [str(value)]),
            )


def check_source(name: str, source: object) -> None:
    """Refuse records that are no file, no data frame and no pair of images and labels. Raises InvalidOption."""
    is_frame = hasattr(source, "columns") and hasattr(source, "shape")
    if not (source is None or is_frame or isinstance(source, str | tuple) or hasattr(source, "__fspath__")):
        raise InvalidOption(
            f"`{name}` is no table",
            expected="a file, a pandas data frame or a pyarrow table; or images: (images, labels)",
            found=type(source).__name__,
            hint="an array has no names of columns: make a data frame of it, pandas.DataFrame(array, columns=[...])"
            if hasattr(source, "shape")
            else f"make a data frame of it: pandas.DataFrame({name})",
        )
