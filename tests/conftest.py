"""The order of the suite, and what of it runs in one process where it is divided (`pytest -n 2 --dist loadgroup`)."""

import pytest

SLOW = (
    "cli/test_two_machines.py",
    "cli/test_killed_demo.py",
    "agents/test_killed_trades.py",
    "cli/test_scripts.py",
    "cli/test_screen.py",
    "agents/test_bought_sample.py",
    "agents/test_bought_rest.py",
    "contracts/test_escrow_lockstep.py",
    "contracts/test_escrow_receivers.py",
    "cli/test_ending.py",
    "blind/test_blind_equals_clear.py",
    "chain/test_embedded.py",
)
"""Files that take long come first, so that no core ends long after the other."""

TOGETHER = {
    "cli/test_two_machines.py": "testnet",
    "cli/test_parties.py": "testnet",
    "cli/test_token_options.py": "testnet",
    "cli/test_demo_on_a_node.py": "testnet",
    "cli/test_killed_demo.py": "demo",
    "cli/test_demo_result.py": "demo",
    "cli/test_where_results_go.py": "demo",
}
"""Files that share what is slow to make: a chain, a whole demo. All others are a group of their own."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {name: number for number, name in enumerate(SLOW)}

    def name(item: pytest.Item) -> str:
        return "/".join(item.path.parts[-2:])

    # A file right after the slow one with which it shares a group.
    first = {group: min(place.get(file, len(SLOW)) for file, of in TOGETHER.items() if of == group)
             for group in TOGETHER.values()}  # fmt: skip

    def key(item: pytest.Item) -> tuple[int, int]:
        file = name(item)
        return first.get(TOGETHER.get(file, ""), place.get(file, len(SLOW))), place.get(file, len(SLOW))

    items.sort(key=key)
    for item in items:
        item.add_marker(pytest.mark.xdist_group(TOGETHER.get(name(item), name(item))))
