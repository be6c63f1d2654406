"""Requests wait their turn: first come first served, fair between accounts, and each account sees how long."""

import os
from pathlib import Path

import pytest
from trade import BUYER_POLICY, FINAL_DEPTH, SELLER_POLICY, World, listing_spec, make_buyer, make_parties

from blindfair.agents.agent import Agent
from blindfair.agents.buyer.buyer import Buyer
from blindfair.agents.messaging.queue_places import QueuePlace, place_in, places_to_bytes, read_place
from blindfair.agents.messaging.transport import FolderTransport
from blindfair.agents.seller.evaluation_queue import EvaluationQueue
from blindfair.agents.seller.seller import Seller
from blindfair.agents.store.steps import RECEIVED, REPLY
from blindfair.influence.arrays import IntegerRows
from blindfair.protocol.errors import OldCopy
from blindfair.protocol.messages import Request
from blindfair.protocol.quantities import Address, Digest

ANN, BOB, CAT = (Address("0x" + digit * 40) for digit in "abc")
COST = 1000


class Postbox:
    """A mailbox of requests that were put off, for the order alone: their bytes are never looked at."""

    def __init__(self) -> None:
        self.there: dict[str, Address] = {}
        self.told: list[dict[Address, QueuePlace]] = []

    def put_off(self, handle: str) -> None:
        """They stay."""

    def read_again(self, handle: str) -> tuple[str, Address] | None:
        return (handle, self.there[handle]) if handle in self.there else None

    def tell_queue(self, places: dict[Address, QueuePlace]) -> None:
        self.told.append(places)


def served_in_order(queue: EvaluationQueue, box: Postbox) -> list[Address]:
    """Who is served, one after the other, until nobody waits."""
    found: list[Address] = []
    while queue.places():
        queue.serve(lambda _handle, _envelope, sender: found.append(sender))  # type: ignore[arg-type]
    return found


@pytest.fixture
def box() -> Postbox:
    return Postbox()


@pytest.fixture
def queue(box: Postbox) -> EvaluationQueue:
    clock = iter(range(0, 10**6, 30))
    return EvaluationQueue(box, lambda *_: None, lambda: float(next(clock)))  # type: ignore[arg-type]


def add(queue: EvaluationQueue, box: Postbox, *senders: Address, cost: int = COST) -> None:
    for sender in senders:
        handle = f"{len(box.there)}"
        box.there[handle] = sender
        queue.add(handle, sender, cost)


def test_who_comes_first_is_served_first(queue: EvaluationQueue, box: Postbox) -> None:
    senders = [Address(f"0x{number:040x}") for number in (5, 3, 9, 1, 7)]
    add(queue, box, *senders)
    assert served_in_order(queue, box) == senders


def test_one_account_with_many_requests_holds_up_nobody(queue: EvaluationQueue, box: Postbox) -> None:
    add(queue, box, *[ANN] * 8, BOB, CAT)
    assert served_in_order(queue, box)[:4] == [ANN, BOB, CAT, ANN]


def test_who_comes_while_another_is_served_again_and_again_waits_for_one_request(
    queue: EvaluationQueue, box: Postbox
) -> None:
    add(queue, box, *[ANN] * 8)
    order: list[Address] = []
    for _ in range(3):
        queue.serve(lambda _handle, _envelope, sender: order.append(sender))  # type: ignore[arg-type]
    add(queue, box, BOB, BOB)
    assert [*order, *served_in_order(queue, box)[:4]] in (
        [ANN] * 3 + [BOB, ANN, BOB, ANN],
        [ANN] * 3 + [ANN, BOB, ANN, BOB],
    )


def test_fairness_is_of_work_and_not_of_requests(queue: EvaluationQueue, box: Postbox) -> None:
    add(queue, box, ANN, ANN, cost=10 * COST)
    add(queue, box, *[BOB] * 12)
    order = served_in_order(queue, box)
    assert order[0] == ANN and order.index(ANN, 1) >= 10


def test_a_place_and_the_time_until_the_answer_are_told(queue: EvaluationQueue, box: Postbox) -> None:
    add(queue, box, ANN, BOB, CAT, cost=COST)
    assert queue.places() == {ANN: QueuePlace(1, None), BOB: QueuePlace(2, None), CAT: QueuePlace(3, None)}
    queue.serve(lambda *_: None)
    # Each evaluation takes 30 seconds of the test's clock.
    assert queue.places() == {BOB: QueuePlace(1, 30), CAT: QueuePlace(2, 60)}
    assert box.told[0][CAT] == QueuePlace(3, None) and box.told[-1] == queue.places()
    assert str(QueuePlace(7, 720)) == "place 7 in the queue, about 12 minutes"


def test_a_request_that_is_taken_away_is_passed_over(queue: EvaluationQueue, box: Postbox) -> None:
    add(queue, box, ANN, BOB)
    del box.there["0"]
    assert served_in_order(queue, box) == [BOB]


