"""Counts the answers of a service, and the bytes that travel with them. Not here: where the counts go (`counts`)."""

from collections import Counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Counting:
    """An ASGI application around another, which sees every answer that it gives, also those that refuse."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.answers: Counter[int] = Counter()
        """Answers that were begun, by HTTP status."""
        self.received = 0
        """Bytes of bodies of requests, as far as they were read."""
        self.sent = 0
        """Bytes of bodies of answers."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and count it."""

        async def receiving() -> Message:
            message = await receive()
            self.received += len(message.get("body", b""))
            return message

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.answers[message["status"]] += 1
            self.sent += len(message.get("body", b""))
            await send(message)

        await self._app(scope, receiving, sending)
