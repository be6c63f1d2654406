"""Facades that load a thing when it is first asked for: `import blindfair` takes no second, whatever it offers.

Not here: what a facade offers. Each package says that in its `__init__`.
"""

from collections.abc import Callable, Mapping
from importlib import import_module


def loader(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """Return the `__getattr__` of a facade. `homes` has, for each public name, the module below `blindfair`.

    The function raises AttributeError for any other name, as modules do.

    >>> loader("here", {"Root": "protocol.quantities"})("Root").__name__
    'Root'
    """

    def load(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"blindfair.{homes[name]}"), name)

    return load
