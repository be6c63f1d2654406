"""`blindfair money`: what an account has paid, to the wei."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from blindfair.api.amounts import show_ether
from blindfair.cli.backups import settings_of
from blindfair.cli.options import JsonFile, RememberedRpc
from blindfair.cli.output import Output
from blindfair.protocol.documents import Document
from blindfair.protocol.quantities import ETHER, Address, Wei


def money(
    directory: Annotated[Path, typer.Option(metavar="DIR", help="The directory of a seller, a buyer or a watcher.")],
    rpc: RememberedRpc = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask no node: the cost of failed and replaced transactions is not told.")
    ] = False,
    json_file: JsonFile = None,
) -> None:
    """List what an account has paid, to the wei.

    Shows every transaction that was signed in DIR with its gas, and every order with price and bond. Needs no password,
    and may be asked while the party works. A watcher's directory needs --rpc or --offline.
    """
    from blindfair.api.ledger import read_ledger
    from blindfair.chain.deployment import Deployment
    from blindfair.chain.node import connect
    from blindfair.chain.transactions import read_cost
    from blindfair.protocol.fields import hex_text
    from blindfair.protocol.signing import Domain

    output, settings = Output(json_file), settings_of(directory)
    deployment = Deployment.from_document(settings["deployment"]) if settings else None
    domain = None if deployment is None else Domain(deployment.chain_id, deployment.address)
    url = None if offline else rpc or settings.get("rpc")
    web3 = None if url is None else connect(str(url), None if deployment is None else deployment.chain_id)
    ledger = read_ledger(directory, domain, None if web3 is None else partial(read_cost, web3))
    rows = [["call", "number", "state", "gas", "gas paid, wei", "sent along, wei"]]
    for entry in ledger.entries:
        unknown = "?" if entry.state == "unknown" else "0"
        rows.append([entry.call, str(entry.number), entry.state, str(entry.gas or unknown), str(entry.fee or unknown),
                     str(entry.value if entry.state in ("paid", "unknown") else 0)])  # fmt: skip
    if len(rows) > 1:
        output.lines.table(rows, left=3)
    for order in ledger.orders:
        offer = order.offer
        price, bond = (_amount(amount, offer.token) for amount in (offer.price, offer.bond))
        output.lines.item("order", f"{order.name}: price {price}, bond {bond}; {order.ending or 'open'}")
    output.lines.item("paid", f"{show_ether(ledger.fees)} ether for gas, {show_ether(ledger.sent)} sent along")
    if not ledger.is_complete:
        output.lines.item("but", "the cost of some transactions is not known without a node")
    documents: list[Any] = [
        {"call": entry.call, "fee_wei": _text(entry.fee), "gas": entry.gas, "number": entry.number,
         "state": entry.state, "transaction": hex_text(entry.transaction), "value_wei": str(entry.value)}
        for entry in ledger.entries
    ]  # fmt: skip
    orders: list[Any] = [
        {"bond": str(order.offer.bond), "ending": order.ending, "name": order.name,
         "order": hex_text(order.offer.struct_hash()), "price": str(order.offer.price), "token": order.offer.token}
        for order in ledger.orders
    ]  # fmt: skip
    document: Document = {
        "account": ledger.account,
        "fees_wei": str(Wei(ledger.fees)),
        "is_complete": ledger.is_complete,
        "orders": orders,
        "sent_wei": str(ledger.sent),
        "transactions": documents,
    }
    output.document(document)


def _amount(amount: Wei, token: Address) -> str:
    """An amount to the last digit, in ether and in wei, which the table is in."""
    return f"{show_ether(amount)} ether ({amount} wei)" if token == ETHER else f"{amount} units of {token}"


def _text(amount: int | None) -> str | None:
    return None if amount is None else str(amount)
