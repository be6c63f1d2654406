"""Which kinds of unwanted texts a buyer's scores keep out: each kind's share of a purchase beside that of the offer.

Not here: what is offered and bought (`unwanted`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from blindfair.studies.table import TextTable
from blindfair.studies.texts.domains import TARGET

NAMED = "named near-duplicates"

KEPT_OUT, UNDECIDED, NOT_KEPT_OUT = "kept out", "undecided", "not kept out"

CHANCE = 2.0
"""Standard deviations of a random purchase that are still chance."""


@dataclass(frozen=True, slots=True)
class KindInPurchase:
    """One kind in the purchases of one model, domain and size, over all seeds."""

    kind: str
    model: str
    domain: str
    size: str
    offered: int
    of_offer: int
    bought: int
    of_bought: int
    expected: float
    """Texts of the kind in a random purchase of as many texts of each offer."""

    deviation: float
    """The standard deviation of these."""

    @property
    def share(self) -> float:
        """The part of the purchase that is of the kind."""
        return self.bought / max(1, self.of_bought)

    @property
    def share_of_offer(self) -> float:
        """The part of the offer that is of the kind, which a random purchase would have."""
        return self.expected / max(1, self.of_bought)

    @property
    def is_above(self) -> bool:
        """Whether the purchase holds more of the kind than a random one would."""
        return self.bought > self.expected + 1e-9

    @property
    def is_sure(self) -> bool:
        """Whether it does so by more than chance."""
        return self.bought > self.expected + CHANCE * self.deviation + 1e-9


def counted(lines: Sequence[Any], kind: str) -> list[KindInPurchase]:
    """The kind in all purchases of lines whose offer has it."""
    found = []
    for model, domain in dict.fromkeys((line["model"], line["domain"]) for line in lines):
        mine = [line for line in lines if (line["model"], line["domain"]) == (model, domain)]
        if not any(line["offered"].get(kind) for line in mine):
            continue
        for size in mine[0]["bought"]:
            expected = variance = 0.0
            for line in mine:
                offer, taken = sum(line["offered"].values()), sum(line["bought"][size].values())
                part = line["offered"].get(kind, 0) / offer
                expected += taken * part
                # A draw without replacement (hypergeometric).
                variance += taken * part * (1 - part) * (offer - taken) / max(1, offer - 1)
            found.append(
                KindInPurchase(
                    kind,
                    model,
                    domain,
                    size,
                    sum(line["offered"].get(kind, 0) for line in mine),
                    sum(sum(line["offered"].values()) for line in mine),
                    sum(line["bought"][size].get(kind, 0) for line in mine),
                    sum(sum(line["bought"][size].values()) for line in mine),
                    expected,
                    sqrt(variance),
                )
            )
    return found


def told_of_kinds(lines: Sequence[Any]) -> Iterator[str]:
    """The verdict on each unwanted kind, sentence by sentence."""
    found = {kind: counted(lines, kind) for kind in _kinds(lines)}
    yield "A kind is *kept out* if no purchase holds a larger part of it than the offer, by any model in any domain."
    yield "It is *not kept out* if some purchase does so beyond chance, and *undecided* if only within chance."
    yield f"*Beyond chance* is by more than {CHANCE:g} standard deviations of a random purchase from the same offers."
    yield "Of random purchases about one in forty is."
    if all(any(one.bought for one in each) for each in found.values()):
        yield "Some texts of each kind are bought."
    yield ""
    for verdict in (KEPT_OUT, UNDECIDED, NOT_KEPT_OUT):
        kinds = ", ".join(kind for kind, each in found.items() if _verdict(each) == verdict)
        yield f"- {verdict.capitalize()}: {kinds or 'none'}."
    yield from ("", "Kind by kind, where its share of a purchase is most above that of the offer:", "")
    for kind, each in found.items():
        yield from _told_of(kind, each, lines)


def _verdict(found: Sequence[KindInPurchase]) -> str:
    if any(one.is_sure for one in found):
        return NOT_KEPT_OUT
    return UNDECIDED if any(one.is_above for one in found) else KEPT_OUT


def _told_of(kind: str, found: Sequence[KindInPurchase], lines: Sequence[Any]) -> Iterator[str]:
    above, sure = (sum(getattr(one, name) for one in found) for name in ("is_above", "is_sure"))
    # The same texts may be bought at two sizes, where no more are trusted: the first is named.
    worst = max(found, key=lambda one: one.share - one.share_of_offer)
    yield f"- **{kind.capitalize()}**: {_verdict(found)}."
    yield f"  The share is above the offer's in {above} of {len(found)} purchases, and beyond chance in {sure}."
    yield f"  The worst is {worst.domain}, {worst.model}, at {worst.size}."
    yield f"  There it is {worst.share:.0%} of the purchase, and {worst.share_of_offer:.0%} of the offer."
    yield (
        f"  Bought are {worst.bought} of {worst.offered} such texts ({worst.bought / worst.offered:.0%}), "
        f"and {worst.of_bought / worst.of_offer:.0%} of all texts."
    )
    offered, named = (sum(line[name].get(kind, 0) for line in lines) for name in ("offered", NAMED))
    if 2 * named > offered:
        yield "  The search for near-duplicates does more here than scores."
        yield f"  It names {named / offered:.0%}, and the buyer leaves these out."


def where_bought(lines: Sequence[Any]) -> TextTable:
    """The share of each kind in the purchases of each domain and model, beside its share of the offer."""
    models = list(dict.fromkeys(line["model"] for line in lines))
    sizes = list(lines[0]["bought"])
    rows = []
    for kind in [*_kinds(lines), TARGET]:
        found = counted(lines, kind)
        for domain in dict.fromkeys(one.domain for one in found):
            mine = [one for one in found if one.domain == domain]
            shares = [", ".join(_shown(one) for one in mine if one.model == model) for model in models]
            rows.append((kind, domain, f"{mine[0].offered / mine[0].of_offer:.0%}", *shares))
    return TextTable(
        "kept-out",
        "What purchases are made of, by domain",
        f"Shares of a kind in all texts of the purchases at {', '.join(sizes)} of the offer, over all seeds.\n"
        "A share in bold is above that of the offer, beyond chance.\n"
        "A purchase may be smaller than was asked for: texts that are not trusted are not bought.\n"
        "*Offered*: the share of the kind in the offer.",
        ("kind", "domain", "offered", *models),
        tuple(rows),
        keys=3,
    )


def _shown(one: KindInPurchase) -> str:
    return f"**{one.share:.0%}**" if one.is_sure else f"{one.share:.0%}"


def _kinds(lines: Sequence[Any]) -> list[str]:
    """The unwanted kinds."""
    return [kind for kind in dict.fromkeys(kind for line in lines for kind in line["offered"]) if kind != TARGET]
