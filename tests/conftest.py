"""The order of the suite, one thread a process, and a cache folder of its own: the user's is not touched."""

import os
import shutil
import tempfile

import pytest

SLOW = (
    "text/test_text_bases.py",
    "text/test_logra.py",
    "text/test_agreement.py",
    "pricing/test_learners.py",
    "simulation/test_simulations.py",
    "cli/test_tutorials.py",
    "cli/test_text_tutorial.py",
    "cli/test_text_demo.py",
    "cli/test_killed_demo.py",
    "buyer/test_text_audit_catches.py",
    "cli/test_scripts.py",
    "cli/test_front_pages.py",
    "cli/test_screen.py",
    "trades/test_bought_sample.py",
    "trades/test_bought_rest.py",
    "contracts/test_escrow_lockstep.py",
    "contracts/test_escrow_receivers.py",
    "contracts/test_escrow_callbacks.py",
    "cli/test_ending.py",
    "blind/test_blind_equals_clear.py",
    "chain/test_embedded.py",
)
"""Files that take long come first, so that no core ends long after the other."""


def pytest_configure(config: pytest.Config) -> None:
    """Workers inherit folder and threads of the process that starts them, so this machine is measured once in a run."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    # Each core has a worker: threads of one would only wait for those of another.
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    folder = tempfile.mkdtemp(prefix="blindfair-cache-")
    os.environ["XDG_CACHE_HOME"] = folder
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {file: number for number, file in enumerate(SLOW)}
    items.sort(key=lambda item: place.get("/".join(item.path.parts[-2:]), len(SLOW)))
