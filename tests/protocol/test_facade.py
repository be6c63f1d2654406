"""The package's facade offers what it names, and nothing else."""

import pytest

from blindfair import protocol


def test_the_facade_lists_and_loads_what_it_names() -> None:
    assert dir(protocol) == sorted(protocol.__all__)
    assert all(getattr(protocol, name) is not None for name in protocol.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(protocol, "nothing" + "")
