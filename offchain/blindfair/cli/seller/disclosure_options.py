"""Options of `seller list` about what buyers may ask and see before they pay."""

from typing import Annotated

import typer

from blindfair.agents.policy import AUDIT_ROWS

Disclosures = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="What a buyer may ask scores of: per-record, if not given; per-group-10, or of any other number in a "
        "row; total, one score for all. May be repeated, where each size divides the next.",
    ),
]
OpenedShare = Annotated[
    float,
    typer.Option(
        metavar="SHARE",
        help="Part of a selection that its audit may see free of charge, before it is paid for. Each record counts "
        "in full against --free-share. With 0 the audited sample is bought.",
    ),
]
OpenedRecords = Annotated[
    int | None,
    typer.Option(
        metavar="NUMBER",
        help="Records that all audits may see free of charge in all. If not given: none with --opened-share 0, "
        f"else a tenth, and at least {AUDIT_ROWS} or what one audit sees of as many groups.",
    ),
]
OwnModels = Annotated[
    bool,
    typer.Option(
        "--own-models",
        help="Let unnamed buyers bring scoring models of their own (--model mlp, cnn), projections and row scales. "
        "It gives away what averages keep: a buyer can then aim all bits of an evaluation at few chosen people and "
        "read their records whole. Not needed with --buyer.",
    ),
]
