"""What a person may set of the demo, checked before anything is done."""

from dataclasses import dataclass, fields, replace
from pathlib import Path

from blindfair.api.amounts import ETHER_UNIT, show_ether
from blindfair.api.defaults import MODELS, TABLE_MODELS, check_model
from blindfair.cli.flags import flag_of
from blindfair.influence.label import LabelKind
from blindfair.protocol.errors import InsufficientFunds, InvalidOption, OfferTooSmall
from blindfair.protocol.quantities import Wei

PRICE_PER_RECORD = Wei(ETHER_UNIT // 1000)
"""The demo's uniform price of a record: 0.001 ether."""

GRANT = Wei(10 * ETHER_UNIT)
"""What each agent is given: ether that is worth nothing."""

LARGEST_BUDGET = Wei(9 * ETHER_UNIT)
"""The rest of the grant is for gas."""

TABLE, TEXT, LABELLED_TEXT = "table", "text", "labelled-text"
MODALITIES = (TABLE, TEXT, LABELLED_TEXT)
"""What the demo trades; the first is the default."""

TEXTS = (TEXT, LABELLED_TEXT)

BUDGETS = {TABLE: "0.4", TEXT: "0.12", LABELLED_TEXT: "0.08"}
"""The budget in ether where none is named: of texts it pays for about as many as are of the buyer's domain."""

BUDGET_SHARE = 0.4
"""The part of a given table's offer that the budget pays for at most where none is named, so that scores have something
to choose; more only where an audit takes it."""

DIVISIONS = {TABLE: 10, TEXT: 3, LABELLED_TEXT: 3}
"""Over how many divisions the worth is measured where no number is named: of texts each takes most of a minute."""

MIN_AUDIT_ROWS = 30
"""The fewest rows to audit, instead of `AUDIT_ROWS`, of a small purchase: 79 % sure to see that 5 % of a large
selection are fake (PROTOCOL 5.5). They are bought first, as a sample (PROTOCOL 5.6)."""

_LARGEST_SHARE = 0.9
_MOST_DIVISIONS = 1000
_OF_TABLES = ("records", "label", "label_kind", "categorical", "exclude", "text", "model", "flipped", "duplicates")


def check_modality(name: str) -> None:
    """Raises InvalidOption for a name of nothing that the demo trades."""
    if name not in MODALITIES:
        raise InvalidOption(
            "--modality names nothing that the demo trades",
            expected=", ".join(MODALITIES),
            found=repr(name[:40]),
            hint="table is the default",
        )


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """Without `records` it is the clinical trial of the package; without `rpc`, a node's URL, an embedded chain.

    With `is_default_budget`, `budget` is the most of a default that `within_offer` fits to the offer.

    With a modality of `TEXTS` it is the texts of the package, and every option about tables stays as it is by default.

    Raises InvalidOption for values out of range, InsufficientFunds for a budget that the buyer does not have, and
    OfferTooSmall for one that cannot pay for a single record.
    """

    records: Path | None = None
    label: str | None = None
    label_kind: LabelKind | None = None
    categorical: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    budget: Wei = Wei(4 * ETHER_UNIT // 10)
    good_record_value: Wei | None = None
    model: str = MODELS[0]
    seed: int = 0
    flipped: float = 0.3
    duplicates: float = 0.05
    divisions: int = 10
    rpc: str | None = None
    modality: str = TABLE
    is_default_budget: bool = False

    def __post_init__(self) -> None:
        self._check_modality()
        self._check_table()
        self._check_budget()
        check_model(self.model, TABLE_MODELS)
        if not 0 <= self.seed < 2**32:
            raise InvalidOption(
                "--seed is out of range", expected="0 ... 4294967295", found=self.seed, hint="any such number will do"
            )
        if not 2 <= self.divisions <= _MOST_DIVISIONS:
            raise InvalidOption(
                "--divisions is out of range",
                expected=f"2 ... {_MOST_DIVISIONS}",
                found=self.divisions,
                hint=f"{DIVISIONS[self.modality]} is the default; fewer are quicker, and their interval is wider",
            )
        for name, share in (("--flipped", self.flipped), ("--duplicates", self.duplicates)):
            if not 0 <= share <= _LARGEST_SHARE:
                raise InvalidOption(
                    f"{name} is out of range",
                    expected=f"0 ... {_LARGEST_SHARE}",
                    found=share,
                    hint="it is a share: 0.3 for 30 %",
                )

    @property
    def affordable(self) -> int:
        """Records that the budget pays for."""
        return self.budget // PRICE_PER_RECORD

    def within_offer(self, records: int) -> "DemoOptions":
        """Return the options for an offer of so many records: a default budget pays for `BUDGET_SHARE` of it at most,
        or for as many as `MIN_AUDIT_ROWS` audited ones take."""
        if not self.is_default_budget:
            return self
        # No more than half of a purchase is bought as the sample.
        most = max(int(BUDGET_SHARE * records), 2 * MIN_AUDIT_ROWS)
        return replace(self, budget=Wei(min(self.budget, most * PRICE_PER_RECORD)), is_default_budget=False)

    def _check_modality(self) -> None:
        check_modality(self.modality)
        defaults = {each.name: each.default for each in fields(self)}
        given = [flag_of(name) for name in _OF_TABLES if getattr(self, name) != defaults[name]]
        if self.modality in TEXTS and given:
            raise InvalidOption(
                "These options are about tables, and the demo of texts has its own",
                expected=f"none of them with --modality {self.modality}",
                found=", ".join(given),
                hint="leave them out; blindfair seller list --text-column lists texts of your own",
            )

    def _check_table(self) -> None:
        if (self.records is None) != (self.label is None):
            raise InvalidOption(
                "--records and --label go together",
                expected="both or none",
                found="--records alone" if self.label is None else "--label alone",
                hint="blindfair demo --records mine.csv --label outcome",
            )
        if self.records is None and (self.categorical or self.exclude or self.text or self.label_kind):
            raise InvalidOption(
                "--categorical, --exclude, --label-kind and --text are for a table of your own",
                expected="--records and --label as well",
                found="neither",
                hint="blindfair demo --records mine.csv --label outcome --exclude id",
            )

    def _check_budget(self) -> None:
        if self.budget > LARGEST_BUDGET:
            raise InsufficientFunds(
                "The demo's buyer does not have that much",
                expected=f"--budget at most {show_ether(LARGEST_BUDGET)}",
                found=show_ether(self.budget),
                hint=f"it is given {show_ether(GRANT)} ether and keeps some for gas",
            )
        if self.budget < PRICE_PER_RECORD:
            raise OfferTooSmall(
                "The budget does not pay for a record that could be audited",
                expected=f"--budget at least {show_ether(PRICE_PER_RECORD)}, which a record costs",
                found=show_ether(self.budget),
                hint=f"any amount from there on will do; {BUDGETS[self.modality]} is the default",
            )
