"""`blindfair watch` and `watch-status`: the watcher's turns in real time, and what it says of itself."""

import math
import shlex
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from blindfair.agents.store.journal import Journal, read_journal
from blindfair.agents.store.steps import ACCOUNT, RECEIPT
from blindfair.agents.store.watch_steps import REVEAL_END, WATCH_LATE, WATCH_VERDICT, order_of_file
from blindfair.agents.waiting import Waiting
from blindfair.agents.watch.clients import BYTES_EACH, WatchLimits
from blindfair.agents.watch.ending import EndedWatch, WatchEnding, ended_watches, short
from blindfair.agents.watch.inbox import PackageInbox, RefusedPackage
from blindfair.agents.watch.package import SUFFIX, read_head
from blindfair.agents.watch.reveal_package import REVEAL_SUFFIX
from blindfair.agents.watch.watcher import PACKAGES, Watcher
from blindfair.api.addresses import parse_address
from blindfair.api.amounts import parse_ether, show_ether
from blindfair.api.connection import gas_price_limit, read_deployment
from blindfair.api.keystore import address_of, unlock
from blindfair.chain.deployment import open_exchange
from blindfair.chain.finality import Finality
from blindfair.chain.requirements import check_chain
from blindfair.cli.flags import with_flags
from blindfair.cli.output import Output
from blindfair.cli.party.screen import PartyScreen
from blindfair.cli.party.signals import Reloads, as_service
from blindfair.cli.party.telemetry import Telemetry, metrics_place, served_metrics
from blindfair.cli.party.turns import Turns
from blindfair.cli.password import read_password
from blindfair.protocol.documents import Document, json_value
from blindfair.protocol.errors import BlindfairError, DisputeMissed, FileMissing, InvalidOption
from blindfair.protocol.quantities import Wei
from blindfair.protocol.words import counted


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """What `blindfair watch` was told."""

    directory: Path
    rpc: str
    deployment: Path
    keystore: Path
    password_file: Path | None
    finality_depth: int | None
    gas_ceiling: str
    max_gas_price: int | None
    files: tuple[Path, ...]
    folder: Path | None
    poll: float
    once: bool
    metrics: str | None = None
    served: tuple[str, ...] = ()
    account_gas: str | None = None
    account_megabytes: int | None = None


def run_watch(options: WatchOptions, output: Output, reloads: Reloads) -> None:
    """Follow orders until all have ended, with a folder until interrupted, and with `once` for one look; then say how
    they stand. `reloads` has each SIGHUP since the command began.

    Raises what opening node, account and directory raises, and DisputeMissed where an order ended so meanwhile. With
    `once` also the first trouble of the turn or of a package, and InsufficientFunds, GasCeilingReached or
    GasPriceTooHigh where a dispute that may come is not paid for.
    """
    ceiling, price = parse_ether(options.gas_ceiling, "gas_ceiling"), gas_price_limit(options.max_gas_price)
    if options.metrics is not None:
        metrics_place(options.metrics)
    limits = _limits(options, ceiling)
    inbox = PackageInbox(options.files, options.folder)
    address_of(options.keystore)
    deployment, finality = read_deployment(options.deployment), Finality(options.finality_depth)
    exchange = open_exchange(options.rpc, deployment)
    check_chain(exchange.web3, finality)
    account = unlock(options.keystore, read_password(options.password_file, options.keystore))
    with PartyScreen() as screen:
        watcher = Watcher(
            options.directory,
            exchange,
            account,
            finality=finality,
            gas_ceiling=ceiling,
            max_gas_price=price,
            limits=limits,
            on_event=screen.event,
        )
        try:
            before = len(watcher.ended())
            inbox.collect(watcher)
            if not (watcher.open_orders or before or inbox.may_bring_more or inbox.refused):
                raise InvalidOption(
                    "There is nothing to watch",
                    expected="--package FILE or --packages FOLDER",
                    found="neither, and no order in the directory",
                    hint="blindfair buyer watch-package and blindfair seller watch-package make the files",
                )
            _introduce(watcher, screen)
            trouble = None
            if options.once:
                trouble = _once(watcher)
            else:
                _until_ended(watcher, inbox, screen, options, reloads)
            screen.still()
            ended, gas = watcher.ended(), watcher.wallet.gas_costs()
        finally:
            watcher.close()
    refused = tuple(inbox.refused.values())
    _tell(options.directory, output, {"gas_ceiling_wei": str(ceiling), "gas_wei": str(gas)}, refused)
    missed = [end for end in ended[before:] if end.ending is WatchEnding.MISSED]
    if missed:
        raise DisputeMissed(f"Order {short(missed[0].order)} was lost", found=missed[0].reason)
    if trouble is not None:
        raise trouble
    if refused and (options.once or not inbox.may_bring_more):
        raise refused[0].error


