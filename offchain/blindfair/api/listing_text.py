"""The kinds of a listing's columns, its categories and label, as far as the manifest tells: for people and programs.

A buyer compares its own table with them before it asks anything.
"""

from blindfair.agents.evaluation.preprocessing import listed_schema, listed_texts
from blindfair.influence.corpus.text_preprocessing import TextPreprocessing
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.features import CategoryFeature
from blindfair.influence.spelling import shown
from blindfair.influence.written import companion_names
from blindfair.protocol.documents import Document, JsonValue
from blindfair.protocol.errors import BlindfairError
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.records import PlainCell
from blindfair.protocol.schema import Column, ColumnKind
from blindfair.protocol.words import counted

_SHOWN_CATEGORIES = 4
_SHOWN_CLASSES = 8

_KINDS = {ColumnKind.NUMBER: "number", ColumnKind.CATEGORY: "text", ColumnKind.TEXT: "free text"}


def columns_text(manifest: Manifest) -> str:
    """Return each column with its kind, and its frequent categories: "age (number), sex (text: 'female', 'male')"."""
    label = manifest.schema.label
    return ", ".join(f"{column.name} ({kind})" for column, kind in columns_with_kinds(manifest) if column.name != label)


def columns_with_kinds(manifest: Manifest) -> list[tuple[Column, str]]:
    """Return each column with its kind and frequent categories, as people read them.

    Companions are left out: a buyer's table does not have them.
    """
    categories = _categories(_schema(manifest))
    companions = companion_names(manifest.schema)
    return [
        (column, _kind(column, categories.get(column.name)))
        for column in manifest.schema.columns
        if column.name not in companions
    ]


def label_text(manifest: Manifest) -> str:
    """Return the label with its classes as they are written, "outcome, 'False' or 'True'", or its kind."""
    schema, texts = _schema(manifest), _texts(manifest)
    if schema is not None and schema.target is not None:
        return f"{schema.label}, a {schema.label_kind.value}"
    classes = schema.classes if schema is not None else () if texts is None else texts.classes
    if not classes:
        return manifest.schema.label or "none"
    more = f" or {len(classes) - _SHOWN_CLASSES} more" if len(classes) > _SHOWN_CLASSES else ""
    return f"{manifest.schema.label}, {' or '.join(map(shown, classes[:_SHOWN_CLASSES]))}{more}"


def reading_text(manifest: Manifest) -> str | None:
    """Return how models read the texts of a listing, and the base models that its seller holds; None for a table."""
    texts = _texts(manifest)
    if texts is None:
        return None
    bases = " or ".join(base.hex()[:16] for base in texts.base_models)
    windows = counted(texts.max_windows, "window")
    alike = counted(len(texts.near_duplicates), "near-duplicate")
    bases += " or any that you send" if texts.any_base_model else ""
    return f"texts: at most {windows} of {texts.window} tokens, scored with base model {bases}; {alike} among them"


def columns_document(manifest: Manifest) -> Document:
    """Return `classes` of the label (null for numbers) and its `label_kind`, `kinds` by column, and frequent
    `categories` by column; and for `texts` how they are read, with the base models, else null."""
    schema, texts = _schema(manifest), _texts(manifest)
    classes: list[JsonValue] | None = None if texts is None or texts.label is None else list(texts.classes)
    if schema is not None and schema.target is None:
        classes = list(schema.classes)
    categories: dict[str, JsonValue] = {name: list(values) for name, values in _categories(schema).items()}
    return {
        "categories": categories,
        "classes": classes,
        "kinds": {column.name: column.kind.value for column in manifest.schema.columns},
        "label_kind": None if schema is None else schema.label_kind.value,
        "texts": None if texts is None else texts.to_document(),
    }


def _schema(manifest: Manifest) -> FeatureSchema | None:
    """The preprocessing, None where there is none that can be used: such a listing is shown all the same."""
    try:
        return listed_schema(manifest)
    except BlindfairError:
        return None


def _texts(manifest: Manifest) -> TextPreprocessing | None:
    """The same of a listing of texts."""
    try:
        return listed_texts(manifest)
    except BlindfairError:
        return None


def _categories(schema: FeatureSchema | None) -> dict[str, tuple[PlainCell, ...]]:
    features = () if schema is None else schema.features
    return {feature.column: feature.values for feature in features if isinstance(feature, CategoryFeature)}


def _kind(column: Column, categories: tuple[PlainCell, ...] | None) -> str:
    if column.kind is ColumnKind.ARRAY:
        return f"images of {column.form}"
    if column.kind is ColumnKind.FILE:
        return "files"
    kind = _KINDS[column.kind]
    if not categories:
        return kind
    # Numbers that the seller named as codes: no model reads them as amounts.
    kind = "code" if column.kind is ColumnKind.NUMBER else kind
    more = f" and {len(categories) - _SHOWN_CATEGORIES} more" if len(categories) > _SHOWN_CATEGORIES else ""
    return f"{kind}: {', '.join(map(shown, categories[:_SHOWN_CATEGORIES]))}{more}"
