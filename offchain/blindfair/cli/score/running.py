"""What `blindfair score` does: encode a file of rows, and score it block by block, here or on a Ray cluster."""

import time
from contextlib import ExitStack
from pathlib import Path

from blindfair.agents.context import Event
from blindfair.agents.seller.progress import PROGRESS
from blindfair.blind.cluster import workers
from blindfair.blind.evaluate import Progress
from blindfair.blind.fsspec_store import store_at
from blindfair.blind.matrix import finish_matrix, matrix_bytes, open_matrix
from blindfair.blind.parameters import DEFAULT, ParameterSet, parameter_set
from blindfair.blind.reply import reply_size
from blindfair.blind.rows_file import RowsFile
from blindfair.blind.scale_out import Places, encode_by_workers, finish_by_workers
from blindfair.blind.stream import finish
from blindfair.cli.output import Output
from blindfair.cli.party.screen import PartyScreen
from blindfair.cli.targets import check_file_target, write_private_file
from blindfair.protocol.errors import FileMissing


def run_encode(source: str, target: str, name: str | None, cluster: str | None, output: Output) -> None:
    """Encode rows, unless they are encoded. Raises what opening, encoding and the cluster raise."""
    parameters, rows = _parameters(name), RowsFile.open(source)
    size = matrix_bytes(parameters, rows.records, rows.k)
    with PartyScreen() as screen, ExitStack() as stack:
        screen.lines.item("takes", f"{size:,} B for {rows.records:,} encoded rows of {rows.k} entries")
        tell = _progress(screen, rows.records)
        if cluster is None:
            matrix = rows.matrix(parameters, store_at(target))
            for number in range(matrix.blocks):
                rows.encode(matrix, number)
                tell(number + 1, matrix.blocks)
            finish_matrix(matrix)
        else:
            stack.enter_context(workers(cluster))
            encode_by_workers(Places(parameters.name, target, ""), source, tell)
    # Addresses are not told: they may hold what opens a store.
    output.lines.item("encoded", f"{rows.records:,} rows of {rows.k} entries: {size:,} B")
    output.document({"bytes": size, "k": rows.k, "parameters": parameters.name, "rows": rows.records})


def run_reply(
    source: str,
    query: Path,
    folder: str,
    target: Path,
    bits: tuple[int, ...] | None,
    name: str | None,
    cluster: str | None,
    output: Output,
) -> None:
    """Score encoded rows under a query. Raises what opening, scoring and the cluster raise, and CannotWrite."""
    check_file_target(target, "REPLY")
    parameters, request = _parameters(name), _read(query)
    places = Places(parameters.name, source, folder, bits)
    matrix = open_matrix(parameters, store_at(source))
    with PartyScreen() as screen, ExitStack() as stack:
        tell = _progress(screen, matrix.records)
        if cluster is None:
            found = finish(places.start(request), tell)
        else:
            stack.enter_context(workers(cluster))
            found = finish_by_workers(places, request, tell)
    write_private_file(target, found)
    head, one = (reply_size(parameters, matrix.records, queries) for queries in (0, 1))
    queries = (len(found) - head) // (one - head)
    output.lines.item("scored", f"{queries} for each of {matrix.records:,} records: {len(found):,} B in {target}")
    output.document({"bytes": len(found), "queries": queries, "records": matrix.records, "reply": str(target)})


def _parameters(name: str | None) -> ParameterSet:
    return DEFAULT if name is None else parameter_set(name)


def _read(query: Path) -> bytes:
    try:
        return query.read_bytes()
    except OSError as error:
        raise FileMissing(
            f"The query {query} cannot be read",
            expected="a file with a buyer's encrypted query",
            found=error.strerror,
            hint="check the arguments: MATRIX QUERY FOLDER REPLY",
        ) from error


def _progress(screen: PartyScreen, records: int) -> Progress:
    """Return what tells blocks done and the rate of this run, which may begin in the middle."""
    began, before = time.monotonic(), -1

    def tell(done: int, of: int) -> None:
        nonlocal before
        if before < 0:
            before = done - 1
        rate = (done - before) / of * records / max(time.monotonic() - began, 1e-9)
        screen.event(Event("score", PROGRESS, f"{done:,} of {of:,} blocks, {rate:,.0f} records/s"))

    return tell