def _limits(options: WatchOptions, ceiling: Wei) -> WatchLimits:
    """Accounts to serve, and what to do for each. Raises InvalidOption, also for a folder that others may write to."""
    served = frozenset(parse_address(text, "for") for text in options.served)
    folder = options.folder
    if folder is not None and not served and folder.is_dir() and folder.stat().st_mode & 0o022:
        raise InvalidOption(
            f"Others may write into {folder}, and spend this watcher's gas on their own orders",
            expected="`for=ADDRESS` of each account that is served, or a folder of mode 0700",
            found=f"mode {folder.stat().st_mode & 0o7777:04o}",
            hint=f"chmod 700 {shlex.quote(str(folder))}",
        )
    each = None if len(served) < 2 else Wei(ceiling // len(served))
    if options.account_gas is not None:
        each = parse_ether(options.account_gas, "account_gas")
    megabytes = options.account_megabytes
    if megabytes is not None and megabytes < 1:
        raise InvalidOption(
            "`account_megabytes` is a number of megabytes",
            expected="at least 1",
            found=megabytes,
            hint=f"leave it out for {BYTES_EACH // 10**6:,}",
        )
    return WatchLimits(served or None, each, BYTES_EACH if megabytes is None else megabytes * 10**6)


def _introduce(watcher: Watcher, screen: PartyScreen) -> None:
    """Say what it does and cannot do, and what it needs."""
    lines = screen.lines
    lines.item(
        "watches", f"{counted(len(watcher.open_orders), 'order')} on {watcher.exchange.address} as {watcher.address}"
    )
    kept = len(watcher.keeper.open)
    if kept < len(watcher.open_orders) or not kept:
        lines.item(
            "reads", "once a key is public on chain, this machine can read that delivery, as it holds its chunks"
        )
        lines.item("checks", "that chunks are the committed ones; it knows no scores and cannot check them")
    if kept:
        lines.item(
            "keeps",
            f"{counted(kept, 'key')} of sellers: with the ciphertext, which it is not given, a key reads a delivery",
        )
    needed = watcher.largest_dispute()
    text = f"a dispute costs up to {show_ether(needed)} ether now, a refund less; " if needed else ""
    if kept:
        text += f"a reveal and a claim cost up to {show_ether(watcher.cost_of_reveal())}; "
    lines.item("gas", f"{text}all together at most {show_ether(watcher.gas_ceiling)} ether")
    try:
        watcher.check_means()
    except BlindfairError as error:
        screen.trouble(error)


def _once(watcher: Watcher) -> BlindfairError | None:
    """Do all that can be done now; the trouble that stood in the way, or that will for want of gas."""
    try:
        while watcher.step():
            pass
        watcher.check_means()
    except BlindfairError as error:
        return error
    return None


def _until_ended(
    watcher: Watcher, inbox: PackageInbox, screen: PartyScreen, options: WatchOptions, reloads: Reloads
) -> None:
    def read_again() -> None:
        inbox.forget()
        screen.notices.item("reload", "looks at every package again; options are read at the start alone")

    def turn() -> None:
        inbox.collect(watcher)
        while watcher.step():
            pass
        if watcher.open_orders or inbox.may_bring_more:
            raise watcher.waiting or Waiting("there is no order to watch")

    if options.metrics is not None:
        screen.telemetry = Telemetry("watcher", lambda: _orders_by_state(watcher))
    try:
        with as_service(), served_metrics(screen.telemetry, options.metrics) as metrics:
            if metrics is not None:
                screen.lines.item("metrics", f"/metrics and /health at {metrics} for users of this machine")
            screen.on_turn = lambda: reloads.turn(read_again)
            Turns(screen, options.poll, patience=math.inf, retried=BlindfairError).until(turn)
    except KeyboardInterrupt:
        screen.still()
        screen.lines.item("", "stopped; the same command goes on where it was")


def _orders_by_state(watcher: Watcher) -> dict[str, int]:
    ends = Counter(end.ending.lower() for end in watcher.ended())
    return {**dict.fromkeys((each.value.lower() for each in WatchEnding), 0), **ends, "open": len(watcher.open_orders)}


def run_status(directory: Path, output: Output) -> None:
    """Say how the orders of a watcher's directory stand, from its journal alone. Raises as `read_journal`."""
    _tell(directory, output, {}, ())


def _tell(directory: Path, output: Output, more: Document, refused: tuple[RefusedPackage, ...]) -> None:
    journal = read_journal(directory / "journal.sqlite")
    if journal is None or journal.get(ACCOUNT) is None:
        raise FileMissing(f"Nothing is watched in {directory}", hint="begin with blindfair watch")
    try:
        fees = {call: json_value(intent)["fee"] for call, intent in journal.done(RECEIPT)}
        ended = *ended_watches(journal), *ended_watches(journal, REVEAL_END)
        orders = [*map(_ended_order, ended), *_open_orders(directory, journal), *_kept_orders(directory, journal)]
        document: Document = {
            "account": (journal.get(ACCOUNT) or b"").decode(),
            "fees_wei": str(sum(fees.values())),
            "orders": [*orders],
            "refused": [*map(_refused, refused)],
            "transactions": len(fees),
            **more,
        }
    finally:
        journal.close()
    for order in orders:
        output.lines.item("order", f"{order['order']} {order['state']}: {order['reason']}")
    for each in refused:
        output.lines.item("refused", f"{each.path}: {each.error.name}: {with_flags(str(each.error))}")
    output.lines.item(
        "paid", f"{show_ether(sum(fees.values()))} ether for the gas of {counted(len(fees), 'transaction')}"
    )
    output.document(document)


def _refused(package: RefusedPackage) -> Document:
    return {"error": package.error.name, "file": str(package.path), "text": str(package.error)}


def _ended_order(end: EndedWatch) -> Document:
    return {"order": f"0x{end.order}", "reason": end.reason, "state": end.ending.value}


def _kept_orders(directory: Path, journal: Journal) -> list[Document]:
    """The orders of sellers that go on."""
    ended = {end.order for end in ended_watches(journal, REVEAL_END)}
    return [
        {"order": f"0x{path.stem}", "reason": "keeps its key, to reveal it if the seller does not", "state": "Open"}
        for path in sorted((directory / PACKAGES).glob(f"*{REVEAL_SUFFIX}"))
        if order_of_file(path.stem) not in ended
    ]


def _open_orders(directory: Path, journal: Journal) -> list[Document]:
    """The orders that go on, as far as the journal knows."""
    found: list[Document] = []
    ended = {end.order for end in ended_watches(journal)}
    for path in sorted((directory / PACKAGES).glob(f"*{SUFFIX}")):
        order = order_of_file(path.stem)
        if order in ended:
            continue
        verdict = journal.get(WATCH_VERDICT.of(order))
        wrong = None if verdict is None else json_value(verdict)
        late = journal.intent(WATCH_LATE.of(order)) is not None
        reason = (
            f"waits until the key is revealed, or overdue; {_chunks(path)}"
            if verdict is None
            else "all chunks are the committed ones; the reveal is not final yet"
            if wrong is None
            else f"chunk {wrong} is not the committed one{'; found late' if late else ''}"
        )
        found.append({"order": f"0x{order}", "reason": reason, "state": "Open"})
    return found


def _chunks(path: Path) -> str:
    try:
        return f"{read_head(path).offer.chunk_count} chunks"
    except BlindfairError as error:
        return f"its package cannot be read, hand it over again: {error.name}"
