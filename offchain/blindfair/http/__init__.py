"""The HTTP transport: a seller's mail folder as a service, and the buyer's side of it.

The names of `__all__` are public, and loaded when they are first used. The modules are private and may change.
"""

from typing import TYPE_CHECKING

from blindfair.lazy import loader

__all__ = ["HttpService", "HttpTransport", "ServiceLimits", "ServiceOptions"]

_HOMES = {
    "HttpService": "http.service",
    "HttpTransport": "http.client",
    "ServiceLimits": "http.limits",
    "ServiceOptions": "http.service",
}

if TYPE_CHECKING:
    from blindfair.http.client import HttpTransport
    from blindfair.http.limits import ServiceLimits
    from blindfair.http.service import HttpService, ServiceOptions
else:
    __getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
