"""A buyer's own table and its limits, made ready for an agent: what `blindfair buyer evaluate` makes of its options."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from blindfair.agents.policy import AUDIT_ROWS, SAMPLE_SHARE, BuyerPolicy
from blindfair.api.amounts import IN_ETHER, Money
from blindfair.api.defaults import BANDWIDTH_MBIT, DISCLOSURE, MODELS, SCORE_BITS
from blindfair.api.listing_valuer import ListingValuer
from blindfair.api.own_records import TableOptions, chosen_tables
from blindfair.api.purchase_options import PurchaseOptions
from blindfair.influence.frames import Frame
from blindfair.protocol.manifest import Manifest


@dataclass(frozen=True, slots=True)
class PreparedPurchase:
    """A valuer of a listing's records by the buyer's own table, and the agent's policy."""

    valuer: ListingValuer
    policy: BuyerPolicy


def make_purchase(
    own: Path | str | Frame | None = None,
    *,
    label: str,
    budget: str,
    train: Path | str | Frame | None = None,
    validation: Path | str | Frame | None = None,
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
    before_asking: Callable[[Manifest], None] = lambda _: None,
) -> PreparedPurchase:
    """Read the buyer's own records, and make of them what values a listing. Nothing is asked yet.

    `own` is a file, a pandas data frame or a pyarrow table, of which a third trains and the rest validates; or give
    `train` and `validation`. Amounts are texts in `money`, like "0.1" ether. `fee` is the most that is paid for an
    evaluation that is not free, nothing if None. `bandwidth` is in Mbit/s. Every other argument is the option of the
    same name of `blindfair buyer evaluate`, and `--help` there says what it does. `before_asking` is called with the
    listing's manifest right before the question is made.

    Raises what `read_table` raises, InvalidOption for arguments out of range or another mixture of tables.
    """
    purchase = PurchaseOptions.from_arguments({**locals(), "listing": None}, prices=money)
    purchase.check()
    tables = TableOptions(label, list(exclude), seed, list(text))
    given: dict[str, Path | str | Frame] = chosen_tables(own, train, validation)
    return PreparedPurchase(ListingValuer(tables.read(given), tables, purchase, before_asking), purchase.policy())
