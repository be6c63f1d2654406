"""Announcing a listing in the directory on chain: where buyers can ask for it, or that it is announced no longer."""

from blindfair.agents.agent import Agent
from blindfair.agents.store.announce_steps import DIRECTORY_CALL, announce_call, is_announcement
from blindfair.agents.store.steps import SIGNED, attempt_of
from blindfair.chain.costs import ANNOUNCE, MAKE_DIRECTORY
from blindfair.chain.directory import ListingDirectory, directory_creation, has_directory
from blindfair.protocol.errors import ContractReverted, NodeFailure, StateError
from blindfair.protocol.quantities import Gas, ListingId


def announcing_gas(seller: Agent) -> Gas:
    """About what an announcement takes now, with the directory where the chain lacks it. Raises NodeFailure."""
    return ANNOUNCE if has_directory(seller.exchange.web3) else Gas(ANNOUNCE + MAKE_DIRECTORY)


def is_announced(seller: Agent, listing: ListingId, uri: str) -> bool:
    """Whether the chain says so already; an empty `uri` asks whether nothing is announced. Raises WrongContract, and
    NodeFailure for a node that fails, or keeps too few logs to say."""
    if not has_directory(seller.exchange.web3):
        return not uri
    found = ListingDirectory(seller.exchange).standing_of(listing, seller.address)
    return (b"" if found is None else found.uri) == uri.encode()


def announce(seller: Agent, listing: ListingId, uri: str) -> bool:
    """Announce a listing at `uri`, or withdraw it with an empty one; False where the chain said so already.

    An announcement that was begun before is finished first, whatever it says. Raises Waiting until it is in a block,
    StateError for a listing that is not committed, and what `Wallet.execute` raises.
    """
    text = f"announces the listing at {uri}" if uri else "announces the listing no longer"
    directory, wallet = ListingDirectory(seller.exchange), seller.wallet
    step = announce_call(sum(map(is_announcement, seller.receipts())))
    if wallet.begun(step):
        begun = seller.journal.intent(SIGNED.of(attempt_of(step, 0)))
        wallet.execute(step, lambda: directory.announce(listing, uri), begun or text)
        return begun == text or announce(seller, listing, uri)
    if seller.exchange.seller_of(listing) != seller.address:
        raise StateError(
            "The listing is not committed yet",
            expected="a listing on chain",
            found=f"0x{listing.hex()}",
            hint="blindfair seller list commits it",
        )
    if _known(seller, listing, uri):
        return False
    _make_directory(seller)
    wallet.execute(step, lambda: directory.announce(listing, uri), text)
    return True


def _known(seller: Agent, listing: ListingId, uri: str) -> bool:
    """`is_announced`, and False where the node keeps too few logs: to say it again is cheap, and changes nothing."""
    try:
        return is_announced(seller, listing, uri)
    except NodeFailure:
        return False


def _make_directory(seller: Agent) -> None:
    """Put the directory on the chain where it is not. Raises as `Wallet.execute`, and WrongContract."""
    web3 = seller.exchange.web3
    if has_directory(web3):
        return
    try:
        seller.wallet.execute(
            DIRECTORY_CALL, lambda: directory_creation(web3), "puts the listing directory on this chain"
        )
    except ContractReverted:
        # Somebody else was quicker: it is the same one.
        if not has_directory(web3):
            raise
