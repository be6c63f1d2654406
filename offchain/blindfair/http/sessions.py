"""Who may read which mailbox: a challenge, its signature by the account, and a session from then on.

All of it is in memory: after a restart clients prove again who they are. A challenge is taken out of the table when it
is used, so nobody uses it twice; its signature counts for one contract, one URL and one account.
"""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from blindfair.http.limits import ServiceLimits
from blindfair.http.problems import Problem, refused_session
from blindfair.http.wire import ServiceInfo, session_proof
from blindfair.protocol.errors import BadSignature, StoreInUse
from blindfair.protocol.quantities import Address, Signature
from blindfair.protocol.signing import recover_message_signer

_CHALLENGES = 20_000


@dataclass(slots=True)
class Session:
    """One program that has proved that it acts for `account`, until `ends` on this machine's clock."""

    account: Address
    program: str
    ends: float


@dataclass(slots=True)
class _Lease:
    """The right of one program to an account's mailbox: `holder` is its name for people."""

    program: str
    holder: str
    seen: float


@dataclass(frozen=True, slots=True)
class Proof:
    """What a client sends to begin a session. `program` names it beyond its life; `holder` is empty where it only
    looks, and keeps nobody out."""

    account: Address
    url: str
    nonce: str
    signature: Signature
    program: str
    holder: str


class Sessions:
    """The sessions of one service."""

    def __init__(self, info: ServiceInfo, limits: ServiceLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._info = info
        self._limits = limits
        self._clock = clock
        self._challenges: OrderedDict[str, tuple[Address, int, float]] = OrderedDict()
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._leases: dict[Address, _Lease] = {}

    def challenge(self, account: Address) -> tuple[str, int]:
        """A challenge for an account: 32 random bytes in hexadecimal, and the second since 1970 at which it ends."""
        nonce = secrets.token_hex(32)
        expires = int(time.time()) + self._limits.challenge_seconds
        self._challenges[nonce] = (account, expires, self._clock() + self._limits.challenge_seconds)
        if len(self._challenges) > _CHALLENGES:
            self._challenges.popitem(last=False)
        return nonce, expires

    def begin(self, proof: Proof) -> str:
        """Begin a session; its token. Raises Problem: SessionRefused, StoreInUse."""
        account, expires, ends = self._challenges.pop(proof.nonce, (None, 0, 0.0))
        if account is None or self._clock() > ends:
            raise refused_session(
                "The challenge is not one of ours, was used before, or is too old",
                expected=f"a challenge of the last {self._limits.challenge_seconds} seconds, once",
                found="another",
            )
        if account != proof.account:
            raise refused_session("The challenge was given to another account", expected=account, found=proof.account)
        if proof.url != self._info.url:
            raise refused_session(
                "The proof was made for another URL",
                expected=self._info.url,
                found=proof.url,
                hint=f"use --at {self._info.url}, or have the seller set --public-url",
            )
        self._check_signature(proof, expires)
        self._check_lease(proof)
        token = secrets.token_hex(32)
        self._make_space(proof.account)
        self._sessions[token] = Session(proof.account, proof.program, self._clock() + self._limits.session_seconds)
        return token

    def _check_signature(self, proof: Proof, expires: int) -> None:
        kind, body = session_proof(self._info.url, proof.account, proof.nonce, expires)
        try:
            signer: str = recover_message_signer(self._info.domain, kind, body, proof.signature)
        except BadSignature as error:
            signer = str(error)
        if signer != proof.account:
            raise refused_session(
                "The proof is not signed by the account, for this contract", expected=proof.account, found=signer
            )

    def _check_lease(self, proof: Proof) -> None:
        """One program of an account reads its mailbox at a time; the same one may come back at once."""
        lease, now = self._leases.get(proof.account), self._clock()
        if lease is not None and lease.program != proof.program and now - lease.seen < self._limits.lease_seconds:
            if not proof.holder:
                return
            error = StoreInUse(
                "Another program of this account uses this mailbox",
                expected="one program of an account",
                found=lease.holder,
                hint=f"end that program; if it died, this one goes on after {self._limits.lease_seconds:g} seconds",
            )
            raise Problem(409, error)
        if proof.holder:
            if len(self._leases) >= self._limits.sessions:
                old = now - self._limits.lease_seconds
                self._leases = {account: each for account, each in self._leases.items() if each.seen > old}
            self._leases[proof.account] = _Lease(proof.program, proof.holder, now)

    def _make_space(self, account: Address) -> None:
        own = [token for token, session in self._sessions.items() if session.account == account]
        for token in own[: max(0, len(own) - self._limits.sessions_of_account + 1)]:
            del self._sessions[token]
        while len(self._sessions) >= self._limits.sessions:
            _, oldest = self._sessions.popitem(last=False)
            self._leases.pop(oldest.account, None)

    def count(self) -> int:
        """Sessions that are not over."""
        now = self._clock()
        return sum(session.ends >= now for session in self._sessions.values())

    def find(self, token: str) -> Session | None:
        """The session of a token; None where there is none, or it is over."""
        session = self._sessions.get(token)
        if session is None:
            return None
        now = self._clock()
        if now > session.ends:
            self.end(token)
            return None
        self._sessions.move_to_end(token)
        lease = self._leases.get(session.account)
        if lease is not None and lease.program == session.program:
            lease.seen = now
        return session

    def end(self, token: str) -> None:
        """End a session, and let other programs of the account in."""
        session = self._sessions.pop(token, None)
        lease = None if session is None else self._leases.get(session.account)
        if session is not None and lease is not None and lease.program == session.program:
            del self._leases[session.account]
