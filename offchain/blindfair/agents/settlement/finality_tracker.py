"""When an end may be believed: what the chain says in its latest block may yet be reorganised away (PROTOCOL 7)."""

from blindfair.chain.exchange import BlockMark, DataExchange, Finality


class FinalityTracker:
    """Remembers since which block the chain has said a thing, as far as it was looked at in between.

    Kept in memory only: after a restart the waiting begins anew, which is never too short.
    """

    def __init__(self, exchange: DataExchange, finality: Finality) -> None:
        self._exchange = exchange
        self._finality = finality
        self._since: dict[str, tuple[str, BlockMark]] = {}

    def holds(self, what: str, value: str) -> bool:
        """Whether the chain has said `value` about `what` since a block that is final by now. Raises NodeFailure."""
        known = self._since.get(what)
        if known is None or known[0] != value:
            self._since[what] = known = (value, self._exchange.newest())
        if not self._exchange.is_final(known[1].number, self._finality):
            return False
        if not self._exchange.has(known[1]):
            # Another branch says the same, but nobody knows since when.
            self._since[what] = (value, self._exchange.newest())
            return False
        return True
