"""What a seller reads of a query of texts without decrypting anything: the projection holds it, a part for each layer
(docs/explanation/limits.md). The encryption hides the parts' sizes, and which of them count."""

import numpy as np
import pytest
from text_models import example

from blindfair.influence.arrays import Floats
from blindfair.influence.projection import Projection
from blindfair.influence.text import BaseModel, find_projection, fine_tune


def parts_that_a_seller_sees(projection: Projection) -> list[Floats]:
    """For each layer the direction of the projection's span that lies in that layer alone, up to its sign."""
    assert projection.entries is not None
    span, _ = np.linalg.qr(projection.entries.astype(np.float64))
    found, start = [], 0
    for pair in projection.sides:
        inside = slice(start, start + pair.k)
        _, _, right = np.linalg.svd(np.delete(span, inside, axis=0), full_matrices=False)
        found.append(span[inside] @ right[-1])
        start += pair.k
    return found


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_seller_reads_each_layers_part_of_a_query_in_the_projection(bases: dict[str, BaseModel], kind: str) -> None:
    one = example(bases[kind], records=40)
    tuned = fine_tune(one.model, one.texts, None, steps=4, seed=1, rank=2, rate=0.02)
    made = find_projection(one.model, one.texts, None, [tuned.displacements], side=6, k=40).projection
    sent = Projection.from_parts(*made.to_parts())
    for seen, pair, moved in zip(parts_that_a_seller_sees(sent), sent.sides, tuned.displacements, strict=True):
        part = pair.project_query(moved)
        assert abs(seen @ part) > 0.999 * np.linalg.norm(seen) * np.linalg.norm(part)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_hidden_query_is_no_direction_of_the_projection(bases: dict[str, BaseModel], kind: str) -> None:
    """Main directions of own texts are all that the seller sees: a buyer asks so with `hide_query`."""
    one = example(bases[kind], records=40)
    tuned = fine_tune(one.model, one.texts, None, steps=4, seed=1, rank=2, rate=0.02)
    made = find_projection(one.model, one.texts, None, [], side=6, k=40).projection
    sent = Projection.from_parts(*made.to_parts())
    cosines = []
    for seen, pair, moved in zip(parts_that_a_seller_sees(sent), sent.sides, tuned.displacements, strict=True):
        part = pair.project_query(moved)
        cosines.append(abs(seen @ part) / (np.linalg.norm(seen) * np.linalg.norm(part)))
    # Two directions of 24 to 36 entries by chance: about .15.
    assert np.mean(cosines) < 0.4 and np.max(cosines) < 0.8, cosines
