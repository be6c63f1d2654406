"""The honest trade seen from both sides, whatever was traded; and what the result file says of it and of all trades.

Not here: what a table's or texts' own figures are (`summary`, `texts.review`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blindfair.agents.buyer.evaluated import Evaluated
from blindfair.agents.buyer.valuer import Choice
from blindfair.agents.evaluation.score_noise import record_salt, unit_noise
from blindfair.api.information import information_document
from blindfair.blind.disclosure import Disclosure
from blindfair.blind.parameters import parameter_set
from blindfair.cli.demo.cases import Parties, TradeResult
from blindfair.cli.demo.goods import AnyValuer
from blindfair.cli.flags import with_flags
from blindfair.influence.noise import centred
from blindfair.influence.quantise import QuantisedRows
from blindfair.protocol.audit import SCORE_ROUNDING, catch_probability
from blindfair.protocol.documents import Document
from blindfair.protocol.quantities import Wei

FAKE_SHARE = 0.05
"""The share of faked records for which the audit's chance of catching is stated (PROTOCOL 5.5)."""


@dataclass(frozen=True, slots=True)
class HonestTrade:
    """What the honest trade's buyer knows, and what the demo can check because it sees both sides.

    `scores` are `n` real scores as decrypted; `as_committed` says whether each is the one computed in the clear from
    its row with the noise that the listing committed to, `spearman` is their rank correlation with float64 scores of
    unrounded rows and query. `information` is what the listing's terms say, `fee` what the evaluation cost, and
    `seen_bits` what the scores of a bought record may tell beyond the stated bits, of any records.
    """

    records: int
    dimension: int
    scores: NDArray[np.float64]
    choice: Choice
    bought: tuple[tuple[int, bytes], ...]
    as_committed: bool
    information: Document
    fee: Wei
    seen_bits: int
    spearman: float | None
    discloses: str
    disclosure: Disclosure
    seller_microseconds: float
    audit_rows: int
    sample_price: Wei | None

    @property
    def catches(self) -> float:
        """The chance that the audit would have caught a selection of which `FAKE_SHARE` is faked."""
        return catch_probability(FAKE_SHARE, self.audit_rows, len(self.choice.records)) if self.audit_rows else 0.0


def look_into(
    parties: Parties[AnyValuer],
    evaluated: Evaluated,
    rows: QuantisedRows,
    *,
    scores: NDArray[np.float64],
    spearman: float | None,
    discloses: str,
) -> HonestTrade:
    """Look into the ended honest trade from both sides; `rows` are all records', rounded as an audit rounds them."""
    seller, buyer = parties.seller, parties.buyer
    parameters = parameter_set(evaluated.request.parameters)
    records = seller.manifest.record_count
    return HonestTrade(
        records=records,
        dimension=evaluated.request.dimension,
        scores=scores,
        choice=buyer.choice(evaluated),
        bought=tuple(buyer.bought()),
        as_committed=_as_committed(parties, evaluated, rows),
        information=information_document(seller.manifest),
        fee=evaluated.fee,
        seen_bits=sum(parameters.committed_bits(bits) for bits in evaluated.request.bits),
        spearman=spearman,
        discloses=discloses,
        disclosure=seller.disclosure(evaluated.request),
        seller_microseconds=1e6 * seller.scoring_seconds(evaluated.reply.request) / records,
        audit_rows=buyer.audited_rows,
        sample_price=buyer.sampled_for,
    )


def _as_committed(parties: Parties[AnyValuer], evaluated: Evaluated, rows: QuantisedRows) -> bool:
    """Whether every score matches its recomputed row and the committed noise, as an audit of all records would find."""
    request, dataset = evaluated.request, parties.seller.dataset
    parameters = parameter_set(request.parameters)
    expected = rows.entry_scores(evaluated.queries)
    for unit in range(evaluated.units.count):
        salts = [record_salt(dataset, record) for record in evaluated.units.members([unit])]
        expected[:, unit] += unit_noise(parameters, request, evaluated.reply.request, unit, salts)
    found = np.stack([evaluated.decrypted(unit) for unit in range(evaluated.units.count)], axis=1)
    apart = np.abs(centred(found - expected, parameters.plain_modulus))
    slacks = np.array([parameters.score_slack(bits) for bits in request.bits]) + SCORE_ROUNDING
    return bool((apart <= slacks[:, np.newaxis]).all())


def honest_document(trades: Mapping[str, TradeResult], honest: HonestTrade) -> dict[str, Document]:
    """The blocks `audit` and `scores` of the result file."""
    sizes = trades["honest"].sizes
    return {
        "audit": {
            "catches_5_percent_fakes": honest.catches,
            "passed": trades["honest"].error is None and honest.audit_rows > 0,
            "rows": honest.audit_rows,
            "sample_price_wei": honest.sample_price,
        },
        "scores": {
            "bits_per_record": float(honest.disclosure.bits_per_record),
            "download_bytes": sizes.get("reply", 0) + sizes.get("priced-reply", 0),
            "as_committed": honest.as_committed,
            "exponent_bits": honest.disclosure.exponent_bits,
            "fee_wei": honest.fee,
            "flooding_bits": float(honest.disclosure.flooding_bits),
            "information": honest.information,
            "k": honest.dimension,
            "records": honest.records,
            "seen_bits": honest.seen_bits,
            "seller_us_per_record": honest.seller_microseconds,
            "spearman_float64": honest.spearman,
            "upload_bytes": sizes.get("request", 0),
        },
    }


def trade_document(trade: TradeResult) -> Document:
    """One of `trades` of the result file."""
    return {
        "bond_wei": trade.bond,
        "buyer_delta_wei": trade.buyer_delta,
        "calldata_bytes": trade.calldata,
        "bytes": dict(trade.sizes),
        "case": trade.case,
        "error": trade.error,
        "final": trade.final,
        "gas": dict(trade.gas),
        "price_wei": trade.price,
        "reason": with_flags(trade.reason),
        "seller_delta_wei": trade.seller_delta,
        "transactions": dict(trade.transactions),
    }
