"""`blindfair seller watch-package`, and `--watch-packages`: the keys of open offers for a second machine."""

from pathlib import Path

from blindfair.agents.store.directory import SecretStore
from blindfair.agents.store.journal import Journal, read_journal
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
            "No offer is open", expected="an offer that a buyer may accept, or an open order", found="none"
        )
    for package in made:
        output.lines.item("package", f"order {hex_text(package.order_id)} in {to / package.name}")
    output.lines.item("reads", READS)
    output.document({"packages": [{"file": str(to / each.name), "order": hex_text(each.order_id)} for each in made]})


def hand_over(journal: Journal, secrets: SecretStore, domain: Domain, folder: Path) -> list[RevealPackage]:
    """Write what is not there yet, and remove what nobody needs any more. Raises CannotWrite, JournalDamaged."""
    made = reveal_packages(journal, secrets, domain)
    for package in made:
        path = folder / package.name
        if not path.exists():
            package.write(path)
    for order in ended_orders(journal):
        (folder / f"{order.hex()}{REVEAL_SUFFIX}").unlink(missing_ok=True)
    return made


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
        self._screen = screen
        self._told = ""
        screen.lines.item("keys", f"of open offers go to {folder}: {READS}")

    def turn(self) -> None:
        """Hand over what is new; what stands in the way is told once, and tried again."""
        if self._journal.writes == self._writes:
            return
        writes = self._journal.writes
        try:
            hand_over(self._journal, self._secrets, self._domain, self._folder)
        except BlindfairError as error:
            if str(error) != self._told:
                self._told = str(error)
                self._screen.notices.item("trouble", f"keys are not handed over: {error.name}: {error}")
            return
        self._writes, self._told = writes, ""
