"""Base models that travel in a request (PROTOCOL 4.1): whether the listing takes them, and what one may cost.

All is decided by config and header of the weights, before any number is read. Not here: reading them
(`influence.text.base_files`).
"""

from blindfair.agents.evaluation.preprocessing import holds_texts, listed_texts
from blindfair.agents.evaluation.rows import named_base
from blindfair.agents.policy import SellerPolicy
from blindfair.influence.projection import K_LIMIT
from blindfair.influence.threads import batches_at_once, on_cores
from blindfair.protocol.errors import FieldMismatch, TooCostly
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import Request

_COPIES = 2
"""Times that all numbers are in memory in single precision: as the base model, and with a difference applied."""


def check_sent_base(request: Request, manifest: Manifest, policy: SellerPolicy) -> None:
    """Check that the listing takes a base model that travels, if one does, that the seller does not hold it already,
    and that it costs no more than the policy gives to one request.

    Raises FieldMismatch, UnusableModel, TooCostly.
    """
    if not request.base:
        return
    if not holds_texts(manifest) or not listed_texts(manifest).any_base_model:
        raise FieldMismatch(
            "The listing takes no base model that travels",
            expected="one that the listing names",
            found=f"{len(request.base):,} bytes of one",
            hint="score with a base model that the listing names",
        )
    listed, named = listed_texts(manifest), named_base(request)
    if named in listed.base_models:
        raise FieldMismatch(
            "The base model travels although the seller holds it",
            expected="no bytes",
            found=f"{len(request.base):,}",
            hint="name it alone",
        )
    # Imported here: most listings are tables, and the libraries for texts are an extra.
    from blindfair.influence.text.architectures import architecture_of
    from blindfair.influence.text.base_files import BaseFiles
    from blindfair.influence.text.batches import BATCH_NUMBERS, token_numbers

    files = BaseFiles.of_bytes(request.base)
    config, numbers = files.config, files.numbers
    is_causal = architecture_of(config).causal
    longest = min(listed.window + 2, config.context)
    # Beyond what a batch takes of any base model: one window of a large vocabulary may.
    batch = max(0, longest * token_numbers(config, causal=is_causal, longest=longest) - BATCH_NUMBERS)
    # As many batches as the rows will be computed in at once.
    with on_cores():
        batches = batches_at_once()
    # Its message, the message's parts and the journal's copy are in memory beside it.
    memory = 3 * len(request.base) + 4 * (_COPIES * numbers + batches * batch)
    tokens = listed.window * listed.max_windows
    # Scores of attention and their sums are products of no weight: a small model may take more of them than of others.
    attention = 2 * config.depth * longest * max(config.width, config.heads * config.head_size)
    products = manifest.record_count * (numbers * (3 * tokens + K_LIMIT) + 3 * tokens * attention)
    for what, most, found in (
        ("memory", policy.max_memory, memory),
        ("multiplications", policy.max_products, products),
    ):
        if found > most:
            raise TooCostly(
                f"The base model takes too much: {what}",
                expected=f"<= {most:,}",
                found=f"{found:,}",
                hint="send a smaller base model, or score with one that the listing names",
            )
