"""The libraries of the extra `blindfair[text]`, imported when they are first needed.

Not here: what is built with them (`architectures`, `tokenizer`).
"""

import sys
from importlib.util import find_spec
from types import ModuleType

from blindfair.protocol.errors import MissingPackage

_HINT = "pip install 'blindfair[text]'"


def check_extra() -> None:
    """Check, without loading them, that the libraries are installed. Raises MissingPackage."""
    for name in ("transformers", "tokenizers"):
        # A name that is kept from being imported is there as None, and has no specification.
        if (name in sys.modules and sys.modules[name] is None) or find_spec(name) is None:
            raise MissingPackage("Text models need a package that is not installed", found=name, hint=_HINT)


def transformers_library() -> ModuleType:
    """Return `transformers`. Raises MissingPackage."""
    try:
        import transformers
    except ImportError as error:
        raise MissingPackage(
            "Text models need a package that is not installed", found="transformers", hint=_HINT
        ) from error
    return _module(transformers)


def tokenizers_library() -> ModuleType:
    """Return `tokenizers`. Raises MissingPackage."""
    try:
        import tokenizers
    except ImportError as error:
        raise MissingPackage(
            "Text models need a package that is not installed", found="tokenizers", hint=_HINT
        ) from error
    return _module(tokenizers)


def _module(found: ModuleType) -> ModuleType:
    # Where the libraries are not read by the type checker, they are of any type.
    return found