# --- what is read of it --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [b"", b"[" * 10**5, b"[]", b'{"%s": 3}', b'{"%s": [0, 1]}', b'{"%s": [1, -1]}', b'{"%s": [1, 1e400]}', b"\xff"],
)
def test_a_place_that_is_none_is_none(data: bytes, tmp_path: Path) -> None:
    written = data.replace(b"%s", ANN.encode())
    (tmp_path / f".queue-{BOB}").write_bytes(written)
    assert place_in(written, ANN) is None and read_place(tmp_path, BOB, ANN) is None


def test_no_link_is_followed_and_no_pipe_waited_for(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(places_to_bytes({ANN: QueuePlace(1, 2)}))
    assert read_place(tmp_path, BOB, ANN) is None
    (tmp_path / f".queue-{BOB}").symlink_to(tmp_path / "elsewhere")
    assert read_place(tmp_path, BOB, ANN) is None
    (tmp_path / f".queue-{BOB}").unlink()
    os.mkfifo(tmp_path / f".queue-{BOB}")
    assert read_place(tmp_path, BOB, ANN) is None


# --- agents --------------------------------------------------------------------------------------------------------


class Measured(Seller):
    """Notes whose request was evaluated."""

    order: list[Address]

    def _scores(self, digest: Digest, request: Request, rows: IntegerRows) -> bytes:
        self.order.append(request.buyer)
        return super()._scores(digest, request, rows)


def ready(world: World, number: int) -> tuple[Seller, list[Buyer]]:
    """Buyers whose requests lie in the mailbox, in their order."""
    Measured.order = []
    spec = listing_spec(free_bits=120 * 59, disclosed_bits=120 * 60)
    parties = make_parties(world, seller_type=Measured, goods=spec, seller_policy=SELLER_POLICY)
    buyers = [parties.buyer, *(make_buyer(world, parties.seller, f"buyer-{each}") for each in range(1, number))]
    for agent in (parties.seller, *buyers):
        agent.step()
    for _ in range(FINAL_DEPTH + 2):
        world.chain.mine(1)
        parties.seller.step()
    for buyer in buyers:
        buyer.step()
    return parties.seller, buyers


def replied(buyer: Buyer) -> bool:
    return buyer.journal.get(RECEIVED.of(REPLY)) is not None


def test_requests_of_agents_are_answered_one_a_step_in_the_order_in_which_they_came(world: World) -> None:
    seller, buyers = ready(world, 4)
    assert isinstance(seller, Measured)
    seller.step()
    assert seller.order == [buyers[0].address]
    for buyer in buyers:
        buyer.step()
    assert [replied(buyer) for buyer in buyers] == [True, False, False, False]
    # What waits is told, with how long it will be, and only to whom it concerns.
    for place, buyer in enumerate(buyers[1:], 1):
        assert buyer.waiting is not None and f"place {place} in the queue, about" in buyer.waiting.reason
    # The first buyer's selection is answered before the others' evaluations.
    assert seller.mail.sizes().keys() & {"openings"} == set()
    seller.step()
    assert any(step.startswith("openings") for step in seller.mail.sizes())
    assert seller.order == [buyer.address for buyer in buyers[:2]]
    # A restart keeps the order, and evaluates nothing twice.
    directory, context, spec = seller.directory, world.context(), seller._spec
    seller.close()
    again = Measured(directory, context, spec, SELLER_POLICY)
    while again.step():
        pass
    assert Measured.order == [buyer.address for buyer in buyers]
    for buyer in buyers:
        buyer.step()
    assert all(map(replied, buyers))
    close(again, *buyers)


def test_a_request_that_is_refused_does_not_wait_for_others(world: World) -> None:
    seller, buyers = ready(world, 3)
    late = make_buyer(world, seller, "late", policy=BUYER_POLICY)
    late.step()
    seller.step()
    late.step()
    world.chain.mine(1)
    seller._policy = SELLER_POLICY.__class__(buyers=frozenset(buyer.address for buyer in buyers))
    seller.step()
    late.step()
    assert late.outcome is not None and "UnexpectedMessage" in late.outcome.reason
    assert not all(map(replied, buyers))
    close(seller, late, *buyers)


def test_an_old_copy_answers_no_request_that_waits(world: World) -> None:
    seller, buyers = ready(world, 2)
    assert isinstance(seller, Measured)
    seller.step()
    # As a later look at the chain finds it.
    seller.copy_guard.found = OldCopy("This directory is an old copy: a newer one has done more")
    for _ in range(2):
        with pytest.raises(OldCopy):
            seller.step()
    assert seller.order == [buyers[0].address]
    close(seller, *buyers)


def close(*agents: Agent) -> None:
    for agent in agents:
        agent.close()


def test_the_oldest_message_of_a_folder_comes_first(tmp_path: Path) -> None:
    ann, bob = FolderTransport(tmp_path, ANN), FolderTransport(tmp_path, BOB)
    sent = [b"M%d" % number for number in range(8)]
    for message in sent:
        ann.send(BOB, message)
    assert [bob.receive(handle) for handle, _ in bob.pending()] == sent
