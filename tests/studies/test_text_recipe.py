"""The recipe of the texts: what it cleans, holds out and makes up, on small made-up documents."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts" / "text_assets"))

pytest.importorskip("tokenizers", reason="the recipe needs the extra `text`")

from assembly import prose_by_source
from base_model import (
    CONTEXT,
    VOCABULARY,
    config,
    new_llama,
    new_model,
    round_weights,
    save,
    token_stream,
    trained_tokenizer,
    training,
)
from brown import plain
from documents import BROWN, HELD_OUT_SHARE, UNION, era, held_out_marked, tidy
from form_texts import form_text
from losses import model_loss, unigram_loss
from mails import body
from tokenizers import Tokenizer
from troubles import nearly_copied, shuffled

from blindfair.influence.text import BaseModel, Difference, TextModel
from blindfair.influence.text.windows import TextWindows
from blindfair.studies.texts.corpora import CorpusDocument
from blindfair.studies.texts.domains import DEMO_TEXTS

SHORT = "The president spoke of peace, and of the price of bread."
TEXT = " ".join(f"word{number}" for number in range(60))


def document(name: str, source: str = BROWN, part: str = "learned", text: str = TEXT) -> CorpusDocument:
    return CorpusDocument(name, source, part, False, text)


@pytest.mark.parametrize(
    ("tagged", "printed"),
    [
        ("\n\n\tThe/at cat/nn ,/, 1/2/cd old/jj ,/, sat/vbd ./.\n", "The cat, 1/2 old, sat."),
        ("``/`` Go/vb ''/'' !/. !/.\n", '"Go!"'),
        ("the/at ``/`` sphere/nn ,/, ''/'' a/at flask/nn ;/. ;/.\nso/rb", 'the "sphere," a flask; so'),
        ("one/cd (/( or/cc two/cd )/) ./.\n\n\n\tNext/ap ./.", "one (or two).\nNext."),
    ],
)
def test_the_brown_corpus_is_printed_as_it_was(tagged: str, printed: str) -> None:
    assert plain(tagged) == printed


def test_plain_marks_and_one_paragraph_a_line() -> None:
    assert tidy("It’s “so” –\nyes.\n\n\n Next •") == 'It\'s "so" - yes.\nNext'


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("From: a\nSubject: b\n\nHello\nthere.\n\n=====\nBye.", "Hello there.\nBye."),
        ("Content-Type: text/html\n\n<p>Hi<script>x()</script> &amp; you</p>", "Hi & you"),
        ("Content-Type: text/plain; charset=nonsense\n\nHello", ""),
        ("Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\na=3Db", "a=b"),
    ],
)
def test_a_mail_is_its_words(raw: str, read: str) -> None:
    assert body(raw) == read


def test_a_share_of_each_part_is_held_out_and_years_stay_together() -> None:
    given = [document(f"brown-{part}{number}", part=part) for part in "ab" for number in range(10)]
    given += [document(f"sotu-{1790 + number // 2}-{number}", UNION, "1790-1860") for number in range(20)]
    given += [document(f"sotu-{year}", UNION, era(year)) for year in (1946, 2021)]
    marked = list(held_out_marked(given))
    assert all(item.held_out for item in marked if item.part == "1946-2021")
    assert {item.name for item in marked} == {item.name for item in given}
    for part in ("a", "b"):
        assert sum(item.held_out for item in marked if item.part == part) == HELD_OUT_SHARE * 10
    years = {(item.name[:9], item.held_out) for item in marked if item.part == "1790-1860"}
    assert len(years) == 10 and sum(held_out for _, held_out in years) == 4
    assert list(held_out_marked(given)) == marked


def test_made_up_texts_are_what_they_are_called() -> None:
    draws = np.random.default_rng(0)
    assert sorted(shuffled(TEXT, draws).split()) == sorted(TEXT.split()) and shuffled(TEXT, draws) != TEXT
    for _ in range(50):
        near = nearly_copied(TEXT, draws)
        assert near != TEXT and len(set(near.split()) & set(TEXT.split())) > 50
    assert len({form_text(draws) for _ in range(20)}) > 10


def test_what_is_measured_on_was_held_out_and_occurs_once() -> None:
    same = [CorpusDocument(name, BROWN, "learned", True, "A cat sat on the old mat and. " * 9) for name in ("x", "y")]
    found = prose_by_source([*same, document("z", text="B " * 70)], lambda text: len(text.split()))
    assert found == {"Brown: learned": ["A cat sat on the old mat and. " * 7 + "A cat sat on the old mat and."]}


@pytest.mark.deep
def test_training_lowers_the_loss_and_repeats_itself(tmp_path: Path) -> None:
    tokenizer = trained_tokenizer([TEXT])
    stream = token_stream(tokenizer, [TEXT] * 4)
    before = model_loss(new_model().eval(), tokenizer, [TEXT])
    models = [new_model(), new_model()]
    assert list(training(models[0], stream, 3)) == list(training(models[1], stream, 3))
    assert model_loss(models[0].eval(), tokenizer, [TEXT]) < before
    assert unigram_loss(stream, VOCABULARY, tokenizer, [TEXT]) < np.log(VOCABULARY)
    save(tmp_path, tokenizer, models[0])
    assert type(models[0]).from_pretrained(tmp_path).config.n_embd == config().n_embd


def test_the_studies_second_model_is_a_llama_that_the_product_reads(tmp_path: Path) -> None:
    tokenizer = full_tokenizer()
    model = new_llama()
    round_weights(model)
    save(tmp_path, tokenizer, model)
    base = BaseModel.load(tmp_path)
    assert (base.architecture, base.context, base.vocabulary) == ("llama-causal", CONTEXT, VOCABULARY)
    ours = TextModel(base, Difference(), TextWindows(CONTEXT, 1)).losses([SHORT], None)[0]
    assert model_loss(model.eval(), tokenizer, [SHORT]) == pytest.approx(ours, abs=1e-3)


def full_tokenizer() -> Tokenizer:
    """The tokenizer of the package's GPT-2: one of few texts would know too few tokens."""
    return Tokenizer.from_file(str(DEMO_TEXTS / "model" / "tokenizer.json"))
