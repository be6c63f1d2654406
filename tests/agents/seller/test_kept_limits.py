"""What a seller gives to strangers in an hour is counted on when its program is started again."""

from pathlib import Path

import pytest

from blindfair.agents.seller.rate_limiter import RateLimiter
from blindfair.protocol.errors import BudgetExhausted
from blindfair.protocol.quantities import Seconds, Timestamp

HOUR = Seconds(3600)


def limiter(path: Path) -> RateLimiter:
    return RateLimiter(10, HOUR, path=path)


def test_a_restart_does_not_forget_what_was_given(tmp_path: Path) -> None:
    path = tmp_path / "given.json"
    first = limiter(path)
    for second in range(0, 1000, 125):
        first.count(1, Timestamp(second))
    again = limiter(path)
    again.count(2, Timestamp(1000))
    with pytest.raises(BudgetExhausted):
        again.count(1, Timestamp(1000))
    with pytest.raises(BudgetExhausted):
        limiter(path).count(1, Timestamp(3599))
    # A count ends at most a minute late.
    limiter(path).count(10, Timestamp(1000 + HOUR + 60))
    assert path.stat().st_mode & 0o777 == 0o600 and path.stat().st_size < 1000


def test_what_was_taken_back_is_taken_back_beyond_a_restart(tmp_path: Path) -> None:
    first = limiter(tmp_path / "given.json")
    first.count(9, Timestamp(0))
    first.uncount()
    limiter(tmp_path / "given.json").count(10, Timestamp(1))


@pytest.mark.parametrize("data", [b"", b"[1]", b'{"a": 1}', b'[["a", "b"]]', b"\xff"])
def test_a_damaged_file_is_one_that_is_not_there(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "given.json").write_bytes(data)
    limiter(tmp_path / "given.json").count(10, Timestamp(0))
