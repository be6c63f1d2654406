"""A program that computes rows of texts batch by batch, and kills itself (SIGKILL) after some batches.

    killed_rows.py DIRECTORY BASE BATCHES

Not a test: `test_killed_rows` goes on with what is left.
"""

import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest
from texts import HandTextValuer, text_goods, text_parties

from blindfair.agents.buyer.question import ask
from blindfair.agents.seller.row_store import RowStore
from blindfair.influence.text import BaseModel
from blindfair.protocol.messages import Request
from blindfair.protocol.quantities import ETHER, Digest, Secret, Timestamp, Wei

SECRET, DIGEST = Secret(bytes(32)), Digest(b"\x07" * 32)
BATCH = 16


def small_batches(patch: pytest.MonkeyPatch) -> None:
    """`BATCH` texts at once."""
    patch.setattr("blindfair.influence.text.scoring.AT_ONCE", BATCH)
    patch.setattr("blindfair.agents.evaluation.rows.BATCH_NUMBERS", 1)


def store_of(directory: Path, base: BaseModel) -> RowStore:
    """The rows of a seller with this base model."""
    return RowStore(directory, SECRET, text_goods(base).decode, {base.digest: base})


def request_of(base: BaseModel, directory: Path) -> Request:
    """A request for rows of the listed texts; what differs from call to call is encrypted, and moves no row."""
    parties = text_parties(directory, base)
    manifest = parties.seller.manifest
    question = HandTextValuer(base).question(manifest)
    parties.world.close()
    return ask(
        question, manifest, buyer=manifest.seller, buyer_hpke=bytes(32), expiry=Timestamp(1), token=ETHER, fee=Wei(0)
    )[0]


def main() -> None:
    directory, folder, left = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])

    def die(done: int, of: int) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    small_batches(pytest.MonkeyPatch())
    base = BaseModel.load(folder)
    with tempfile.TemporaryDirectory() as parties:
        asked = request_of(base, Path(parties))
    store_of(directory, base).compute(DIGEST, asked, text_goods(base).records, die)


if __name__ == "__main__":
    main()
