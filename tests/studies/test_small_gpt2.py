"""The small GPT-2 that comes with the demo: it loads, knows every text, and has learned what is stated."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

import blindfair

TEXTS = Path(blindfair.__file__).parent / "cli" / "demo" / "data" / "text"
MODEL = TEXTS / "model"

transformers = pytest.importorskip("transformers", reason="language models need the extra `text`")
tokenizers = pytest.importorskip("tokenizers")


def texts_of(name: str) -> list[str]:
    with gzip.open(TEXTS / f"{name}.jsonl.gz", "rt", encoding="utf-8") as stream:
        return [json.loads(line)["text"] for line in stream]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return tokenizers.Tokenizer.from_file(str(MODEL / "tokenizer.json"))


@pytest.fixture(scope="module")
def model() -> Any:
    return transformers.GPT2LMHeadModel.from_pretrained(MODEL, local_files_only=True).eval()


def measured() -> Any:
    return json.loads((TEXTS / "measured.json").read_text())


@pytest.mark.parametrize("text", ["", "a  b\n\tc", "Fellow-Citizens of the Senate:", "naïve – “x” 東京 🐋\x00"])
def test_any_text_comes_back_from_its_tokens(tokenizer: Any, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


@pytest.mark.parametrize("name", ["offer", "own", "test"])
def test_traded_texts_have_the_stated_number_of_tokens(tokenizer: Any, name: str) -> None:
    for text in texts_of(name):
        ids = tokenizer.encode(text).ids
        assert 60 <= len(ids) <= 120 and tokenizer.decode(ids) == text


def test_the_model_is_small_and_its_embedding_is_stored_once(model: Any) -> None:
    assert sum(path.stat().st_size for path in MODEL.iterdir()) < 3_000_000
    assert {path.name for path in MODEL.iterdir()} == {"config.json", "model.safetensors", "tokenizer.json"}
    with safe_open(MODEL / "model.safetensors", "pt") as file:
        assert "lm_head.weight" not in file.keys()  # noqa: SIM118 - not a mapping
        assert all(file.get_tensor(name).dtype == torch.float16 for name in file.keys())  # noqa: SIM118
    assert model.dtype == torch.float32
    assert model.lm_head.weight.data_ptr() == model.transformer.wte.weight.data_ptr()
    assert (model.config.n_layer, model.config.n_embd, model.config.n_head, model.config.n_positions) == (
        4,
        128,
        4,
        128,
    )
    assert model.config.vocab_size == 4096


@pytest.mark.deep
@pytest.mark.parametrize("name", ["own", "test"])
def test_the_loss_on_held_out_texts_is_as_stated(model: Any, tokenizer: Any, name: str) -> None:
    total, count = 0.0, 0
    with torch.inference_mode():
        for text in texts_of(name):
            tokens = torch.tensor([tokenizer.encode(text).ids])
            total += (tokens.shape[1] - 1) * float(model(input_ids=tokens, labels=tokens).loss)
            count += tokens.shape[1] - 1
    assert total / count == pytest.approx(measured()["loss of the demo's texts"][name], abs=0.005)


def test_it_has_learned_more_than_word_frequencies_of_every_trained_source() -> None:
    for source, found in measured()["loss by source"].items():
        if not source.startswith("mails"):
            assert found["model"] < found["unigram"] - 1.0, source
    assert measured()["loss"] == pytest.approx(measured()["loss before weights were rounded to float16"], abs=0.001)


def test_the_page_states_what_was_measured() -> None:
    page = (TEXTS / "README.md").read_text()
    for source, found in measured()["loss by source"].items():
        assert f"| {source} | {found['texts']} | {found['unigram']:.2f} | {found['model']:.2f} |" in page
    for name, loss in measured()["loss of the demo's texts"].items():
        assert f"| `{name}.jsonl.gz` |" in page and f"| {loss:.2f} |" in page
