"""What a seller reads of a query of texts without decrypting anything: the projection holds it, a part for each layer
(docs/explanation/limits.md). The encryption hides the parts' sizes, and which of them count."""

import numpy as np
import pytest
import tiny_bases
from scipy.fft import dct
from text_models import example

from blindfair.blind.parameters import DEFAULT
from blindfair.influence.arrays import Floats
from blindfair.influence.corpus.text_preprocessing import TextPreprocessing
from blindfair.influence.projection import Projection
from blindfair.influence.text import BaseModel, find_projection, fine_tune
from blindfair.pricing.texts.valuation import prepare_text_valuation


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
    """Main directions of own texts are all that the seller sees, unless the buyer asks with `show_query`."""
    one = example(bases[kind], records=40)
    tuned = fine_tune(one.model, one.texts, None, steps=4, seed=1, rank=2, rate=0.02)
    made = find_projection(one.model, one.texts, None, [], side=6, k=40, mixed=np.random.default_rng(1)).projection
    sent = Projection.from_parts(*made.to_parts())
    cosines = []
    for seen, pair, moved in zip(parts_that_a_seller_sees(sent), sent.sides, tuned.displacements, strict=True):
        part = pair.project_query(moved)
        cosines.append(abs(seen @ part) / (np.linalg.norm(seen) * np.linalg.norm(part)))
    # Two directions of 24 to 36 entries by chance: about .15.
    assert np.mean(cosines) < 0.4 and np.max(cosines) < 0.8, cosines


def test_no_column_that_a_seller_sees_is_nearly_the_query_of_a_fitted_head(bases: dict[str, BaseModel]) -> None:
    """For texts with a label one main direction is, so directions are mixed with one another."""
    base = bases["bert"]
    rng, middle = np.random.default_rng(2), len(tiny_bases.WORDS) // 2
    labels = [int(each) for each in rng.integers(0, 2, 160)]
    words = tiny_bases.WORDS[:middle], tiny_bases.WORDS[middle:]
    texts = [" ".join(rng.choice(words[label], size=8)) for label in labels]
    preprocessing = TextPreprocessing("text", "label", ("no", "yes"), base.context, 1, (base.digest,), ())
    made = prepare_text_valuation(
        base,
        preprocessing,
        ("text", "label"),
        (texts[:80], labels[:80]),
        (texts[80:], labels[80:]),
        plain_modulus=DEFAULT.plain_modulus,
        rng=np.random.default_rng(1),
        seed=1,
    )
    assert made.direction.steps is None
    model, head = made.scoring.model, made.direction.layers
    single = find_projection(model, texts[:80], labels[:80], [], k=made.projection.k).projection

    def best_guess(projection: Projection) -> float:
        sent = Projection.from_parts(*projection.to_parts())
        assert sent.entries is not None
        query = np.concatenate([pair.project_query(part) for pair, part in zip(sent.sides, head, strict=True)])
        k = sent.entries.shape[1]
        # As sent, and with a turn undone that everybody knows.
        turn = dct(np.eye(k), norm="ortho")
        columns = np.hstack([sent.entries, sent.entries @ turn, sent.entries @ turn.T])
        return float(np.max(np.abs(query @ columns) / np.linalg.norm(query) / np.linalg.norm(columns, axis=0)))

    assert best_guess(made.projection) < 0.45 < 0.55 < best_guess(single)
