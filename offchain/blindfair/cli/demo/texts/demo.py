"""The demo of texts from end to end: trade them five times on a chain that obeys, say what came of it."""

from functools import partial
from pathlib import Path

from blindfair.cli.demo.cases import make_parties
from blindfair.cli.demo.public import DemoAccounts
from blindfair.cli.demo.running import Finished, opened_world, run_cases, timed
from blindfair.cli.demo.screen import DemoScreen
from blindfair.cli.demo.texts.estimate import estimate_texts
from blindfair.cli.demo.texts.goods import text_goods
from blindfair.cli.demo.texts.prepared import MODEL, PreparedTexts
from blindfair.cli.demo.texts.results import show_texts
from blindfair.cli.demo.texts.review import review_texts, texts_document
from blindfair.cli.machine_costs import machine_costs
from blindfair.influence.corpus.text_preprocessing import TextPreprocessing
from blindfair.influence.text import BaseModel, Difference, TextModel
from blindfair.influence.text.scoring import windows_of
from blindfair.influence.threads import one_thread
from blindfair.pricing.texts.utility import STEPS, TextTask, TextUtility, measure_text_utility
from blindfair.pricing.texts.valuation import TextValuation


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
    with one_thread():
        base = BaseModel.load(MODEL)
        goods = text_goods(job, base)
        read = TextPreprocessing.from_document(goods.spec.preprocessing or {})
        with opened_world(directory, screen, job.options.rpc, accounts) as world:
            model = TextModel(base, Difference(), windows_of(read, base))
            screen.estimate(estimate_texts(job, model, machine_costs(screen.note), steps), len(world.cases))
            trades = run_cases(world, screen, goods, seconds)
            task = TextTask(base, read, [each.text for each in job.offer], job.wanted, job.test, job.divided)
            parties = make_parties(world, "honest", goods)
            try:
                valuation = parties.valuer.valuation(parties.seller.manifest)
                with timed(seconds, "utility"):
                    utility = _measure(job, screen, task, valuation, steps)
                with timed(seconds, "review"):
                    reviewed = review_texts(parties, job, steps)
                if report:
                    # Imported here: drawing takes a second to load, and most runs draw nothing.
                    from blindfair.cli.demo.texts.report import make_text_report

                    files = make_text_report(job, trades, reviewed, parties)
            finally:
                parties.close()
    return Finished(
        texts_document(trades, reviewed, utility, seconds, job.options.seed),
        files,
        partial(show_texts, trades=trades, reviewed=reviewed, utility=utility),
    )


def _measure(
    job: PreparedTexts, screen: DemoScreen, task: TextTask, valuation: TextValuation, steps: int
) -> TextUtility:
    options = job.options
    with screen.seeds(options.divisions) as advance:
        return measure_text_utility(
            task,
            seeds=range(options.divisions),
            budget=min(options.affordable, len(job.offer)),
            steps=steps,
            known={options.seed: valuation},
            on_seed=advance,
        )
