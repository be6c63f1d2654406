"""From a buyer's own texts to a question and back: queries, projection and rounding, and trusted scores to read by.

    own texts --choose_direction--> a direction of every layer --find_projection--> k entries --> the score's query
    hidden    --query_within--> the query by which own rows, and shuffled ones, score most nearly as by the whole one
    own rows, and rows of shuffled words --contrast--> the second query, for texts without labels
    validation texts --scored as the offer is, through noise--> trusted scores

Rows are normalised (`influence.text.scoring`). No query is made of validation texts, so that their scores are what an
offer of like texts would have. Not here: trust and choice (`choice`).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blindfair.influence.arrays import Floats, Integers
from blindfair.influence.corpus.text_preprocessing import TextPreprocessing
from blindfair.influence.projection import Projection
from blindfair.influence.quantise import QuantisedRows, ScoreScale, quantise_rows
from blindfair.influence.text import (
    BaseModel,
    Difference,
    TextModel,
    TextScoring,
    find_projection,
    project_query,
)
from blindfair.influence.text.bases import evenly
from blindfair.influence.text.scoring import unit_rows, windows_of
from blindfair.pricing.class_query import scale_query
from blindfair.pricing.domain_trust import MIN_TRUSTED
from blindfair.pricing.ranks import rank_correlation
from blindfair.pricing.texts.adapted import (
    adapted_model,
    asked_difference,
    asked_model,
    has_head,
    named_form,
)
from blindfair.pricing.texts.contrast import contrast
from blindfair.pricing.texts.damage import classes_beside, other_labels, shuffled_words
from blindfair.pricing.texts.directions import Direction, choose_direction
from blindfair.pricing.texts.pieces import LONG_PIECES, SHORT_PIECES, recombined
from blindfair.pricing.texts.within import query_within
from blindfair.protocol.audit import ROUNDING_SHARE
from blindfair.protocol.documents import canonical
from blindfair.protocol.errors import NoRecords, UnusableModel, UnusableText
from blindfair.protocol.rows import ROW_LIMIT

DEFAULT_BITS = (4, 2)
"""Bits of the score, and of the contrast."""

ENTRIES, SHOWN_ENTRIES = 512, 128
"""Entries of a projected row of a hidden query and of a shown one, fewer if the buyer's rows span fewer.

A hidden query is what these directions hold of it, so more of them score better (`scripts/study hidden`).
"""

RECOMBINED, PIECED = 5, 128
MADE = {LONG_PIECES: 3, SHORT_PIECES: 5}
"""Directions of a hidden query about texts without a label come from texts that are recombined of own ones: five for
each of 128 at most. Their rows hold nearly as much of the query as own rows, and tell less of own texts.

For each own text so many are made, of long and of short pieces: more texts than directions make better directions.

Texts with a label are taken as they are: rows of a fitted head span few directions.
"""

MARGIN = 1.2
"""The usable range of a score over the largest one of the buyer's own records."""

ROW_SCALE = float(ROW_LIMIT)
"""Units per 1.0: no entry of a row of length 1 is clipped."""

ROW_TEXTS = 512
"""Training texts, evenly taken of more, whose rows make projection, contrast and ranges."""

TRIED = 32
"""Training texts whose rows are computed in double precision too, to know how far single precision is off."""

Texts = tuple[Sequence[str], Sequence[int] | None]
"""Texts, and their classes if they have any."""


@dataclass(frozen=True, slots=True, eq=False)
class TextValuation:
    """Everything of a question that is not encryption, and what is needed to read the answer.

    `queries` is `m x k` int64 for projected, normalised rows, asked with `bits` modulo `plain_modulus`; the first is
    the score. `trusted` are the scores of validation texts, `m x v`, seen through noise as the offer's are; `damaged`
    those of the same texts with shuffled words, or with other labels where they have labels. `disagreement` is the
    share of entries that another honest machine may round otherwise. `notes` are sentences for the buyer's own people.
    """

    scoring: TextScoring
    projection: Projection
    queries: Integers
    bits: tuple[int, ...]
    scales: tuple[ScoreScale, ...]
    plain_modulus: int
    trusted: Floats
    damaged: Floats
    direction: Direction
    disagreement: float
    notes: tuple[str, ...]

    def read(self, scores: Integers) -> Floats:
        """`m x n` integer scores as real ones."""
        return np.stack([scale.real(each) for scale, each in zip(self.scales, scores, strict=True)])


