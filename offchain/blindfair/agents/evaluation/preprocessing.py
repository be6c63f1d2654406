"""The preprocessing that a listing publishes, read from its manifest and checked against its columns (PROTOCOL 2)."""

from blindfair.influence.built_on import check_built_on
from blindfair.influence.corpus.text_preprocessing import TextPreprocessing, is_text_preprocessing
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.projection import Projection
from blindfair.influence.scoring_model import RowModel, ScoringModel
from blindfair.protocol.errors import ColumnNotScored, FieldMismatch, UnusableModel
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.schema import Schema


def listed_schema(manifest: Manifest) -> FeatureSchema:
    """Return the feature schema that every scoring model of this listing is built on.

    Raises UnusableModel where the manifest has none or one that cannot be used, FieldMismatch where its columns or its
    label are not the listing's, ColumnNotScored where it reads a column that the listing keeps from models.
    """
    if manifest.preprocessing is None:
        raise UnusableModel(
            "The listing publishes no preprocessing, so no scoring model can be built on it",
            expected="a feature schema in the manifest",
            found="null",
            hint="only tables with a label can be scored this way",
        )
    schema = FeatureSchema.from_document(manifest.preprocessing)
    check_columns(schema, manifest.schema)
    if schema.label != manifest.schema.label:
        raise FieldMismatch(
            "The preprocessing is for another label than the listing's",
            expected=repr(manifest.schema.label),
            found=repr(schema.label),
        )
    if schema.image is not None:
        forms = {column.name: column.form for column in manifest.schema.columns}
        if forms[schema.image.column] != schema.image.form:
            raise FieldMismatch(
                "The preprocessing is for images of another form than the listing's",
                expected=str(forms[schema.image.column]),
                found=str(schema.image.form),
            )
    return schema


def holds_texts(manifest: Manifest) -> bool:
    """Return whether the listing says how models read its texts; a listing of a table or of images does not."""
    return manifest.preprocessing is not None and is_text_preprocessing(manifest.preprocessing)


def listed_texts(manifest: Manifest) -> TextPreprocessing:
    """Return how scoring models read the texts of this listing.

    Raises UnusableModel where the manifest says nothing of texts, FieldMismatch where its columns or its label are not
    the listing's or its near-duplicates not its records, ColumnNotScored where it reads a column that the listing keeps
    from models.
    """
    if manifest.preprocessing is None or not is_text_preprocessing(manifest.preprocessing):
        raise UnusableModel(
            "The listing is not one of texts",
            expected="preprocessing of texts in the manifest",
            found="null" if manifest.preprocessing is None else "preprocessing of a table",
            hint="score it as a table",
        )
    found = TextPreprocessing.from_document(manifest.preprocessing)
    columns = {column.name: column for column in manifest.schema.columns}
    if found.column not in columns or found.label != manifest.schema.label:
        raise FieldMismatch(
            "The preprocessing is for other columns than the listing's",
            expected=", ".join(list(columns)[:12]),
            found=f"{found.column!r}, label {found.label!r}",
        )
    if not columns[found.column].scored:
        raise ColumnNotScored("The listing keeps its texts from all models", expected="scored", found=found.column)
    last = max(found.near_duplicates, default=0)
    if last >= manifest.record_count:
        raise FieldMismatch(
            "The near-duplicates are not records of the listing", expected=f"below {manifest.record_count}", found=last
        )
    return found


def check_reads(model: RowModel, manifest: Manifest, projection: Projection) -> None:
    """Check that a scoring model reads the records as the listing says, and no column that it keeps from models; and
    that its rows can be projected.

    Raises UnusableModel, FieldMismatch, ColumnNotScored, ShapeMismatch.
    """
    projection.check(model.k)
    if isinstance(model, ScoringModel):
        # What no model may read is told by its own name first.
        check_columns(model.schema, manifest.schema)
        check_built_on(model.schema, listed_schema(manifest))
        return
    from blindfair.influence.text import TextScoring

    if not isinstance(model, TextScoring):
        raise UnusableModel("The scoring model reads neither tables nor texts", found=model.name)
    model.check_built_on(listed_texts(manifest).to_document(), [column.name for column in manifest.schema.columns])
    model.check_projection(projection)


def check_columns(asked: FeatureSchema, listed: Schema) -> None:
    """Check that a feature schema reads none of the columns that the listing keeps from models (PROTOCOL 2).

    Names are not enough: a model finds its columns by their places, and could call one by another's name. Raises
    FieldMismatch for other columns than the listing's, and ColumnNotScored.
    """
    columns = tuple(column.name for column in listed.columns)
    if asked.columns != columns:
        raise FieldMismatch(
            "The scoring model is for records of other columns than the listing's",
            expected=", ".join(columns[:12]),
            found=", ".join(asked.columns[:12]),
        )
    read = {asked.label, *(feature.column for feature in asked.features)}
    refused = [name for name in listed.unscored if name in read]
    if refused:
        raise ColumnNotScored(
            "The scoring model reads columns that this listing keeps from all models",
            expected=f"none of: {', '.join(listed.unscored[:12])}",
            found=", ".join(refused[:12]),
            hint="leave these columns out of the scoring model's schema",
        )
