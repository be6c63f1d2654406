"""The order of the suite: files that take long come first, so that no core ends long after the other."""

import pytest

SLOW = (
    "cli/test_two_machines.py",
    "agents/test_killed_trades.py",
    "cli/test_killed_demo.py",
    "cli/test_scripts.py",
    "cli/test_screen.py",
    "agents/test_bought_sample.py",
    "cli/test_demo_result.py",
    "agents/test_prudence.py",
    "contracts/test_escrow_lockstep.py",
    "cli/test_ending.py",
    "blind/test_blind_equals_clear.py",
    "chain/test_embedded.py",
    "cli/test_parties.py",
    "cli/test_demo_on_a_node.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {name: number for number, name in enumerate(SLOW)}

    def key(item: pytest.Item) -> int:
        return place.get("/".join(item.path.parts[-2:]), len(SLOW))

    items.sort(key=key)
