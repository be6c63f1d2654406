"""A buyer's own table and its limits, made ready for an agent: what `blindfair buyer evaluate` makes of its options."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from blindfair.agents.evaluation.rows import NO_BASE_MODELS, BaseModels
from blindfair.agents.policy import AUDIT_ROWS, SAMPLE_SHARE, BuyerPolicy
from blindfair.api.amounts import IN_ETHER, Money
from blindfair.api.defaults import BANDWIDTH_MBIT, DISCLOSURE, MODELS, SCORE_BITS
from blindfair.api.listing_text_valuer import ListingTextValuer
from blindfair.api.listing_valuer import ListingValuer
from blindfair.api.lists import check_lists, check_source
from blindfair.api.own_records import chosen_tables
from blindfair.api.own_texts import OwnTexts, check_asks_texts, own_options
from blindfair.api.purchase_options import PurchaseOptions
from blindfair.influence.frames import Frame
from blindfair.influence.images.images import ImageSource, holds_images
from blindfair.protocol.manifest import Manifest


@dataclass(frozen=True, slots=True)
class PreparedPurchase:
    """A valuer of a listing's records by the buyer's own table, and the agent's policy."""

    valuer: ListingValuer | ListingTextValuer
    policy: BuyerPolicy
    base_models: BaseModels = field(default_factory=lambda: NO_BASE_MODELS)

    def __repr__(self) -> str:
        return f"PreparedPurchase({type(self.valuer).__name__}, budget {self.policy.budget:,} of the smallest unit)"


def make_purchase(
    own: Path | str | Frame | ImageSource | None = None,
    *,
    label: str | None = None,
    budget: str,
    train: Path | str | Frame | ImageSource | None = None,
    validation: Path | str | Frame | ImageSource | None = None,
    money: Money = IN_ETHER,
    exclude: Sequence[str] = (),
    text: Sequence[str] = (),
    price_per_record: str | None = None,
    value: str | None = None,
    seed: int = 0,
    audit_rows: int = AUDIT_ROWS,
    min_audit_rows: int | None = None,
    sample_share: float = SAMPLE_SHARE,
    disclosure: str = DISCLOSURE,
    model: str = MODELS[0],
    score_bits: int = SCORE_BITS,
    release_on_chain: bool = False,
    refund_to: str | None = None,
    bandwidth: float = BANDWIDTH_MBIT,
    fee: str | None = None,
    accept_preprocessing: bool = False,
    accept_kinds: bool = False,
    watch_packages: str | None = None,
    before_asking: Callable[[Manifest], None] = lambda _: None,
    text_column: str | None = None,
    base_model: Path | str | None = None,
    show_query: bool = False,
    adapter: Path | str | None = None,
    send_base_model: bool = False,
    fine_tuned: Path | str | None = None,
) -> PreparedPurchase:
    """Read the buyer's own records, and make of them what values a listing. Nothing is asked yet.

    `own` is a file, a pandas data frame or a pyarrow table, of which a third trains and the rest validates; or give
    `train` and `validation`. Amounts are texts in `money`, like "0.1" ether. `fee` is the most that is paid for an
    evaluation that is not free, nothing if None. `bandwidth` is in Mbit/s. Every other argument is the option of the
    same name of `blindfair buyer evaluate`, and `--help` there says what it does. `before_asking` is called with the
    listing's manifest right before the question is made.

    With `text_column` the records are texts, in a file, a frame or a folder of `.txt` files; half of `own` trains then.
    `base_model` is the folder of the model that both parties hold, and `label` may be left out. `adapter` is the folder
    of the buyer's own fine-tuned model, as a LoRA that the library peft wrote: texts are scored by it, and **the seller
    sees its weights**. `fine_tuned` is the same of a whole model's folder, of which the layers that differ from the
    base model are sent, at most 160 MiB. With `send_base_model` the whole base model is sent to a seller that does not
    hold it, if the listing takes any.

    Images are a pair of arrays `(images, labels)`, an npy file or a folder of such files (docs/how-to/sell-images.md).

    Raises what `read_table` and `read_images` raise, InvalidOption for arguments out of range or another
    mixture of tables, FileMissing and UnusableModel for a base model, an adapter or a fine-tuned model that cannot be
    used.
    """
    purchase = PurchaseOptions.from_arguments({**locals(), "listing": None}, prices=money)
    purchase.check()
    check_lists({"exclude": exclude, "text": text})
    for name, source in (("own", own), ("train", train), ("validation", validation)):
        check_source(name, source)
    given: dict[str, Path | str | Frame | ImageSource] = chosen_tables(own, train, validation)
    images = any(map(holds_images, given.values()))
    options = own_options(
        label, text_column, base_model, exclude, seed, text,
        images=images, show_query=show_query, adapter=adapter, fine_tuned=fine_tuned,
        send_base_model=send_base_model,
    )  # fmt: skip
    check_asks_texts(options, purchase)
    if isinstance(options, OwnTexts):
        base, difference, texts = options.checked(given)
        valuer = ListingTextValuer(
            base, texts, purchase, seed, before_asking,
            show_query=show_query, fine_tuned=difference, sent_base=options.sent_base(),
        )  # fmt: skip
        return PreparedPurchase(valuer, purchase.policy(), valuer.base_models)
    return PreparedPurchase(ListingValuer(options.read(given), options, purchase, before_asking), purchase.policy())
