"""Nodes that misbehave, on real sockets: they answer whatever bytes a test says, or pass a real node's answer on."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

Answer = Callable[[dict[str, Any], int], bytes | None]
"""From a request and its number to the whole HTTP answer; None closes the connection without one."""


def http(
    body: bytes, status: str = "200 OK", length: int | None = None, extra: str = "", kind: str = "application/json"
) -> bytes:
    """An HTTP answer, which may lie about its length."""
    size = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\n{extra}\r\n"
    return head.encode() + body


def rpc(request: dict[str, Any], result: object) -> bytes:
    """A proper answer."""
    return http(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}).encode())


def rpc_error(request: dict[str, Any], error: object) -> bytes:
    """A proper refusal."""
    return http(json.dumps({"jsonrpc": "2.0", "id": request["id"], "error": error}).encode())


class BadNode:
    """A server on a free port of this machine."""

    def __init__(self, answer: Answer) -> None:
        self.requests: list[dict[str, Any]] = []
        node = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                node.requests.append(request)
                reply = answer(request, len(node.requests) - 1)
                if reply is not None:
                    self.wfile.write(reply)
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def methods(self) -> list[str]:
        """What was asked, in order."""
        return [request["method"] for request in self.requests]


@contextmanager
def bad_node(answer: Answer) -> Iterator[BadNode]:
    """Run a BadNode."""
    node = BadNode(answer)
    thread = threading.Thread(target=node.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield node
    finally:
        node.server.shutdown()
        thread.join()
        node.server.server_close()


def forward(url: str, request: dict[str, Any]) -> bytes:
    """What a real node answers to a request."""
    return http(requests.post(url, json=request, timeout=20).content)
