"""`python -m blindfair.studies`, which `scripts/study` starts: the command line of all studies."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from blindfair.protocol.documents import Document
from blindfair.protocol.errors import BlindfairError
from blindfair.studies.hospitals_report import write_hospitals
from blindfair.studies.jobs import few_bits_jobs, peer_jobs, run_jobs, study_jobs
from blindfair.studies.labels import write_labels
from blindfair.studies.ledger import Ledger
from blindfair.studies.peers.question import check_program
from blindfair.studies.peers.report import write_peers
from blindfair.studies.report import write_report
from blindfair.studies.theft.report import write_theft

RESULTS = "results.jsonl"
PEERS = Path("scripts/peers/score")
LDS = "lds"


def _corpus(folder: Path, quick: bool, so_far: bool) -> Document:
    # These need the extra `blindfair[text]`, which the others do not.
    from blindfair.studies.corpus.report import write_corpus

    return write_corpus(folder, quick=quick, so_far=so_far)


def _fidelity(folder: Path, quick: bool, so_far: bool) -> Document:
    from blindfair.studies.fidelity.report import write_fidelity

    return write_fidelity(folder, quick=quick, so_far=so_far)


def _restore(folder: Path, document: Path) -> None:
    """Go on from the document of an earlier run, which takes hours."""
    from blindfair.studies.texts.report import restore_texts

    restore_texts(folder, json.loads(document.read_text(encoding="utf-8")))


def _texts(folder: Path, quick: bool, so_far: bool) -> Document:
    from blindfair.studies.texts.report import write_texts

    return write_texts(folder, quick=quick, so_far=so_far)


def _hidden(folder: Path, quick: bool, so_far: bool) -> Document:
    from blindfair.studies.texts.hidden import write_hidden

    return write_hidden(folder, quick=quick, so_far=so_far)


def _unwanted(folder: Path, quick: bool, so_far: bool) -> Document:
    from blindfair.studies.texts.unwanted import write_unwanted

    return write_unwanted(folder, quick=quick, so_far=so_far)


def _lds(folder: Path, program: Path, quick: bool, so_far: bool) -> Document:
    from blindfair.studies.lds.report import write_lds

    return write_lds(folder, program, quick=quick, so_far=so_far)


_ONE_PAGE: Mapping[str, Callable[[Path, bool, bool], Document]] = {
    "corpus": _corpus,
    "fidelity": _fidelity,
    "hidden": _hidden,
    "hospitals": lambda folder, quick, _: write_hospitals(folder, quick=quick),
    "labels": lambda folder, quick, _: write_labels(folder, quick=quick),
    "texts": _texts,
    "theft": lambda folder, quick, _: write_theft(folder),
    "unwanted": _unwanted,
}
"""Studies that run at once and write one page."""


def main() -> int:
    """Run the study that is asked for. The exit code is that of the error, as of the `blindfair` command."""
    parser = argparse.ArgumentParser(prog="scripts/study", description="Studies that choose what the product does.")
    parser.add_argument(
        "study",
        choices=["queries", "peers", LDS, *_ONE_PAGE],
        help="which query and selection are worth money; other libraries; what thieves read by evaluations; labels of "
        "more classes and numbers; the value of sellers; how true scores are; what purchases of texts are worth; "
        "what it costs to hide their query; which unwanted texts are bought; how value and pay are spread over a "
        "corpus; whether scores of texts predict retraining",
    )
    parser.add_argument("--quick", action="store_true", help="a few minutes instead of eighty, and much less sure")
    parser.add_argument("--only-bits", action="store_true", help="of `queries`: how many bits a score needs, no more")
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="write the tables as one JSON document; `texts`, `hidden` and `unwanted` go on from what it holds",
    )
    parser.add_argument("--report", type=Path, required=True, metavar="DIR", help="results, tables and pictures")
    parser.add_argument("--so-far", action="store_true", help="report what there is, and do nothing more")
    parser.add_argument(
        "--peers", type=Path, default=PEERS, metavar="PROGRAM", help=f"answers for the peers; {PEERS} unless given"
    )
    options = parser.parse_args()
    try:
        if options.study in ("texts", "hidden", "unwanted") and options.json is not None and options.json.exists():
            _restore(options.report, options.json)
        if options.study in (*_ONE_PAGE, LDS):
            if options.study == LDS:
                found = _lds(options.report, options.peers, options.quick, options.so_far)
            else:
                found = _ONE_PAGE[options.study](options.report, options.quick, options.so_far)
            if options.json is not None:
                options.json.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            return 0
        ledger = Ledger(options.report / RESULTS)
        peers = options.study == "peers"
        if peers:
            jobs = peer_jobs(options.quick, options.peers)
        else:
            jobs = few_bits_jobs(options.quick) if options.only_bits else study_jobs(options.quick)
        if not options.so_far:
            if peers:
                check_program(options.peers)
            run_jobs(jobs, ledger)
        done = [ledger[job.key] for job in jobs if job.key in ledger]
        if peers:
            write_peers(done, options.report, options.json, quick=options.quick)
        else:
            write_report(done, options.report, options.json, quick=options.quick, only_bits=options.only_bits)
    except BlindfairError as error:
        print(f"{error.name}: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
