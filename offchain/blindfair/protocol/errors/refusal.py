"""Why PROTOCOL 7 refuses a call, more finely than by class of error: the contract has an error of its own for each."""

from enum import Enum


class RefusedCall(Enum):
    """The reason why a call that moves an order is refused."""

    STATE = "the order is in another state"
    NOT_BUYER = "only the buyer may"
    NOT_SELLER = "only the seller may"
    EXPIRED = "the offer's time is over"
    LATE = "the time to act is over"
    EARLY = "the other party may still act"
    NOTHING_DUE = "nothing can be claimed yet, or any more"
    LISTING = "the seller has not committed the listing"
    CHUNK_SIZE = "the chunk size is not one of the protocol's"
    NO_CHUNKS = "there is no chunk"
    WINDOW = "a window is out of bounds"
    BOND = "the seller's free balance is below the bond"
    PAYMENT = "what is paid is not the price"
    KEY = "the key is not the committed one"
    CHUNK_INDEX = "the delivery has no such chunk"
    CHUNK_LENGTH = "no chunk can be of this length"
    PATH_LENGTH = "the path is not as long as the tree asks for"
    ROOT = "the path does not lead to the delivery's root"
    HONEST = "the chunk is the committed one"
