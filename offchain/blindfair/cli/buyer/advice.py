"""What an evaluation advises, kept for `buyer show` as it is told on the screen."""

from rich.console import Console

from blindfair.agents.buyer.buyer import Buyer
from blindfair.agents.buyer.evaluated import Evaluated
from blindfair.agents.buyer.valuer import Choice
from blindfair.api.amounts import Money
from blindfair.cli.buyer.report import show_evaluation
from blindfair.cli.lines import Lines
from blindfair.influence.arrays import Floats
from blindfair.pages.kept_advice import Told, keep_advice
from blindfair.protocol.errors import OfferTooSmall

_DOUBT = "but"


class _Noted(Lines):
    """Keeps what would be printed."""

    def __init__(self) -> None:
        super().__init__(Console(quiet=True))
        self.told: list[Told] = []

    def item(self, label: str, text: str, *, right: str = "", style: str = "") -> None:
        """Note a text beside its label."""
        self.told.append(Told(label, text, is_doubt=label == _DOUBT))


def note_advice(
    buyer: Buyer, evaluated: Evaluated, choice: Choice, scores: Floats, refused: OfferTooSmall | None, prices: Money
) -> None:
    """Keep scores and choice in the buyer's directory, in the words of the screen. Raises CannotWrite."""
    noted = _Noted()
    show_evaluation(noted, evaluated, choice, scores, refused, prices)
    units = evaluated.units
    chosen = units.of(choice.records) if choice.records else ()
    keep_advice(buyer.directory, noted.told, units.name, scores, chosen)
