"""`blindfair seller watch-package`, and `--watch-packages`: the keys of open offers for a second machine."""

from dataclasses import dataclass, field
from pathlib import Path

from blindfair.agents.store.directory import SecretStore
from blindfair.agents.store.journal import Journal, read_journal
from blindfair.agents.store.steps import OfferName
from blindfair.agents.watch.reveal_package import REVEAL_SUFFIX, RevealPackage, ended_orders, reveal_packages
from blindfair.api.listing_options import ListingOptions
from blindfair.cli.options import Resumed
from blindfair.cli.output import Output
from blindfair.cli.party.screen import PartyScreen
from blindfair.cli.party.settings import resumed_settings
from blindfair.protocol.errors import BlindfairError, FileMissing, StateError
from blindfair.protocol.fields import hex_text
from blindfair.protocol.signing import Domain

READS = "who has such a file and the ciphertext reads the delivery, paid or not: give it to a machine that you trust"


def run_watch_package(directory: Path, to: Path, output: Output) -> None:
    """Write the packages of all open offers into a folder.

    Raises StateError where no offer is open, and what reading the directory and writing raise.
    """
    settings = resumed_settings(ListingOptions, Resumed(directory))
    domain = Domain(settings.deployment.chain_id, settings.deployment.address)
    journal = read_journal(directory / "journal.sqlite")
    if journal is None:
        raise FileMissing(f"Nothing was listed in {directory}", hint="blindfair seller list begins a listing")
    try:
        made = hand_over(journal, SecretStore(directory / "secrets"), domain, to)
    finally:
        journal.close()
    if not made:
        raise StateError(
            "No offer is open",
            expected="an offer that a buyer may accept, or an open order",
            found="none",
            hint="run it again once a buyer buys, or let blindfair seller serve --watch-packages DIR do it",
        )
    for package in made:
        output.lines.item("package", f"order {hex_text(package.order_id)} in {to / package.name}")
    output.lines.item("reads", READS)
    output.document({"packages": [{"file": str(to / each.name), "order": hex_text(each.order_id)} for each in made]})


@dataclass(slots=True)
class HandedOver:
    """What is known to be done: the files of open offers, and the offers that ended. Their messages are large."""

    files: dict[OfferName, Path] = field(default_factory=dict)
    ended: set[OfferName] = field(default_factory=set)


def hand_over(
    journal: Journal, secrets: SecretStore, domain: Domain, folder: Path, before: HandedOver | None = None
) -> list[RevealPackage]:
    """Write what is not there yet, and remove what nobody needs any more; the packages that were looked at.

    Those of `before` are not, as long as their files are there. Raises CannotWrite, JournalDamaged.
    """
    known = before or HandedOver()
    there = {name for name, path in known.files.items() if path.exists()}
    made = reveal_packages(journal, secrets, domain, there)
    for name, package in made.items():
        path = folder / package.name
        if not path.exists():
            package.write(path)
        known.files[name] = path
    for name, order in ended_orders(journal, known.ended).items():
        (folder / f"{order.hex()}{REVEAL_SUFFIX}").unlink(missing_ok=True)
        known.files.pop(name, None)
        known.ended.add(name)
    return [*made.values()]


class HandingOver:
    """`--watch-packages` of a seller that serves: looks after each turn in which something was written."""

    def __init__(
        self, journal: Journal, secrets: SecretStore, domain: Domain, folder: Path, screen: PartyScreen
    ) -> None:
        self._journal = journal
        self._secrets = secrets
        self._domain = domain
        self._folder = folder
        self._writes = -1
        self._before = HandedOver()
        self._screen = screen
        self._told = ""
        screen.lines.item("keys", f"of open offers go to {folder}: {READS}")

    def turn(self) -> None:
        """Hand over what is new; what stands in the way is told once, and tried again."""
        if self._journal.writes == self._writes:
            return
        writes = self._journal.writes
        try:
            hand_over(self._journal, self._secrets, self._domain, self._folder, self._before)
        except BlindfairError as error:
            if str(error) != self._told:
                self._told = str(error)
                self._screen.notices.item("trouble", f"keys are not handed over: {error.name}: {error}")
            return
        self._writes, self._told = writes, ""
