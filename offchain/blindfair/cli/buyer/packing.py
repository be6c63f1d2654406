"""`blindfair buyer watch-package`: the packages of a purchase, also while its agent works in the directory."""

import shlex
from pathlib import Path

from blindfair.agents.store.directory import SecretStore
from blindfair.agents.store.journal import read_journal
from blindfair.agents.watch.making import delivered_parts, make_package
from blindfair.agents.watch.package import WatchPackage, read_head
from blindfair.cli.buyer.settings import BuyerOptions
from blindfair.cli.options import Resumed
from blindfair.cli.output import Output
from blindfair.cli.party.settings import resumed_settings
from blindfair.cli.targets import check_file_target
from blindfair.protocol.errors import BlindfairError, CannotWrite, FileMissing, SecretDamaged
from blindfair.protocol.fields import hex_text
from blindfair.protocol.signing import Domain

_NAMED_THERE = "--directory DIR --rpc URL --deployment FILE --keystore FILE --gas-ceiling ETHER"


def run_watch_package(directory: Path, to: Path, output: Output) -> None:
    """Write the newest order's package to a file, or that of every order to a folder.

    Raises what `make_package` and the reading of the directory raise, and CannotWrite.
    """
    settings = resumed_settings(BuyerOptions, Resumed(directory))
    domain = Domain(settings.deployment.chain_id, settings.deployment.address)
    is_folder = to.is_dir()
    if not is_folder:
        check_file_target(to, "--to")
    written = [(to / made.name if is_folder else to, made) for made in _made(directory, domain, everything=is_folder)]
    for path, made in written:
        _check_no_others(path, made)
    for path, made in written:
        made.write(path)
        offer = made.head.offer
        output.lines.item("package", f"order {hex_text(made.head.order_id)}: {offer.chunk_count} chunks in {path}")
    output.lines.item("reads", "who has it can read the delivery once its key is public on chain, and not before")
    packages = f"--packages {shlex.quote(str(to))}" if is_folder else f"--package {shlex.quote(str(to))}"
    output.lines.item("next", f"on the other machine: blindfair watch {packages} {_NAMED_THERE}")
    output.document(
        {"packages": [{"file": str(path), "order": hex_text(made.head.order_id)} for path, made in written]}
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


def _made(directory: Path, domain: Domain, *, everything: bool) -> list[WatchPackage]:
    journal = read_journal(directory / "journal.sqlite")
    if journal is None:
        raise FileMissing(f"Nothing was asked in {directory}", hint="blindfair buyer evaluate begins a purchase")
    try:
        # The private key is the first half; what it opens is in the journal.
        pair = SecretStore(directory / "secrets").get("hpke")
        if pair is None:
            raise SecretDamaged("The key that deliveries are sealed to is gone", hint="restore it from a backup")
        parts = delivered_parts(journal, domain) if everything else ()
        return [make_package(journal, pair[:32], domain, part) for part in parts or (None,)]
    finally:
        journal.close()
