"""A buyer's base model that the seller does not hold: whether it may travel, and its bytes (PROTOCOL 4.1)."""

from collections.abc import Sequence

from blindfair.influence.text import BaseModel, Difference
from blindfair.influence.text.base_files import SentBase
from blindfair.protocol.errors import MessageTooLarge, UnusableModel
from blindfair.protocol.messages.evaluation import BASE_PART_LIMIT
from blindfair.protocol.quantities import Digest

_HINT = "agree with the seller on a common base model, which then need not travel; nothing was asked"


def check_travels(
    base: BaseModel, sent: SentBase | None, held: Sequence[Digest], fine_tuned: Difference | None = None
) -> None:
    """Check that the buyer lets its base model travel, and that a request can hold it beside the difference of its
    fine-tuned model; the seller has those `held`.

    Raises UnusableModel, MessageTooLarge.
    """
    if sent is None:
        raise UnusableModel(
            "The seller does not hold this base model, but takes any that is sent",
            expected=f"{' or '.join(each.hex() for each in held)}, or `send_base_model`",
            found=base.digest.hex(),
            hint="`send_base_model` sends the seller the whole model; nothing was asked",
        )
    size, more = sent.size, 0 if fine_tuned is None else 4 * fine_tuned.size
    _check_size(size)
    if size + more > BASE_PART_LIMIT:
        raise MessageTooLarge(
            "The base model and your fine-tuned model together are larger than what a request can carry",
            expected=f"at most {BASE_PART_LIMIT:,} bytes",
            found=f"{size:,} and {more:,}",
            hint="name the whole fine-tuned model as `base_model` in another directory; nothing was asked",
        )


def packed(base: BaseModel, sent: SentBase) -> bytes:
    """The bytes that travel. Raises UnusableModel where the folder changed, MessageTooLarge."""
    data = sent.packed()
    _check_size(len(data))
    if BaseModel.from_bytes(data).digest != base.digest:
        raise UnusableModel(
            "The folder of the base model changed", expected=base.digest.hex()[:16], found="another model", hint=_HINT
        )
    return data


def _check_size(size: int) -> None:
    if size > BASE_PART_LIMIT:
        raise MessageTooLarge(
            "The base model is larger than what a request can carry",
            expected=f"at most {BASE_PART_LIMIT:,} bytes",
            found=f"{size:,}",
            hint=_HINT,
        )
