"""A seller of one's own: list a table on a chain, and answer buyers until it is interrupted by Ctrl-C.

Kill it at any time and run it again: it goes on where it was. Everything that it must not lose is in its directory.
"""

import argparse
import math
from pathlib import Path

import blindfair as bf
from blindfair.agents import Event


def tell(event: Event) -> None:
    """The progress callback: print each thing that the seller did."""
    print(f"{event.who}: {event.text}", flush=True)


def main(given: argparse.Namespace) -> None:
    """List and serve."""
    password = given.password_file.read_text().strip()
    context = bf.connect(
        given.rpc,
        deployment=given.deployment,
        mail=given.mail,
        account=bf.unlock(given.keystore, password),
        on_event=tell,
    )
    listing = bf.make_listing(
        given.records, label=given.label, price_per_record="0.0001", licence="research", consent="public data"
    )
    # Whatever goes wrong with one order or with the node is tried again: the other orders must go on.
    turns = bf.RealTime(
        poll=0.5,
        patience=math.inf,
        retried=bf.BlindfairError,
        on_trouble=lambda error: print(f"trouble: {error}", flush=True),
    )
    with bf.open_seller(given.directory, context, listing.spec, listing.policy, turns=turns) as seller:
        seller.commit()
        print(f"listed 0x{seller.listing.hex()}", flush=True)
        try:
            seller.serve(until=lambda: False)
        except KeyboardInterrupt:
            print(f"stopped after {len(seller.agent.offers)} orders", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rpc", default="http://127.0.0.1:8545")
    parser.add_argument("--label", required=True)
    for name in ("records", "deployment", "mail", "directory", "keystore", "password-file"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    main(parser.parse_args())
