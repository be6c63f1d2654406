"""A whole trade in one process: a chain without worth, a seller with a data frame, a buyer with another.

Run it: python examples/trade_in_one_process.py
"""

import argparse
from importlib.resources import files

import pandas as pd

import blindfair as bf


def main(records: int) -> None:
    """Offer and buy parts of a clinical trial, of so many records each."""
    patients = pd.read_csv(str(files("blindfair.cli.demo") / "data" / "ACTG175.csv"), index_col=0)
    patients = patients.drop(columns=["pidnum", "days", "cd496", "offtrt", "r"]).sample(frac=1.0, random_state=0)
    offered, own = patients[:records], patients[records : 2 * records]

    listing = bf.make_listing(
        offered,
        label="cens",
        categorical=["arms"],
        price_per_record="0.0001",
        licence="research",
        consent="public data",
    )
    with bf.LocalMarket() as market:
        seller = market.sell(listing)
        print(f"listed {len(offered)} records; one evaluation tells {listing.spec.terms.bits_per_record} bits of each")

        wanted = bf.make_purchase(own, label="cens", budget="0.05", fee="0.01")
        buyer = market.buyer(seller, wanted)
        choice = buyer.evaluate()
        print(f"advised: {len(choice.records)} records for {choice.price / 10**18} ether")
        print(buyer.table().describe().loc[["min", "50%", "max"]].round(2).to_string())

        outcome = buyer.buy()
        bought = buyer.records()
        print(f"{outcome.final}: {len(bought)} records of {bought.shape[1]} columns")
        is_listed = bought["age"].tolist() == offered.iloc[bought.index]["age"].tolist()
        print(f"every bought record is the listed one: {is_listed}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1000)
    main(parser.parse_args().records)
