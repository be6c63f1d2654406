"""How a buyer pays an offer: ether with the call, a token by permit (EIP-2612) or from an allowance given before."""

from blindfair.chain.calls import Call
from blindfair.chain.exchange import DataExchange
from blindfair.chain.permit import sign_permit
from blindfair.chain.reverts import is_error_of_the_escrow
from blindfair.protocol.errors import ContractReverted, WrongContract
from blindfair.protocol.offer import Offer
from blindfair.protocol.quantities import ETHER, Address, Signature
from blindfair.protocol.signing import address_of


def takes_permits(exchange: DataExchange, buyer: Address, token: Address) -> bool:
    """Whether no allowance need be given beforehand: for ether, and for tokens that answer as EIP-2612 says.

    Some of these take signatures of another form all the same; the accept is then refused. Raises NodeFailure.
    """
    if token == ETHER:
        return True
    try:
        exchange.permit_domain(buyer, token)
    except (ContractReverted, WrongContract):
        return False
    return True


def accepting(exchange: DataExchange, private_key: bytes, offer: Offer, signature: Signature) -> Call:
    """The accept of an offer, with a permit where its token takes one and no allowance is there.

    Whoever sends the permit ahead gives the allowance that the accept then uses. A token that answers with another's
    domain gets an allowance of that other for the escrow, which takes from nobody but its caller. Raises NodeFailure.
    """
    buyer = address_of(private_key)
    if offer.token == ETHER or exchange.allowance(buyer, offer.token) >= offer.price:
        return exchange.accept(offer, signature)
    separator, nonce = exchange.permit_domain(buyer, offer.token)
    permit = sign_permit(separator, buyer, exchange.address, offer.price, nonce, offer.expiry, private_key)
    return exchange.accept_with_permit(offer, signature, permit)


def is_of_the_token(error: ContractReverted) -> bool:
    """Whether a call was refused by the token, be it without a word, and not by a rule of the escrow's own."""
    return not is_error_of_the_escrow(error.error_name)
