"""Steps of a journal as people read them, in waits and in `status`."""

import pytest

from blindfair.agents.store.steps import step_text


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ("delivery:sample", "delivery of the sample"),
        ("accept:evaluation", "accept of the evaluation"),
        ("approve-accept:rest", "approve-accept of the rest"),
        ("openings", "openings"),
        (f"reveal:{'ab' * 32}-sample", "reveal of the sample"),
        (f"reveal:{'ab' * 32}", "reveal"),
    ],
)
def test_a_step_is_told_without_digests_and_with_its_part_in_words(step: str, text: str) -> None:
    assert step_text(step) == text
