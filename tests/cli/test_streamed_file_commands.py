"""Files as a stream by the commands: listed through a kill, served without a folder, bought in segments, exported."""

import pytest
from local_chain import LocalChain
from traded_files import trade_through_a_kill


@pytest.mark.deep
def test_the_commands_trade_streamed_files_through_a_kill(own_testnet: LocalChain) -> None:
    told = " ".join(trade_through_a_kill(own_testnet, " --stream").split())
    assert "measured on 150 of 150 records" in told
