"""What a buyer makes of its own texts to learn what bad ones look like: words shuffled, or another label.

Shuffled words keep a text's vocabulary, and so score well by gradients; only a direction that tells a text from its own
shuffled words shows them. Not here: that direction (`contrast`).
"""

from collections.abc import Sequence

import numpy as np


def shuffled_words(texts: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Each text with its words in another order.

    >>> shuffled = shuffled_words(["one two three four five"], np.random.default_rng(0))
    >>> sorted(shuffled[0].split())
    ['five', 'four', 'one', 'three', 'two']
    """
    return [" ".join(rng.permutation(text.split())) for text in texts]


def other_labels(labels: Sequence[int], classes: int, rng: np.random.Generator) -> list[int]:
    """Another class for each label, drawn evenly.

    >>> other_labels([0, 1, 1], 2, np.random.default_rng(0))
    [1, 0, 0]
    """
    return [int((label + rng.integers(1, classes)) % classes) for label in labels]


def classes_beside(label: int, classes: int) -> list[int]:
    """The other classes of a class's group. Groups are two classes in a row each; a last odd one joins the two before.

    >>> classes_beside(0, 2), classes_beside(3, 4), classes_beside(2, 5)
    ([1], [2], [3, 4])
    """
    first = min(label - label % 2, classes - 2 - classes % 2)
    size = 3 if classes - first == 3 else 2
    return [other for other in range(first, first + size) if other != label]
