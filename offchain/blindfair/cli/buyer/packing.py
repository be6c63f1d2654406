"""`blindfair buyer watch-package`: the packages of a purchase, also while its agent works in the directory."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from blindfair.agents.settlement.ending import Ending
from blindfair.agents.settlement.order_ends import end_of
from blindfair.agents.store.directory import SecretStore
from blindfair.agents.store.journal import Journal, read_journal
from blindfair.agents.store.steps import of_part, step_text
from blindfair.agents.watch.making import delivered_parts, make_package, no_order_to_watch
from blindfair.agents.watch.package import WatchPackage, read_head
from blindfair.cli.buyer.settings import BuyerOptions
from blindfair.cli.options import Resumed
from blindfair.cli.output import Output
from blindfair.cli.party.settings import resumed_settings
from blindfair.cli.targets import check_file_target
from blindfair.protocol.errors import BlindfairError, CannotWrite, FileMissing, SecretDamaged
from blindfair.protocol.fields import hex_text
from blindfair.protocol.parts import PartName
from blindfair.protocol.signing import Domain

_NAMED_THERE = "--directory DIR --rpc URL --deployment FILE --keystore FILE --gas-ceiling ETHER"


@dataclass(frozen=True, slots=True)
class _Packed:
    """The package of one order, and how that order ended: None while it is open."""

    part: PartName
    package: WatchPackage
    end: Ending | None

    @property
    def text(self) -> str:
        """The order in words."""
        head = self.package.head
        return f"{step_text(of_part('order', self.part))} {hex_text(head.order_id)}: {head.offer.chunk_count} chunks"


def run_watch_package(directory: Path, to: Path, output: Output) -> None:
    """Write the newest order's package to a file, or that of every order to a folder.

    Raises what `make_package` and the reading of the directory raise, and CannotWrite.
    """
    settings = resumed_settings(BuyerOptions, Resumed(directory))
    domain = Domain(settings.deployment.chain_id, settings.deployment.address)
    is_folder = to.is_dir()
    if not is_folder:
        check_file_target(to, "--to")
    packed = _packed(directory, domain, everything=is_folder)
    written = [(to / each.package.name if is_folder else to, each) for each in packed]
    for path, each in written:
        _check_no_others(path, each.package)
    for path, each in written:
        each.package.write(path)
        output.lines.item("package", f"{each.text} in {path}")
        if each.end is not None:
            ended = (
                f"that order has ended, {each.end}, and needs no watcher; a later one is packed once it is delivered"
            )
            output.lines.item("", ended, style="yellow")
    output.lines.item("reads", "whoever has it can read the delivery from the moment its key is public on chain")
    if any(each.end is None for each in packed):
        packages = f"--packages {shlex.quote(str(to))}" if is_folder else f"--package {shlex.quote(str(to))}"
        output.lines.item("next", f"on the other machine: blindfair watch {packages} {_NAMED_THERE}")
    output.document(
        {
            "packages": [
                {"ended": each.end, "file": str(path), "order": hex_text(each.package.head.order_id), "part": each.part}
                for path, each in written
            ]
        }
    )


def _check_no_others(path: Path, made: WatchPackage) -> None:
    """Raises CannotWrite where the file is the package of another order, which may not have ended."""
    try:
        found = read_head(path).order_id
    except BlindfairError:
        return
    if found != made.head.order_id:
        raise CannotWrite(
            f"{path} holds the package of another order",
            expected=hex_text(made.head.order_id),
            found=hex_text(found),
            hint="name another file with `to`, or a folder, which takes every order's package",
        )


def _packed(directory: Path, domain: Domain, *, everything: bool) -> list[_Packed]:
    journal = read_journal(directory / "journal.sqlite")
    if journal is None:
        raise FileMissing(f"Nothing was asked in {directory}", hint="blindfair buyer evaluate begins a purchase")
    try:
        # The private key is the first half; what it opens is in the journal.
        pair = SecretStore(directory / "secrets").get("hpke")
        if pair is None:
            raise SecretDamaged("The key that deliveries are sealed to is gone", hint="restore it from a backup")
        parts = delivered_parts(journal, domain)
        made = [
            _Packed(part, make_package(journal, pair[:32], domain, part), _end(journal, part))
            for part in (parts if everything else parts[:1])
        ]
        if not made:
            raise no_order_to_watch()
        return made
    finally:
        journal.close()


def _end(journal: Journal, part: PartName) -> Ending | None:
    outcome = end_of(journal, part)
    return None if outcome is None else outcome.final
