"""Templates to bytes. Every value is escaped: a manifest, a buyer's name and an error may be a stranger's text."""

from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined


def printable(text: object) -> str:
    """Return text without characters that cannot be seen, each as its escape; line breaks and tabs stay.

    What is not printable could turn a line around, or hide a part of it.

    >>> printable("abc" + chr(0x202E) + "cba"), printable("two" + chr(10) + "lines")
    ('abc\\\\u202ecba', 'two\\nlines')
    """
    return "".join(each if each.isprintable() or each in "\n\t" else ascii(each)[1:-1] for each in str(text))


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value,
    )


def render(template: str, **values: object) -> bytes:
    """Render a template of this package."""
    return _environment().get_template(template).render(values).encode()


def file_bytes(name: str) -> bytes:
    """Return the style sheet or the icon of all pages, as they are."""
    return (files(__package__) / "templates" / name).read_bytes()
