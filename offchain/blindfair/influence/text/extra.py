"""The libraries of the extra `blindfair[text]`, imported when they are first needed.

Not here: what is built with them (`architectures`, `tokenizer`).
"""

from types import ModuleType

from blindfair.protocol.errors import MissingPackage

_HINT = "pip install 'blindfair[text]'"


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
