"""Texts to windows: the rule by hand, special tokens, and texts that have nothing to score."""

from dataclasses import replace

import pytest
from text_models import example

from blindfair.influence.text import BaseModel, TextWindows
from blindfair.influence.text.batches import token_numbers
from blindfair.influence.text.tokenizer import TEXT_LIMIT
from blindfair.protocol.errors import UnusableModel, UnusableText

TOKENS = list(range(10, 21))


def test_windows_are_consecutive_without_overlap() -> None:
    assert TextWindows(4, 9).cut(TOKENS, causal=True) == [[10, 11, 12, 13], [14, 15, 16, 17], [18, 19, 20]]
    assert TextWindows(4, 2).cut(TOKENS, causal=True) == [[10, 11, 12, 13], [14, 15, 16, 17]]
    assert TextWindows(11, 2).cut(TOKENS, causal=True) == [TOKENS]


@pytest.mark.parametrize("length, causal, kept", [(10, True, 2), (11, True, 3), (9, False, 2), (10, False, 3)])
def test_a_last_window_that_predicts_too_little_is_left_out(length: int, causal: bool, kept: int) -> None:
    assert len(TextWindows(4, 9).cut(TOKENS[:length], causal=causal)) == kept


def test_an_only_window_is_kept() -> None:
    assert TextWindows(4, 9).cut([1, 2], causal=True) == [[1, 2]]
    assert TextWindows(4, 9).cut([1], causal=False) == [[1]]
    with pytest.raises(UnusableText, match="record 7"):
        TextWindows(4, 9).cut([1], causal=True, record=7)


@pytest.mark.parametrize("window, most", [(2, 1), (4, 0), (2**14, 1), (4, 2**11)])
def test_sizes_out_of_range_are_refused(window: int, most: int) -> None:
    with pytest.raises(UnusableModel):
        TextWindows(window, most)


def test_a_record_weighs_one_whatever_its_length(bases: dict[str, BaseModel]) -> None:
    for kind in ("bert", "gpt2"):
        one = example(bases[kind])
        windows = one.model.read(one.texts, one.labels)
        shares = [0.0] * len(one.texts)
        for window in windows:
            shares[window.record] += window.weight * (1 if kind == "bert" else len(window.tokens) - 1)
            assert len(window.tokens) <= 8 + len(one.model.base.special)
        assert shares == pytest.approx([1.0] * len(one.texts))


def test_a_classifiers_window_stands_between_its_special_tokens(bases: dict[str, BaseModel]) -> None:
    one = example(bases["bert"])
    vocabulary = {"[CLS]": 2, "[SEP]": 3}
    for window in one.model.read(one.texts, one.labels):
        assert (window.tokens[0], window.tokens[-1]) == tuple(vocabulary.values())


def test_rows_of_long_texts_are_estimated_at_as_many_times_as_they_have_windows(bases: dict[str, BaseModel]) -> None:
    model = replace(example(bases["gpt2"]).model, windows=TextWindows(8, 32))
    short, long = "the cat sat", " ".join(["the cat sat on a mat"] * 60)
    tokens = [len(each) for each in model.base.tokenizer.encode([short, long])]
    assert tokens[0] <= 8 and tokens[1] >= 8 * 32
    assert model.mean_windows([short] * 4) == 1 and model.mean_windows([long] * 4) == 32
    assert model.mean_windows([short, long, "a", ""]) == 33 / 4  # nothing is scored of the last two
    # Of a trial each, on a machine with other work: far from one, near 32.
    once, often = (min(model.estimate(10**7, windows=windows).seconds for _ in range(5)) for windows in (1.0, 32.0))
    assert 8 * once < often < 128 * once
    assert model.estimate(10, windows=32.0).windows == 32


def test_special_tokens_are_not_read_out_of_a_text(bases: dict[str, BaseModel]) -> None:
    (tokens,) = bases["bert"].tokenizer.encode(["the [SEP] cat"])
    assert 3 not in tokens and len(tokens) > 3
    (tokens,) = bases["gpt2"].tokenizer.encode(["the <|endoftext|> cat"])
    assert 0 not in tokens


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_empty_texts_are_named(bases: dict[str, BaseModel], text: str) -> None:
    one = example(bases["bert"])
    with pytest.raises(UnusableText, match="record 1"):
        one.model.losses(["the cat", text], [0, 1])


def test_texts_that_cannot_be_scored_are_named(bases: dict[str, BaseModel]) -> None:
    one, causal = example(bases["bert"]), example(bases["gpt2"])
    with pytest.raises(UnusableText, match="knows no word of record 1"):
        one.model.losses(["the cat", "\u4e2d \u6587"], [0, 1])
    with pytest.raises(UnusableText, match="too long"):
        one.model.losses(["a" * (TEXT_LIMIT + 1)], [0])
    with pytest.raises(UnusableText, match="too short"):
        causal.model.losses(["the cat sat", "b"], None)
    with pytest.raises(UnusableText):
        causal.model.losses([""], None)
    with pytest.raises(UnusableText, match="Unicode"):
        causal.model.losses(["a \ud800 b"], None)


def test_the_memory_of_a_batch_counts_heads_that_are_wider_than_the_model(bases: dict[str, BaseModel]) -> None:
    config = bases["llama"].config
    wide = replace(config, head_size=512)
    before, after = (token_numbers(each, causal=True, longest=8) for each in (config, wide))
    assert after - before == 16 * config.depth * (512 * config.heads - config.width)