def prepare_text_valuation(
    base: BaseModel,
    preprocessing: TextPreprocessing,
    columns: Sequence[str],
    train: Texts,
    validation: Texts,
    *,
    plain_modulus: int,
    rng: np.random.Generator,
    seed: int,
    bits: Sequence[int] = DEFAULT_BITS,
    show_query: bool = False,
    fine_tuned: Difference | None = None,
) -> TextValuation:
    """Make model, queries and trusted scores of the buyer's own texts. Deterministic in `rng` and `seed`.

    With `fine_tuned`, its difference from the base, the model is the buyer's own, which the seller sees: rows are
    computed there, and the direction is taken from there.

    The projection, which the seller sees, is made of main directions of own texts, or without labels of texts that are
    recombined of their pieces; it is rotated by a key that the own texts give. With `show_query` it holds each layer's
    part of the query, and main directions of own texts.

    Raises NoRecords for too few validation texts, UnusableModel where rows could not be audited, and what
    `adapted_model`, `choose_direction` and `find_projection` raise.
    """
    if len(validation[0]) < MIN_TRUSTED:
        raise NoRecords(
            "The validation set is too small to judge an offer by",
            expected=f"at least {MIN_TRUSTED} texts",
            found=len(validation[0]),
        )
    classes = len(preprocessing.classes)
    adapted = adapted_model(base, preprocessing, seed, fine_tuned, train)
    model = adapted.model
    scoring = TextScoring(model, preprocessing, tuple(columns), normalised=True)
    direction = choose_direction(model, train, validation, seed=seed)
    some = _evenly(train, ROW_TEXTS)
    count = len(some[0])
    texts = both = _joined(some, _beside(some, classes, rng))
    worse_validation = _damaged(validation, classes, rng)
    if show_query:
        made = find_projection(model, *texts, [direction.layers], k=min(SHOWN_ENTRIES, 2 * count))
    else:
        key = _key(model, preprocessing, both, seed, fine_tuned)
        if not classes:
            texts = _recombined(model, some[0], key) or both[0], None
        most = len(texts[0]) if classes else RECOMBINED * min(count, PIECED)
        made = find_projection(model, *texts, [], k=min(ENTRIES, most, len(texts[0])), rotated_by=key)
    projection, k = made.projection, made.projection.k
    query, rows = project_query(projection, direction.layers), made.rows
    if texts is not both:
        rows, whole = _rows_and_scores(model, both, projection, direction)
        query = query_within(query, rows, whole)
    own, worse = unit_rows(rows[:count]), unit_rows(rows[count:])
    held, broken = (unit_rows(model.rows(*texts, projection)) for texts in (validation, worse_validation))
    real = [query]
    if len(bits) > 1 and not classes:
        real.append(contrast(own, worse))
    rounded = {
        name: quantise_rows(rows, ROW_SCALE)
        for name, rows in (("own", own), ("worse", worse), ("held", held), ("broken", broken))
    }
    queries, scales = [], []
    for query, each in zip(real, bits, strict=False):
        integers, unit = scale_query(query, [rounded["own"], rounded["worse"]], plain_modulus, each, MARGIN)
        queries.append(integers)
        scales.append(ScoreScale(ROW_SCALE, unit))
    tried = some[0][:TRIED], None if some[1] is None else some[1][:TRIED]
    single = rows[: len(tried[0])]
    with np.errstate(divide="ignore", invalid="ignore"):
        # A head that is too sure for single precision has rows of zeros: they have no scale, and no share is found.
        row_scales = ROW_SCALE / np.linalg.norm(single, axis=1)
        disagreement = model.disagreement(*tried, projection, row_scales, single, normalised=True)
    if not disagreement <= ROUNDING_SHARE:
        raise UnusableModel(
            "Two honest machines might disagree about the rows of this model",
            expected=f"within {ROUNDING_SHARE} units of a rounded row",
            found=f"{disagreement:.3g}" if np.isfinite(disagreement) else "rows too small for single precision",
            hint=_other_model(fine_tuned),
        )
    asked = tuple(int(each) for each in bits[: len(real)])
    matrix = np.array(queries)

    def seen(rows: QuantisedRows) -> Floats:
        found = rows.seen_scores(matrix, asked, plain_modulus, rng)
        return np.stack([scale.real(one) for scale, one in zip(scales, found, strict=True)])

    exact = rounded["held"].scores(matrix[:1])[0]
    kept = rank_correlation(np.asarray(exact, dtype=np.float64), held @ real[0])
    return TextValuation(
        scoring=scoring,
        projection=projection,
        queries=matrix,
        bits=asked,
        scales=tuple(scales),
        plain_modulus=plain_modulus,
        trusted=seen(rounded["held"]),
        damaged=seen(rounded["broken"]),
        direction=direction,
        disagreement=disagreement,
        notes=(
            *adapted.notes,
            direction.describe(asked_model(fine_tuned)),
            _said_of_rows(k, kept),
            "the projection shows the seller each layer's part of the query, but not how much it counts"
            if show_query
            else _said_of_hiding(model, validation, direction, held @ real[0]),
        ),
    )


