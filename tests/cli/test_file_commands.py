"""Files by the commands, more than the seller keeps in memory: listed through a kill, bought in segments, exported."""

import pytest
from local_chain import LocalChain
from traded_files import trade_through_a_kill


@pytest.mark.deep
def test_the_commands_trade_files_through_a_kill_in_segments(own_testnet: LocalChain) -> None:
    assert "measured on" not in " ".join(trade_through_a_kill(own_testnet, "").split())
