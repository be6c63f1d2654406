"""Base models: named by a digest of what is computed with; hostile folders are refused before anything large."""

import json
import shutil
import struct
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny_bases
import torch
from safetensors.torch import load_file, save_file

from blindfair.influence.text import BaseModel
from blindfair.influence.text.tokenizer_file import ADDED_LIMIT, TOKEN_LENGTH, VOCABULARY_LIMIT, check_tokenizer
from blindfair.protocol.errors import BlindfairError, FileMissing, UnusableModel

KINDS = ("bert", "gpt2", "llama")


@pytest.fixture
def folder(folders: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a base model's folder, to be spoiled."""

    def copied(kind: str) -> Path:
        return Path(shutil.copytree(folders[kind], tmp_path / kind))

    return copied


def change_json(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def refused(folder: Path, match: str, error: type[BlindfairError] = UnusableModel) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(error, match=match):
            BaseModel.load(folder)
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", KINDS)
def test_a_base_model_predicts_as_the_library_does(
    folders: dict[str, Path], bases: dict[str, BaseModel], kind: str
) -> None:
    base, network = bases[kind], tiny_bases.build(kind)
    assert base.architecture == {"bert": "bert-classifier", "gpt2": "gpt2-causal", "llama": "llama-causal"}[kind]
    assert (base.context, base.vocabulary) == (40, network.config.vocab_size)
    prefix = "bert." if kind == "bert" else ""
    for name, tensor in network.named_parameters():
        assert torch.equal(base.tensors[prefix + name], tensor)


@pytest.mark.parametrize("kind", KINDS)
def test_the_digest_is_that_of_what_is_computed_with(
    folder: Callable[[str], Path], bases: dict[str, BaseModel], kind: str
) -> None:
    copy = folder(kind)
    tensors = load_file(copy / "model.safetensors")
    save_file(dict(reversed(tensors.items())), copy / "model.safetensors", metadata={"other": "layout"})
    change_json(copy / "config.json", lambda config: config.update(use_cache=False, _name_or_path="elsewhere"))
    change_json(copy / "tokenizer.json", lambda tokenizer: tokenizer.update(padding=None, truncation=None))
    assert BaseModel.load(copy).digest == bases[kind].digest
    name = next(name for name in tensors if tensors[name].ndim == 2)
    tensors[name][0, 0] += 1.0
    save_file(tensors, copy / "model.safetensors")
    assert BaseModel.load(copy).digest != bases[kind].digest
    epsilon = {"bert": "layer_norm_eps", "gpt2": "layer_norm_epsilon", "llama": "rms_norm_eps"}[kind]
    before = BaseModel.load(copy).digest
    change_json(copy / "config.json", lambda config: config.update({epsilon: 1e-3}))
    assert BaseModel.load(copy).digest != before


def test_half_precision_is_read_exactly(folder: Callable[[str], Path]) -> None:
    copy = folder("llama")
    tensors = load_file(copy / "model.safetensors")
    for dtype in (torch.bfloat16, torch.float16):
        save_file({name: tensor.to(dtype) for name, tensor in tensors.items()}, copy / "model.safetensors")
        base = BaseModel.load(copy)
        for name, tensor in tensors.items():
            assert base.tensors[name].dtype == torch.float32
            assert torch.equal(base.tensors[name], tensor.to(dtype).float())


CONFIGS: dict[str, tuple[str, dict[str, Any], str]] = {
    "another architecture": ("gpt2", {"model_type": "t5"}, "model_type"),
    "code of its own": ("gpt2", {"auto_map": {"AutoModel": "evil.py"}}, "auto_map"),
    "quantised": ("llama", {"quantization_config": {"bits": 4}}, "quantization_config"),
    "an unknown field": ("llama", {"logit_cap": 30.0}, "not known"),
    "a vast vocabulary": ("gpt2", {"vocab_size": 2**40}, "vocab_size"),
    "a negative width": ("gpt2", {"n_embd": -12}, "n_embd"),
    "vast depth": ("gpt2", {"n_layer": 10**9}, "n_layer"),
    "a depth that is no integer": ("gpt2", {"n_layer": 2.5}, "n_layer"),
    "true as a number": ("gpt2", {"n_layer": True}, "n_layer"),
    "heads that do not divide": ("gpt2", {"n_head": 5}, "heads"),
    "rough activation": ("gpt2", {"activation_function": "relu"}, "activation_function"),
    "epsilon of 0": ("bert", {"layer_norm_eps": 0.0}, "layer_norm_eps"),
    "relative positions": ("bert", {"position_embedding_type": "relative_key"}, "position_embedding_type"),
    "a decoder": ("bert", {"is_decoder": True}, "is_decoder"),
    "scaled positions": ("llama", {"rope_scaling": {"type": "linear", "factor": 2.0}}, "rope_scaling"),
    "other positions": ("llama", {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4}}, "rope_type"),
    "scaling by layer": ("gpt2", {"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx"),
    "too many parameters": ("gpt2", {"n_embd": 2**14, "n_layer": 128, "n_head": 2}, "too large|another shape|lacks"),
    "another depth": ("gpt2", {"n_layer": 3}, "lacks tensors"),
    "fewer layers": ("gpt2", {"n_layer": 1}, "does not have"),
    "another width": ("gpt2", {"n_embd": 24}, "another shape"),
    "a small vocabulary": ("gpt2", {"vocab_size": 200}, "another shape"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_hostile_configs_are_refused(folder: Callable[[str], Path], case: str) -> None:
    kind, changes, match = CONFIGS[case]
    copy = folder(kind)
    change_json(copy / "config.json", lambda config: config.update(changes))
    refused(copy, match)


def test_a_model_of_another_type_is_named_with_those_that_are_taken(folder: Callable[[str], Path]) -> None:
    copy = folder("gpt2")
    change_json(copy / "config.json", lambda config: config.update(model_type="t5"))
    with pytest.raises(UnusableModel, match="not taken") as caught:
        BaseModel.load(copy)
    assert (caught.value.expected, caught.value.found) == ("bert or gpt2 or llama", "'t5'")
    assert "BERT, GPT-2 or Llama" in caught.value.hint


def test_files_that_are_no_json_are_refused(folder: Callable[[str], Path]) -> None:
    copy = folder("gpt2")
    good = (copy / "config.json").read_text()
    for text, match in (
        ("[" * 100_000, "nested"),
        ("{", "not JSON"),
        ("[]", "not an object"),
        ('{"n_layer": NaN}', "not one of JSON"),
        ('{"model_type": "gpt2", "model_type": "bert"}', "repeats"),
        (good + " " * 2**21, "too long"),
        ('{"n_layer": ' + "9" * 5000 + "}", "not JSON"),
        ("\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "not JSON"),
    ):
        (copy / "config.json").write_text(text)
        refused(copy, match)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_missing_file_is_named(folder: Callable[[str], Path], name: str) -> None:
    copy = folder("gpt2")
    (copy / name).unlink()
    with pytest.raises(FileMissing) as found:
        BaseModel.load(copy)
    assert found.value.expected == name


def test_pickles_are_never_read(folder: Callable[[str], Path]) -> None:
    copy = folder("gpt2")
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(FileMissing, match="not read"):
        BaseModel.load(copy)


def header(entries: dict[str, Any], data: bytes = b"") -> bytes:
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + data


HEADERS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "not safetensors"),
    "a pickle": (b"\x80\x04\x95" + bytes(100), "not safetensors"),
    "a vast header": (struct.pack("<Q", 2**60) + b"{}", "not safetensors"),
    "a header beyond the file": (struct.pack("<Q", 1000) + b"{}", "not safetensors"),
    "no JSON": (struct.pack("<Q", 2) + b"{]", "not JSON"),
    "a vast shape": (
        header({"a": {"dtype": "F32", "shape": [2**39], "data_offsets": [0, 4]}}, bytes(4)),
        "another length",
    ),
    "a negative shape": (header({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, bytes(4)), "shape"),
    "an overlap": (
        header(
            {
                "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
                "b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
            },
            bytes(4),
        ),
        "do not fill",
    ),
    "a gap": (header({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, bytes(8)), "do not fill"),
    "more bytes": (header({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, bytes(9)), "do not fill"),
    "offsets backwards": (
        header({"a": {"dtype": "I8", "shape": [1], "data_offsets": [4, 0]}}, bytes(4)),
        "do not fill",
    ),
    "one offset": (header({"a": {"dtype": "I8", "shape": [1], "data_offsets": [4]}}, bytes(4)), "no place"),
    "a strange name": (header({"\x1b[2J": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}), "proper name"),
    "no tensors": (header({}), "lacks tensors"),
}


@pytest.mark.parametrize("case", HEADERS)
def test_hostile_weights_are_refused(folder: Callable[[str], Path], case: str) -> None:
    data, match = HEADERS[case]
    copy = folder("gpt2")
    (copy / "model.safetensors").write_bytes(data)
    refused(copy, match)


def test_tensors_that_are_not_the_models_are_named(folder: Callable[[str], Path]) -> None:
    copy = folder("gpt2")
    tensors = load_file(copy / "model.safetensors")
    name = "transformer.h.1.mlp.c_fc.weight"
    cases: list[tuple[dict[str, torch.Tensor], str]] = [
        ({each: tensor for each, tensor in tensors.items() if each != name}, "lacks tensors"),
        (tensors | {"transformer.extra": torch.zeros(2)}, "does not have"),
        (tensors | {name: tensors[name].T.contiguous()}, name),
        (tensors | {name: tensors[name].double()}, "type"),
        (tensors | {name: tensors[name].long()}, "type"),
        (tensors | {name: torch.full_like(tensors[name], float("nan"))}, "not finite"),
        (tensors | {name: torch.full_like(tensors[name], float("-inf"))}, "not finite"),
        (tensors | {"lm_head.weight": torch.zeros(300, 12)}, "is said to be the embedding"),
    ]
    for changed, match in cases:
        save_file(changed, copy / "model.safetensors")
        with pytest.raises(UnusableModel, match=match) as told:
            BaseModel.load(copy)
        assert match != "not finite" or "that tensor in model.safetensors" in told.value.hint
    save_file(tensors | {"lm_head.weight": tensors["transformer.wte.weight"].clone()}, copy / "model.safetensors")
    BaseModel.load(copy)


def nested(document: dict[str, Any], *path: str) -> dict[str, Any]:
    for name in path:
        document = document[name]
    return document


TOKENIZERS: dict[str, tuple[str, Callable[[dict[str, Any]], object], str]] = {
    "a regular expression": (
        "gpt2",
        lambda t: t.update(
            pre_tokenizer={"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}
        ),
        "regular expression",
    ),
    "a hidden regular expression": (
        "gpt2",
        lambda t: t.update(
            pre_tokenizer={
                "type": "Sequence",
                "pretokenizers": [
                    {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}
                ],
            }
        ),
        "regular expression",
    ),
    "a normaliser by expressions": (
        "gpt2",
        lambda t: t.update(normalizer={"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": ""}),
        "normalizer",
    ),
    "a splitter that is not known": ("gpt2", lambda t: t.update(pre_tokenizer={"type": "Metaspace"}), "pre_tokenizer"),
    "no splitter": ("gpt2", lambda t: t.update(pre_tokenizer=None), "split"),
    "sequences without end": (
        "gpt2",
        lambda t: t.update(
            pre_tokenizer={"type": "Sequence", "pretokenizers": [{"type": "Sequence", "pretokenizers": []}]}
        ),
        "no sequence",
    ),
    "another kind of model": ("gpt2", lambda t: nested(t, "model").update(type="Unigram"), "type"),
    "dropout": ("gpt2", lambda t: nested(t, "model").update(dropout=0.5), "dropout"),
    "a token beyond the model": ("gpt2", lambda t: nested(t, "model", "vocab").update(beyond=300), "more tokens"),
    "a negative token": ("gpt2", lambda t: nested(t, "model", "vocab").update(below=-1), "no number"),
    "two tokens of one number": ("gpt2", lambda t: nested(t, "model", "vocab").update(twice=5), "one number"),
    "a merge of strangers": ("gpt2", lambda t: nested(t, "model")["merges"].append(["q", "ZZ"]), "merge"),
    "a token far beyond any model": (
        "gpt2",
        lambda t: nested(t, "model")["vocab"].update(far=VOCABULARY_LIMIT),
        "no number",
    ),
    "a token without end": (
        "gpt2",
        lambda t: nested(t, "model")["vocab"].update({"a" * (TOKEN_LENGTH + 1): 299}),
        "token is too long",
    ),
    "an added token without end": (
        "bert",
        lambda t: t["added_tokens"].append({**t["added_tokens"][0], "content": "a" * (TOKEN_LENGTH + 1)}),
        "content",
    ),
    "an added token of nothing": (
        "bert",
        lambda t: t["added_tokens"].append({**t["added_tokens"][0], "content": ""}),
        "added token is empty",
    ),
    "added tokens without end": (
        "bert",
        lambda t: t.update(added_tokens=t["added_tokens"][:1] * (ADDED_LIMIT + 1)),
        "added_tokens",
    ),
    "a merge of three": ("gpt2", lambda t: nested(t, "model")["merges"].append(["a", "b", "c"]), "no pair"),
    "words without end": ("bert", lambda t: nested(t, "model").update(max_input_chars_per_word=10**9), "max_input"),
    "no special tokens": (
        "bert",
        lambda t: (nested(t, "model", "vocab").pop("[CLS]"), t.update(added_tokens=[])),
        "special",
    ),
    "an unknown token that is none": (
        "bert",
        lambda t: nested(t, "model").update({"unk_token": "[NO]"}),
        "unknown words",
    ),
    "a field that is not known": ("bert", lambda t: t.update(run="code"), "not known"),
}


@pytest.mark.parametrize("case", TOKENIZERS)
def test_hostile_tokenizers_are_refused(folder: Callable[[str], Path], case: str) -> None:
    kind, change, match = TOKENIZERS[case]
    copy = folder(kind)
    change_json(copy / "tokenizer.json", change)
    refused(copy, match)


def test_a_tokenizer_that_is_too_long_is_refused(folder: Callable[[str], Path]) -> None:
    copy = folder("gpt2")
    with (copy / "tokenizer.json").open("r+b") as file:
        file.truncate(2**26)
    refused(copy, "too long")


LONG: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a vocabulary without end": (
        lambda model: model["vocab"].update((f"<{number}>", 0) for number in range(VOCABULARY_LIMIT)),
        "vocabulary is of a wrong size",
    ),
    "merges without end": (
        lambda model: model.update(merges=model["merges"][:1] * (VOCABULARY_LIMIT + 1)),
        f"merges.*at most {VOCABULARY_LIMIT} values",
    ),
}


@pytest.mark.parametrize("case", LONG)
def test_a_list_of_a_tokenizer_that_is_too_long_is_refused_by_name(folders: dict[str, Path], case: str) -> None:
    change, match = LONG[case]
    tokenizer = json.loads((folders["gpt2"] / "tokenizer.json").read_text())
    change(tokenizer["model"])
    with pytest.raises(UnusableModel, match=f"(?s){match}"):
        check_tokenizer(tokenizer)


def test_a_tokenizer_of_another_model_is_refused(folder: Callable[[str], Path]) -> None:
    copy = folder("gpt2")
    network = tiny_bases.build("gpt2", vocab_size=300 + 1025)
    tiny_bases.write(network, copy)
    with pytest.raises(UnusableModel, match="not the model's"):
        BaseModel.load(copy)


def test_importing_the_package_imports_no_transformers() -> None:
    code = "import sys, blindfair, blindfair.influence.text.model; assert 'transformers' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_the_extra_the_hint_says_what_to_install(folders: dict[str, Path]) -> None:
    code = (
        "import sys; sys.modules['transformers'] = None\n"
        "from pathlib import Path\n"
        "from blindfair.influence.text import BaseModel\n"
        "from blindfair.protocol.errors import MissingPackage\n"
        f"try: BaseModel.load(Path({str(folders['gpt2'])!r}))\n"
        "except MissingPackage as error: print(error.hint)\n"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "pip install 'blindfair[text]'"


def test_weights_are_read_once_and_from_one_file(folder: Callable[[str], Path]) -> None:
    """What is hashed is what is computed with: a file that grows shorter while it is read is noticed."""
    from blindfair.influence.text.tensor_file import TensorFile

    path = folder("gpt2") / "model.safetensors"
    file = TensorFile.read_header(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UnusableModel, match="shorter"):
        file.read({name: name for name in file.entries})
