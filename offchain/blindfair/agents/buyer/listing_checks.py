"""Whether a listing is the one that a buyer asked for, on its chain, of its seller, for its money (PROTOCOL 2)."""

from blindfair.chain.exchange import DataExchange
from blindfair.protocol.errors import FieldMismatch
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.quantities import ETHER, Address
from blindfair.protocol.sealing import check_sealing_key


def check_listing_of(manifest: Manifest, exchange: DataExchange, seller: Address, token: Address) -> None:
    """Check a manifest that a seller sent. Raises FieldMismatch, MalformedMessage for a key, NodeFailure."""
    committed = exchange.seller_of(manifest.listing)
    if not committed == manifest.seller == seller:
        raise FieldMismatch(
            "The listing is not the seller's on chain",
            expected=seller,
            found=committed,
            hint="blindfair buyer find shows which account has committed each listing; nothing was asked",
        )
    place, here = (manifest.chain_id, manifest.contract), (exchange.chain_id, exchange.address)
    if place != here:
        raise FieldMismatch(
            "The manifest is of another chain or contract",
            expected=f"chain {here[0]}, contract {here[1]}",
            found=f"chain {place[0]}, contract {place[1]}",
            hint="use the node and the deployment file of the listing's chain; nothing was asked",
        )
    if token not in manifest.terms.tokens:
        other = manifest.terms.tokens[0]
        option = "without `token`" if other == ETHER else f"with `token={other}`"
        raise FieldMismatch(
            "The listing is sold for other money than you named",
            expected=" or ".join(map(_money, manifest.terms.tokens)),
            found=_money(token),
            hint=f"begin another directory {option}, or choose another listing; nothing was asked",
        )
    check_sealing_key(manifest.seller_hpke)


def _money(token: Address) -> str:
    return "ether" if token == ETHER else f"token {token}"
