"""What of a stranger's `tokenizer.json` is taken: the parts from which BERT and byte-level BPE tokenizers are made.

Such a file can hold regular expressions, which take time without bound on some texts, and normalisers of any kind. So
only known parts are taken, regular expressions only word by word, and the rest of the file is left out: padding,
truncation, post-processing and decoding are ours. Not here: running a tokenizer (`tokenizer`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from blindfair.influence.refusal import unusable
from blindfair.protocol.documents import Document, JsonValue, digest
from blindfair.protocol.errors import MalformedMessage, UnusableModel
from blindfair.protocol.fields import Fields
from blindfair.protocol.quantities import Digest

TOKENIZER_LIMIT = 2**25
"""Bytes of a `tokenizer.json` at most: those of 128,000 tokens take ten million."""

VOCABULARY_LIMIT = 2**18
ADDED_LIMIT = 4096
TOKEN_LENGTH = 512
"""Characters of a token at most."""

_WORD_LIMIT = 1000
_PARTS_LIMIT = 4

KNOWN_PATTERNS: Mapping[str, str] = {
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+": "GPT-2",
    (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
        r"|\s+(?!\S)|\s+"
    ): "Llama 3",
    (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
        r"|\s+(?!\S)|\s+"
    ): "Qwen 2",
}
"""The regular expressions that are taken, each linear in the length of a text, and whose they are."""

_HINT = "take a model with the tokenizer of BERT, GPT-2 or Llama 3"


@dataclass(frozen=True, slots=True, eq=False)
class CheckedTokenizer:
    """A tokenizer file without what is not taken."""

    document: Document
    """What is given to the library, and what a base model's digest names."""

    tokens: Mapping[str, int]
    """The number of every token, added ones included."""

    unknown: str | None
    """The token of a word that is not known; none for byte-level BPE, which knows every byte."""

    @property
    def digest(self) -> Digest:
        """What the digest of a base model names of its tokenizer. Raises UnusableModel for text that is not Unicode."""
        with unusable("The tokenizer has no digest"):
            return digest(self.document)


def check_tokenizer(found: Document) -> CheckedTokenizer:
    """Take the known parts of a parsed `tokenizer.json`. Raises UnusableModel naming the first part that is not."""
    with unusable("tokenizer.json cannot be used"):
        fields = Fields({name: value for name, value in found.items() if name not in _LEFT_OUT}, "tokenizer")
        version = fields.choice("version", ("1.0",))
        added = [_added(each) for each in fields.subs("added_tokens", ADDED_LIMIT)]
        normaliser = _part(fields.optional_document("normalizer"), "normalizer", _NORMALISERS)
        splitter = _part(fields.optional_document("pre_tokenizer"), "pre_tokenizer", _SPLITTERS)
        model, vocabulary, unknown = _model(fields.sub("model"))
        fields.done()
    if splitter is None:
        raise UnusableModel("The tokenizer does not split texts into words", expected=_named(_SPLITTERS), hint=_HINT)
    tokens = dict(vocabulary)
    for token in added:
        number, content = token["id"], token["content"]
        if not isinstance(number, int) or not isinstance(content, str) or tokens.setdefault(content, number) != number:
            raise UnusableModel("An added token has two numbers", found=ascii(content)[:80])
    if len(set(tokens.values())) != len(tokens):
        raise UnusableModel("Two tokens have one number", expected=f"{len(tokens)} numbers", found="fewer")
    document: Document = {
        "added_tokens": list(added),
        "decoder": None,
        "model": model,
        "normalizer": normaliser,
        "padding": None,
        "post_processor": None,
        "pre_tokenizer": splitter,
        "truncation": None,
        "version": version,
    }
    return CheckedTokenizer(document, tokens, unknown)


_LEFT_OUT = {"decoder", "padding", "post_processor", "truncation"}


def _added(fields: Fields) -> Document:
    number = fields.integer("id", 0, VOCABULARY_LIMIT - 1)
    content = fields.text("content", TOKEN_LENGTH)
    if not content:
        raise MalformedMessage("An added token is empty")
    flags: Document = {name: fields.flag(name) for name in ("lstrip", "normalized", "rstrip", "single_word", "special")}
    fields.done()
    return {"content": content, "id": number, **flags}


def _part(found: Document | None, where: str, kinds: Mapping[str, Mapping[str, type]]) -> Document | None:
    """A normaliser or splitter of these kinds, or a sequence of them."""
    if found is None:
        return None
    fields = Fields(found, where)
    kind = fields.text("type", 64)
    if kind == "Sequence":
        inner = "normalizers" if where == "normalizer" else "pretokenizers"
        listed = fields.items(inner, _PARTS_LIMIT)
        fields.done()
        parts: list[JsonValue] = []
        for each in listed:
            if not isinstance(each, dict) or each.get("type") == "Sequence":
                raise MalformedMessage(f"A part of {where} cannot be used", expected="a part that is no sequence")
            parts.append(_part(each, where, kinds))
        return {"type": kind, inner: parts}
    if kind not in kinds:
        raise UnusableModel(
            f"The {where} of the tokenizer is of a kind that is not taken",
            expected=_named(kinds),
            found=ascii(kind),
            hint=_HINT,
        )
    return {"type": kind} | {name: _value(fields, name, form) for name, form in kinds[kind].items()} | _no_more(fields)


