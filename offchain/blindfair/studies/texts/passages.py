"""Documents cut into short texts of whole sentences, and runs of words that two texts share.

Not here: where the documents come from (`corpora`).
"""

import re
from collections.abc import Callable, Iterator

MIN_TOKENS, MAX_TOKENS = 60, 120
"""Size of a text, in tokens of the model that scores it."""

RUN = 12
"""Words in a row that two documents share only if one quotes the other."""

_END = re.compile(r"(?<=[.!?])[\"')]* +(?=[A-Z\"'(])")
_NO_END = re.compile(r"\b(?:[A-Z]|Mr|Mrs|Dr|Messrs|St|Gen|Gov|Sen|Rep|Col|Capt|Lt|Hon|Rev|Jr|Sr|No|vs|U\.S)\.$")


def sentences(text: str) -> list[str]:
    """Split a text at the ends of sentences, except after common abbreviations and initials."""
    found, start = [], 0
    for end in _END.finditer(text):
        sentence = text[start : end.end()].strip()
        if not _NO_END.search(sentence):
            found.append(sentence)
            start = end.end()
    return [*found, text[start:].strip()]


def passages(text: str, count_tokens: Callable[[str], int]) -> Iterator[str]:
    """Cut a document into texts of `MIN_TOKENS` to `MAX_TOKENS`; a sentence that is too long ends up in none."""
    held = ""
    for sentence in sentences(" ".join(text.split())):
        joined = f"{held} {sentence}".strip()
        # Where a text would grow too long, the next one begins.
        held = joined if count_tokens(joined) <= MAX_TOKENS else sentence
        size = count_tokens(held)
        if MIN_TOKENS <= size <= MAX_TOKENS:
            yield held
        if size >= MIN_TOKENS:
            held = ""


def word_runs(text: str) -> set[str]:
    """All runs of `RUN` words of a text, without case and punctuation."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    return {" ".join(words[start : start + RUN]) for start in range(len(words) - RUN + 1)}
