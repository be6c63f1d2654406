"""A demo of a table whose frequent values are others in each part: nothing is refused after the trades."""

from pathlib import Path

import numpy as np
import pytest
from command import Inside
from real_tables import LABEL, write_csv
from whole_demo import ENDINGS

from blindfair.cli.demo.goods import goods_of
from blindfair.cli.demo.options import DemoOptions
from blindfair.cli.demo.prepared import prepare
from blindfair.influence.table import read_table
from blindfair.pricing.utility import check_divisions, measure_utility
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.errors import LabelUnusable
from blindfair.protocol.quantities import ETHER, Secret
from blindfair.protocol.signing import Domain


def weights(path: Path) -> Path:
    """400 records with a column of about 200 weights; decimal commas in a few make it text."""
    rng = np.random.default_rng(0)
    kilos = rng.normal(75, 6, 400).round(1)
    texts = [f"{one}".replace(".", ",") if place % 10 == 0 else f"{one}" for place, one in enumerate(kilos)]
    heights = rng.normal(170, 8, 400)
    labels = ["yes" if tall > rng.normal(170, 8) else "no" for tall in heights]
    return write_csv(
        path, ["height", "weight", LABEL], zip((f"{tall:.2f}" for tall in heights), texts, labels, strict=True)
    )


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return weights(tmp_path / "weights.csv")


def test_no_division_is_refused_for_values_that_only_the_seller_has_often(table: Path) -> None:
    job = prepare(DemoOptions(records=table, label=LABEL))
    measured = measure_utility(job.table, seeds=range(10), categorical=job.codes)
    assert len(measured.outcomes) == 10


def test_the_buyer_of_a_demo_asks_and_is_told_what_does_not_fit(table: Path) -> None:
    """Of ten seeds some have no frequent weight in common."""
    told: list[str] = []
    for seed in range(10):
        goods = goods_of(prepare(DemoOptions(records=table, label=LABEL, seed=seed)))
        dataset = ChunkedDataset.build(goods.spec.records, goods.spec.chunk_size, Secret(bytes(32)))
        listing = goods.spec.manifest(dataset, Domain(1, ETHER), seller=ETHER, seller_hpke=bytes(32))
        told += goods.valuer().check_fits(listing)
    assert any("60 of 60 cells do not fit" in sentence for sentence in told)


def test_a_division_that_the_worth_would_refuse_is_found_beforehand(tmp_path: Path) -> None:
    labels = [f"c{number % 30}" for number in range(600)]
    path = write_csv(tmp_path / "t.csv", ["x", LABEL], ([number % 7, label] for number, label in enumerate(labels)))
    for check in (check_divisions, measure_utility):
        with pytest.raises(LabelUnusable, match="class"):
            check(read_table(path, LABEL), seeds=range(20), flip_share=0.9)


@pytest.mark.deep
def test_the_whole_demo_of_such_a_table_ends_well(table: Path, tmp_path: Path, inside: Inside) -> None:
    ended = inside("demo", "--records", table, "--label", LABEL, "--divisions", 10, "--json", tmp_path / "r.json")
    assert ended.code == 0, ended.err
    assert all(case in ended.out for case in ENDINGS)
