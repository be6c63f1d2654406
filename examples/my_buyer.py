"""A buyer of one's own, with a valuer of its own: it buys the records with the highest scores.

Kill it at any time and run it again: it goes on where it was. Everything that it must not lose is in its directory.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import blindfair as bf
from blindfair.agents import Choice, Event, Question
from blindfair.pricing import DeliveredRepetition
from blindfair.protocol import ListingId, Manifest, RecordIndex, Row, Wei


class HighestScores:
    """Asks as the package does, and chooses by itself. Implements `blindfair.Valuer`."""

    def __init__(self, asker: bf.Valuer, records: int) -> None:
        self._asker = asker
        self._records = records

    def question(self, manifest: Manifest) -> Question:
        """What to ask of this listing: the scoring model, the secret query, and how many bits of each record."""
        return self._asker.question(manifest)

    def choose(self, scores: NDArray[np.int64], manifest: Manifest, budget: Wei) -> Choice:
        """The best records by the first query, as many as were wanted and the budget pays for."""
        price = manifest.terms.reserve_price
        count = min(self._records, budget // price, manifest.record_count)
        best = np.argsort(-scores[0], kind="stable")[:count]
        records = tuple(RecordIndex(int(number)) for number in np.sort(best))
        return Choice(records, Wei(price * len(records)), (f"the {count} highest scores",), {"chosen": float(count)})

    def check_opened(
        self, units: Sequence[int], records: Sequence[Row], scores: NDArray[np.int64], manifest: Manifest
    ) -> tuple[str, ...]:
        """Whether the audited records are what their scores were taken to say; here, as the package checks it."""
        return self._asker.check_opened(units, records, scores, manifest)

    def check_delivered(
        self, numbers: Sequence[RecordIndex], records: Sequence[bytes], manifest: Manifest
    ) -> DeliveredRepetition | None:
        """Which of all bought records are near-duplicates; here, as the package compares them."""
        return self._asker.check_delivered(numbers, records, manifest)


def tell(event: Event) -> None:
    """The progress callback: print each thing that the buyer did."""
    print(f"{event.who}: {event.text}", flush=True)


def main(given: argparse.Namespace) -> None:
    """Evaluate, choose, buy, and write the records as a data frame."""
    password = given.password_file.read_text().strip()
    context = bf.connect(
        given.rpc,
        deployment=given.deployment,
        mail=given.mail,
        account=bf.unlock(given.keystore, password),
        on_event=tell,
    )
    listing = ListingId(bytes.fromhex(given.listing.removeprefix("0x")))
    seller = context.exchange.seller_of(listing)
    if seller is None:
        raise SystemExit(f"there is no listing {given.listing} on this chain")
    own = bf.make_purchase(given.own, label=given.label, budget="0.02", fee="0.01", min_audit_rows=30)
    valuer = HighestScores(own.valuer, given.wanted)
    with bf.open_buyer(
        given.directory,
        context,
        valuer,
        own.policy,
        seller=seller,
        listing=listing,
        turns=bf.RealTime(poll=0.5, on_wait=print),
    ) as buyer:
        choice = buyer.evaluate()
        print(f"chose {len(choice.records)} records: {choice.reasons[0]}", flush=True)
        print(f"ended {buyer.buy().final}", flush=True)
        buyer.records().to_csv(given.to)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rpc", default="http://127.0.0.1:8545")
    parser.add_argument("--label", required=True)
    parser.add_argument("--listing", required=True, help="its number, as the seller or `blindfair buyer find` says it")
    parser.add_argument("--wanted", type=int, default=100, help="how many records to buy")
    for name in ("own", "deployment", "mail", "directory", "keystore", "password-file", "to"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    main(parser.parse_args())
