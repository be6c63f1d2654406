"""What is traded of texts: their listing, their buyer's valuer, and the texts whose scores a cheat inflates."""

from functools import cache

from blindfair.agents.buyer.text_valuer import TextValuer
from blindfair.agents.policy import SellerPolicy
from blindfair.agents.seller.listing_spec import ListingSpec
from blindfair.api.text_options import TextOptions, listed_texts
from blindfair.cli.demo.goods import Goods, demo_terms, pricing
from blindfair.cli.demo.texts.prepared import PreparedTexts
from blindfair.influence.corpus.corpus import TEXT_COLUMN
from blindfair.influence.text import BaseModel
from blindfair.pricing.information import measure_bytes
from blindfair.pricing.texts.valuation import DEFAULT_BITS

_CHUNK_SIZE = 1024


def text_listing_spec(job: PreparedTexts, base: BaseModel) -> ListingSpec:
    """The seller's listing: texts alone, without their sources. It takes models that unnamed buyers bring."""
    corpus = job.corpus
    held = measure_bytes([text.encode() for text in corpus.texts()]).bits
    preprocessing = _options(job).preprocessing(corpus, {base.digest: base})
    bits = DEFAULT_BITS if job.label is None else DEFAULT_BITS[:1]
    return ListingSpec(
        name="demo",
        description=job.title,
        licence="demonstration only",
        consent="public texts",
        encoding=corpus.encoding,
        schema=corpus.schema(),
        preprocessing=preprocessing.to_document(),
        records=listed_texts(corpus, _CHUNK_SIZE, without_copies=True),
        terms=demo_terms(held, len(corpus.rows), sum(bits), own_models=True),
        chunk_size=_CHUNK_SIZE,
    )


def text_goods(job: PreparedTexts, base: BaseModel) -> Goods[TextValuer]:
    """The goods of texts, with one valuer for all trades: the five buyers are one person, who asks the same of all."""
    train, validation = job.divided(job.options.seed)

    @cache
    def valuer() -> TextValuer:
        return TextValuer(
            base,
            train,
            validation,
            pricing=pricing(),
            seed=job.options.seed,
            good_record_value=job.options.good_record_value,
        )

    bases = {base.digest: base}
    # As for any seller of texts: naming a base model allows what scoring with it takes.
    products = max(SellerPolicy().max_products, _options(job).products(bases, len(job.offer)))
    return Goods(job.options, text_listing_spec(job, base), valuer, job.worthless, bases, products)


def _options(job: PreparedTexts) -> TextOptions:
    return TextOptions(TEXT_COLUMN, [str(job.model)], job.window)
