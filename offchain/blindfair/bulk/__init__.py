"""Data sets and deliveries of any size: on disk, segment by segment, on all cores.

The names of `__all__` are public, and loaded when they are first used. The modules are private and may change.
"""

from typing import TYPE_CHECKING

from blindfair.lazy import loader

__all__ = [
    "DeliveryFolder",
    "SourceState",
    "StoredDataset",
    "Workers",
    "commit_records",
    "open_store",
]

_HOMES = {
    "DeliveryFolder": "bulk.delivery",
    "SourceState": "bulk.store",
    "StoredDataset": "bulk.store",
    "Workers": "bulk.workers",
    "commit_records": "bulk.committing",
    "open_store": "bulk.store",
}

if TYPE_CHECKING:
    from blindfair.bulk.committing import commit_records
    from blindfair.bulk.delivery import DeliveryFolder
    from blindfair.bulk.store import SourceState, StoredDataset, open_store
    from blindfair.bulk.workers import Workers
else:
    __getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
