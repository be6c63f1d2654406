"""What a seed decides before anything happens: who trades, how, and which faults there will be how often."""

from dataclasses import dataclass, field
from random import Random

from hostile_parties import BUYERS, SELLERS
from seeded_randomness import stream
from simulated_chain import TOKENS
from simulated_goods import OFFERED, Wish
from simulated_mail import PostFaults

from blindfair.protocol.quantities import ETHER, Address


@dataclass(frozen=True)
class SellerRole:
    """One seller and its listing."""

    kind: str
    charges: bool
    evaluations: int
    audits: int
    token: Address = ETHER
    leaves_at: int | None = None


@dataclass(frozen=True)
class BuyerRole:
    """One buyer: from whom it buys what."""

    kind: str
    seller: int
    wish: Wish
    leaves_at: int | None = None
    leaves_paid: bool = False
    """Whether it goes away for good once it has paid something."""

    is_watched: bool = False
    """Whether it hands each order to a watcher before it pays."""


@dataclass(frozen=True)
class Weather:
    """How likely each fault is: at an effect, a request, a tick."""

    kills: float = 0.0
    full_disk: float = 0.0
    node: float = 0.0
    node_outage: float = 0.0
    lag: int = 0
    reorganisations: float = 0.0
    stuck: float = 0.0
    forgets: float = 0.0
    gas_spike: float = 0.0
    clock_jump: float = 0.0
    mail_outage: float = 0.0
    sleep: float = 0.0
    meddling: float = 0.0
    post: PostFaults = field(default_factory=PostFaults)


CALM = Weather()


@dataclass(frozen=True)
class Scenario:
    """A whole simulation before it runs."""

    seed: int
    sellers: tuple[SellerRole, ...]
    buyers: tuple[BuyerRole, ...]
    weather: Weather
    storm: int
    """Ticks after which nothing goes wrong any more."""


IN_TOKENS = 0.3
"""Share of listings that are paid in a token."""

WATCHED = 0.1
"""Share of buyers that stay and have a watcher all the same."""

LEFT_ALONE = ("corrupting", "garbling", "secretive", "gone")
"""Sellers whose cheating costs a buyer its money that does nothing after paying."""

HOSTILE_SELLERS = ("gone", *SELLERS)
HOSTILE_BUYERS = ("gone", *BUYERS)


def scenario_of(seed: int) -> Scenario:
    """The scenario of a seed."""
    random = stream(seed, "scenario")
    # Of a stream of its own, so that what a seed decides else is what it was without tokens.
    money = stream(seed, "payment")
    sellers = tuple(_seller(random, money) for _ in range(random.choice((1, 1, 1, 2))))
    watching = stream(seed, "tower")
    buyers = tuple(_buyer(random, sellers, watching) for _ in range(random.choice((1, 1, 2, 3))))
    return Scenario(seed, sellers, buyers, _weather(random), random.randrange(20, 80))


def _seller(random: Random, money: Random) -> SellerRole:
    kind = random.choice(HOSTILE_SELLERS) if random.random() < 0.35 else "honest"
    return SellerRole(
        kind,
        charges=random.random() < 0.4,
        evaluations=random.choice((1, 2, 3, 3)),
        audits=random.choice((1, 2, 3, 3)),
        token=money.choice(TOKENS) if money.random() < IN_TOKENS else ETHER,
        leaves_at=random.randrange(1, 40) if kind == "gone" else None,
    )


def _buyer(random: Random, sellers: tuple[SellerRole, ...], watching: Random) -> BuyerRole:
    seller = random.randrange(len(sellers))
    kind = random.choice(HOSTILE_BUYERS) if random.random() < 0.3 else "honest"
    wish = Wish(
        tuple(sorted(random.sample(range(OFFERED), random.randrange(4, 9)))),
        samples=random.random() < 0.3,
        pays_fee=sellers[seller].charges,
        by_message=random.random() < 0.7,
        token=sellers[seller].token,
    )
    leaves_at = random.randrange(1, 40) if kind == "gone" else None
    if kind == "honest" and sellers[seller].kind in LEFT_ALONE and watching.random() < 0.4:
        # It pays, and is not there to see that it is cheated: what a watcher is for.
        return BuyerRole("gone", seller, wish, leaves_paid=True, is_watched=True)
    is_watched = watching.random() < (0.7 if kind == "gone" else WATCHED)
    return BuyerRole(kind, seller, wish, leaves_at, is_watched=is_watched)


def _weather(random: Random) -> Weather:
    """Most simulations have few kinds of faults, so that each is met in otherwise good weather too."""

    def level(*levels: float) -> float:
        return random.choice(levels) if random.random() < 0.4 else 0.0

    return Weather(
        kills=level(0.01, 0.03, 0.1),
        full_disk=level(0.05),
        node=level(0.005, 0.03),
        node_outage=level(0.05),
        lag=random.choice((0, 0, 0, 1, 2)),
        reorganisations=level(0.05, 0.3),
        stuck=level(0.3, 0.7),
        forgets=level(0.05, 0.2),
        gas_spike=level(0.05),
        clock_jump=level(0.05),
        mail_outage=level(0.05),
        sleep=level(0.2, 0.5),
        meddling=level(0.2),
        post=PostFaults(level(0.05, 0.3), level(0.1, 0.5), level(0.1, 0.5), level(0.05, 0.3)),
    )
