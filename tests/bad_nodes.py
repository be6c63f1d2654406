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


MISSING = {"code": -32601, "message": "the method does not exist/is not available"}
PRUNED = {"code": 4444, "message": "pruned history unavailable"}

Change = Callable[[dict[str, Any], Any], Any]
"""From a request and its true result to another result, or to an error: a dictionary with `code`."""


@contextmanager
def changed(url: str, change: Change) -> Iterator[str]:
    """The URL of a node whose answers are changed on their way."""

    def answer(request: dict[str, Any], _: int) -> bytes:
        found = requests.post(url, json=request, timeout=20).json()
        if "error" in found:
            return rpc_error(request, found["error"])
        result = change(request, found["result"])
        return rpc_error(request, result) if isinstance(result, dict) and "code" in result else rpc(request, result)

    with bad_node(answer) as node:
        yield node.url


def of_blocks(**fields: object) -> Change:
    """Blocks with other fields; None takes a field away."""

    def change(request: dict[str, Any], result: Any) -> Any:
        if not request["method"].startswith("eth_getBlockBy") or result is None:
            return result
        return {name: value for name, value in (result | fields).items() if value is not None}

    return change


def without(*methods: str, error: object = None) -> Change:
    return lambda request, result: (error or MISSING) if request["method"] in methods else result


def pruned_before(oldest: int) -> Change:
    """A node without the logs of blocks before `oldest`."""

    def change(request: dict[str, Any], result: Any) -> Any:
        old = request["method"] == "eth_getLogs" and int(request["params"][0]["fromBlock"], 16) < oldest
        return PRUNED if old else result

    return change


NO_FINAL = {
    "an error": {"code": -32602, "message": "invalid argument 0: hex string without 0x prefix"},
    "null": None,
    "not yet": {"code": -39001, "message": "finalized block not found"},
}
"""What nodes answer that know no final block."""


def no_final(answer: object) -> Change:
    """A node that answers so when it is asked for the final block."""

    def change(request: dict[str, Any], result: Any) -> Any:
        is_final = request["method"] == "eth_getBlockByNumber" and request["params"][0] == "finalized"
        return answer if is_final else result

    return change
