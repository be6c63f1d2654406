"""Writes the vectors that are made by a rule: `python tests/vectors/generate.py`, from anywhere.

Those of RFC 8439, 8785 and 8949 and of Certificate Transparency are not made here: they are what their sources say.
"""

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from vectors import (  # noqa: E402
    topics_arrays,
    topics_bases,
    topics_data,
    topics_deliveries,
    topics_fees,
    topics_labels,
    topics_listings,
    topics_orders,
    topics_sizes,
    topics_trade,
)


def build() -> dict[str, dict[str, Any]]:
    """Every generated file by its path below this directory."""
    return {
        "rfc9162/trees.json": {
            "source": "RFC 9162 section 2.1.1, by its recursive definition; leaf i has data u32(i)",
            "cases": topics_data.trees(),
        },
        "rfc9162/paths.json": {
            "source": "RFC 9162 section 2.1.3, by its recursive definition; leaf is the leaf hash of u32(index)",
            "cases": topics_data.paths(),
        },
        "documents/documents.json": {"source": "PROTOCOL 1, RFC 8785", "cases": topics_data.documents()},
        "arrays/records.json": {"source": "PROTOCOL 1, 2, npy 1.0", "cases": topics_arrays.arrays()},
        "arrays/forms.json": {"source": "PROTOCOL 2", "cases": topics_arrays.forms()},
        "arrays/files.json": {"source": "PROTOCOL 1, 2", "cases": topics_sizes.files()},
        "bases/bases.json": {"source": "PROTOCOL 4.1, safetensors", "cases": topics_bases.bases()},
        "chunks/data_sets.json": {"source": "PROTOCOL 2", "cases": topics_data.chunks()},
        "chunks/lengths.json": {"source": "PROTOCOL 2", "cases": topics_data.lengths()},
        "listings/listings.json": {"source": "PROTOCOL 2, 3"} | topics_listings.listings(),
        "rows/rows.json": {"source": "PROTOCOL 4.2"} | topics_data.rows(),
        "rows/targets.json": {"source": "PROTOCOL 2", "cases": topics_labels.targets()},
        "rows/untrained.json": {"source": "PROTOCOL 2, 4.1, 4.2", "cases": topics_labels.untrained()},
        "rows/noise.json": {"source": "PROTOCOL 4.6", "cases": topics_data.noise()},
        "draw/draw.json": {"source": "PROTOCOL 5.2", "cases": topics_data.draws()},
        "draw/parts.json": {"source": "PROTOCOL 5.6", "cases": topics_data.parts()},
        "draw/free.json": {"source": "PROTOCOL 5.6", "cases": topics_data.free()},
        "draw/signs.json": {"source": "PROTOCOL 4.1", "cases": topics_data.signs()},
        "offers/offers.json": {"source": "PROTOCOL 6.5, EIP-712", "cases": topics_trade.offers()},
        "offers/signatures.json": {"source": "PROTOCOL 1, EIP-712"} | topics_trade.signatures(),
        "offers/agreements.json": {"source": "PROTOCOL 5.6, 9", "cases": topics_trade.agreements()},
        "offers/releases.json": {"source": "PROTOCOL 7, EIP-712", "cases": topics_trade.releases()},
        "offers/messages.json": {"source": "PROTOCOL 4, EIP-712", "cases": topics_trade.messages()},
        "deliveries/deliveries.json": {"source": "PROTOCOL 6.2, 6.3, 6.6"} | topics_deliveries.deliveries(),
        "deliveries/faults.json": {"source": "PROTOCOL 7"} | topics_deliveries.faults(),
        "deliveries/sealed.json": {"source": "PROTOCOL 6.4, RFC 9180"} | topics_deliveries.sealed(),
        "deliveries/sealed_messages.json": {"source": "PROTOCOL 9, RFC 9180"} | topics_deliveries.sealed_messages(),
        "deliveries/segments.json": {"source": "PROTOCOL 6.7"} | topics_sizes.segments(),
        "deliveries/leaf_proofs.json": {
            "source": "PROTOCOL 6.8, RFC 9162 section 2.1.1; leaf i has data u32(i)",
            "cases": topics_sizes.leaf_proofs(),
        },
        "fees/fees.json": {"source": "PROTOCOL 2, 4.5", "cases": topics_fees.fees()},
        "fees/replies.json": {"source": "PROTOCOL 4.7"} | topics_fees.priced(),
        "orders/orders.json": {"source": "PROTOCOL 7"} | topics_orders.orders(),
    }


def text(content: dict[str, Any]) -> str:
    """A file's text: one line a case, so that a change of one case is a change of one line."""
    head = {name: value for name, value in content.items() if name != "cases"}
    lines = [json.dumps(case, ensure_ascii=True) for case in content["cases"]]
    return json.dumps(head, indent=1)[:-2] + ',\n "cases": [\n  ' + ",\n  ".join(lines) + "\n ]\n}\n"


def main() -> None:
    for path, content in build().items():
        (HERE / path).parent.mkdir(exist_ok=True)
        (HERE / path).write_text(text(content), encoding="ascii")


if __name__ == "__main__":
    main()