def _said_of_hiding(model: TextModel, validation: Texts, direction: Direction, hidden: Floats) -> str:
    """What it costs to hide the query: scores of validation texts against those by a projection that shows it."""
    shown = find_projection(model, *validation, [direction.layers], k=SHOWN_ENTRIES)
    agree = rank_correlation(hidden, unit_rows(shown.rows) @ project_query(shown.projection, direction.layers))
    found = "unknown" if agree is None else f"{agree:.2f}"
    return (
        "the query's directions are hidden; rank correlation of validation texts' scores with those by a shown query: "
        f"{found} (1 = no loss)"
    )


def _other_model(fine_tuned: Difference | None) -> str:
    """What helps where rows of a model could not be audited."""
    if fine_tuned is None:
        return "take another base model"
    named = named_form(fine_tuned)
    if not has_head(fine_tuned):
        return f"take another base model, or another {named}"
    # All logits are divided then, so that it finds the same classes and is less sure.
    return f"divide weight and bias of the {named}'s head by a number such as 4, or leave the head out"


def most_entries(train: int, *, labelled: bool) -> int:
    """Entries of a projected row of a hidden query, at most, of so many training texts."""
    return min(ENTRIES, 3 * min(train, ROW_TEXTS) if labelled else RECOMBINED * min(train, PIECED))


def blank_model(base: BaseModel, preprocessing: TextPreprocessing, seed: int) -> TextModel:
    """The base model as it is before it learned anything, with an untrained head where there are classes."""
    classes = len(preprocessing.classes)
    start = asked_difference(base, classes, seed, None)
    return TextModel(base, start, windows_of(preprocessing, base), classes)


def _damaged(texts: Texts, classes: int, rng: np.random.Generator) -> Texts:
    """The same texts with their words shuffled, or with other labels where they have any."""
    if texts[1] is None:
        return shuffled_words(texts[0], rng), None
    return texts[0], other_labels(texts[1], classes, rng)


def _beside(texts: Texts, classes: int, rng: np.random.Generator) -> Texts:
    """The same texts with their words shuffled, or with each other label of their labels' groups.

    Rows of a text with all labels of one group lie in the space that a seller sees, so that no request tells which is
    right. Labels that are drawn would differ between requests, and the right one alone would be in all of them.
    """
    if texts[1] is None:
        return shuffled_words(texts[0], rng), None
    pairs = [
        (text, other)
        for text, label in zip(texts[0], texts[1], strict=True)
        for other in classes_beside(label, classes)
    ]
    return [text for text, _ in pairs], [other for _, other in pairs]


def _evenly(texts: Texts, most: int) -> Texts:
    """At most so many of the texts, at even distances."""
    places = evenly(len(texts[0]), most)
    return [texts[0][place] for place in places], None if texts[1] is None else [texts[1][place] for place in places]


def _recombined(model: TextModel, own: Sequence[str], key: np.random.Generator) -> list[str]:
    """Texts made of pieces of own ones, as far as the model reads them: none where it reads no own text either."""
    count = min(len(own), PIECED)
    made = [text for sizes, each in MADE.items() for text in recombined(own, each * count, key, sizes)]
    found = []
    for text in made:
        try:
            model.read([text], None)
        except UnusableText:
            continue
        found.append(text)
    return found


def _rows_and_scores(
    model: TextModel, texts: Texts, projection: Projection, direction: Direction
) -> tuple[Floats, Floats]:
    """Rows `n x k`, and their scores by what the sides hold of the whole query, `n`: the texts are read once for both.

    By sides that hold the query whole, own texts would score as those that the direction was fitted to.
    """
    parts = [pair.project_query(part) for pair, part in zip(projection.sides, direction.layers, strict=True)]
    asked = np.concatenate(parts)
    wide = model.rows(*texts, Projection(len(asked), sides=projection.sides))
    return wide if projection.entries is None else wide @ projection.entries, wide @ asked


def _key(
    model: TextModel, preprocessing: TextPreprocessing, texts: Texts, seed: int, fine_tuned: Difference | None
) -> np.random.Generator:
    """Random numbers that come out alike for one question, and that nobody knows without all of these texts.

    Whatever changes the directions changes the key: two bases rotated alike would show the rotation.
    """
    parts = [model.base.digest.hex(), str(seed), canonical(preprocessing.to_document()).decode(), *texts[0]]
    parts += [] if texts[1] is None else map(str, texts[1])
    if fine_tuned is not None:
        named, weights = fine_tuned.to_parts()
        parts.append(f"adapter {canonical(named).hex()} {hashlib.sha256(weights).hexdigest()}")
    digest = hashlib.sha256(b"".join(hashlib.sha256(part.encode()).digest() for part in parts)).digest()
    return np.random.default_rng(np.frombuffer(digest, dtype=np.uint32))


def _joined(one: Texts, other: Texts) -> Texts:
    labels = None if one[1] is None or other[1] is None else [*one[1], *other[1]]
    return [*one[0], *other[0]], labels


def _said_of_rows(k: int, kept: float | None) -> str:
    ranks = "" if kept is None else f"; rank correlation of own scores before and after rounding: {kept:.4f}"
    return f"rows of {k} entries{ranks}"