def _value(fields: Fields, name: str, form: type) -> JsonValue:
    if form is _Pattern:
        inner = fields.sub(name)
        pattern = inner.text("Regex", 1000) if inner.has("Regex") else ""
        if pattern not in KNOWN_PATTERNS:
            raise UnusableModel(
                "The tokenizer has a regular expression that is not known",
                expected=f"word by word that of {' or '.join(KNOWN_PATTERNS.values())}",
                found=ascii(pattern)[:80],
                hint=_HINT,
            )
        return {"Regex": pattern}
    if form is _Isolated:
        return fields.choice(name, ("Isolated",))
    if form is _Never:
        if fields.flag(name):
            raise MalformedMessage(f"{name} is not taken", expected=False, found=True)
        return False
    if form is _Maybe:
        return None if fields.optional_null(name) else fields.flag(name)
    # Older files leave it out, and then it is true.
    return fields.flag(name) if fields.has(name) else True


def _no_more(fields: Fields) -> Document:
    fields.done()
    return {}


class _Flag:
    """True or false."""


class _Maybe:
    """True, false or nothing."""


class _Never:
    """False."""


class _Isolated:
    """How a pattern splits: what matches is a word."""


class _Pattern:
    """A regular expression, one of the known."""


_NORMALISERS: Mapping[str, Mapping[str, type]] = {
    "BertNormalizer": {
        "clean_text": _Flag,
        "handle_chinese_chars": _Flag,
        "strip_accents": _Maybe,
        "lowercase": _Flag,
    },
    "NFC": {},
}
_SPLITTERS: Mapping[str, Mapping[str, type]] = {
    "BertPreTokenizer": {},
    "ByteLevel": {"add_prefix_space": _Flag, "trim_offsets": _Flag, "use_regex": _Flag},
    "Digits": {"individual_digits": _Flag},
    "Split": {"pattern": _Pattern, "behavior": _Isolated, "invert": _Never},
}


def _model(fields: Fields) -> tuple[Document, dict[str, int], str | None]:
    kind = fields.choice("type", ("BPE", "WordPiece"))
    if kind == "WordPiece":
        unknown = fields.text("unk_token", TOKEN_LENGTH)
        model: Document = {
            "continuing_subword_prefix": fields.text("continuing_subword_prefix", 8),
            "max_input_chars_per_word": fields.integer("max_input_chars_per_word", 1, _WORD_LIMIT),
            "type": kind,
            "unk_token": unknown,
        }
        vocabulary = _vocabulary(fields.document("vocab"))
        fields.done()
        if unknown not in vocabulary:
            raise MalformedMessage("The token of unknown words is not in the vocabulary", found=ascii(unknown))
        return model | {"vocab": dict(vocabulary)}, vocabulary, unknown
    for name in ("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix"):
        if fields.has(name) and not fields.optional_null(name) and fields.text(name, 1):
            raise MalformedMessage(f"model.{name} is not taken", expected="null")
    for name in ("fuse_unk", "byte_fallback"):
        if fields.has(name) and fields.flag(name):
            raise MalformedMessage(f"model.{name} is not taken", expected=False, found=True)
    ignore = fields.flag("ignore_merges") if fields.has("ignore_merges") else False
    vocabulary = _vocabulary(fields.document("vocab"))
    merges = [_merge(each, vocabulary) for each in fields.items("merges", VOCABULARY_LIMIT)]
    fields.done()
    model = {"ignore_merges": ignore, "merges": list(merges), "type": kind, "vocab": dict(vocabulary)}
    return model, vocabulary, None


def _vocabulary(found: Document) -> dict[str, int]:
    if not 2 <= len(found) <= VOCABULARY_LIMIT:
        raise MalformedMessage(
            "The vocabulary is of a wrong size", expected=f"2 ... {VOCABULARY_LIMIT}", found=len(found)
        )
    vocabulary = {}
    for token, number in found.items():
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < VOCABULARY_LIMIT:
            raise MalformedMessage(
                "A token has no number", expected=f"0 ... {VOCABULARY_LIMIT - 1}", found=repr(number)[:80]
            )
        if len(token) > TOKEN_LENGTH:
            raise MalformedMessage("A token is too long", expected=TOKEN_LENGTH, found=len(token))
        vocabulary[token] = number
    return vocabulary


def _merge(found: JsonValue, vocabulary: Mapping[str, int]) -> JsonValue:
    """Two tokens that are joined; older files write them with a space between."""
    pair = found.split(" ") if isinstance(found, str) else found
    if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(each, str) for each in pair):
        raise MalformedMessage("A merge of the tokenizer is no pair", expected="two tokens", found=ascii(found)[:80])
    first, second = map(str, pair)
    if not {first, second, first + second} <= vocabulary.keys():
        raise MalformedMessage("A merge has tokens that are not in the vocabulary", found=ascii(found)[:80])
    return [first, second]


def _named(kinds: Mapping[str, object]) -> str:
    return " or ".join(kinds)
