"""A buyer's own fine-tuned model by the Python interface: whole trades, and adapters that cannot be used.

The files are written as the library peft writes them: its fields, its names of tensors.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
import tiny_bases
from tiny_bases import build, write

from blindfair.agents.context import Event
from blindfair.api.adapters import ADAPTER_FILES, DIFFERENCE_LIMIT, load_adapter
from blindfair.api.buying import make_purchase
from blindfair.api.listing import make_listing
from blindfair.api.local_market import LocalMarket
from blindfair.influence.corpus.text_preprocessing import TextPreprocessing
from blindfair.influence.text import BaseModel, Difference, Lora, TextModel, TextWindows, fine_tune
from blindfair.influence.text.adapter import CONFIG_FILE, WEIGHTS_FILE, write_adapter
from blindfair.influence.text.applying import linear_layers
from blindfair.influence.text.fine_tuning import blank_head
from blindfair.pricing.texts.adapted import adapted_model
from blindfair.protocol.errors import BlindfairError, FileMissing, InvalidOption, UnusableModel

TEXTS = tiny_bases.texts(60, 1, longest=40)
OWN = pd.DataFrame({"text": tiny_bases.texts(90, 2, longest=40)})
CHEAP: dict[str, Any] = {"price_per_record": "0.0001", "licence": "any", "consent": "made up", "own_models": True}
WINDOWS = TextWindows(16, 2)
LAYER = "transformer.h.0.attn.c_attn"

PEFT: dict[str, Any] = {
    "alpha_pattern": {}, "auto_mapping": None, "base_model_name_or_path": "some/model", "bias": "none",
    "corda_config": None, "eva_config": None, "exclude_modules": None, "fan_in_fan_out": True, "inference_mode": True,
    "init_lora_weights": True, "layer_replication": None, "layers_pattern": None, "layers_to_transform": None,
    "loftq_config": {}, "lora_alpha": 16, "lora_bias": False, "lora_dropout": 0.05, "megatron_config": None,
    "megatron_core": "megatron.core", "modules_to_save": None, "peft_type": "LORA", "qalora_group_size": 16, "r": 8,
    "rank_pattern": {}, "revision": None, "target_modules": ["c_attn", "c_proj"], "target_parameters": None,
    "task_type": "CAUSAL_LM", "trainable_token_indices": None, "use_dora": False, "use_qalora": False,
    "use_rslora": False,
}  # fmt: skip
"""A config as peft writes it."""


def as_peft(folder: Path) -> Path:
    """Give the folder of an adapter all fields that peft would have written."""
    path = folder / CONFIG_FILE
    path.write_text(json.dumps({**PEFT, **json.loads(path.read_text())}))
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(build("gpt2"), tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter that was trained on texts like the buyer's own."""
    model = TextModel(BaseModel.load(base), Difference(), WINDOWS)
    texts = tiny_bases.texts(80, 5, longest=40)
    folder = tmp_path_factory.mktemp("adapter")
    write_adapter(fine_tune(model, texts, None, steps=20, seed=1, rank=4).difference, folder, transposed=True)
    return as_peft(folder)


def test_texts_are_scored_by_the_buyers_own_model_and_the_buyer_is_told_first(
    base: Path, adapter: Path, tmp_path: Path
) -> None:
    listing = make_listing(pd.DataFrame({"text": TEXTS}), text_column="text", base_models=[base], bits=6, **CHEAP)
    purchase = make_purchase(
        OWN, text_column="text", base_model=base, adapter=adapter, budget="0.01", fee="0.005", audit_rows=5,
        sample_share=1.0,
    )  # fmt: skip
    events: list[Event] = []
    with LocalMarket(tmp_path / "market", on_event=events.append) as market:
        buyer = market.buyer(market.sell(listing), purchase)
        buyer.evaluate()
        told = [event.text for event in events if event.who == "buyer"]
        shown = next(place for place, text in enumerate(told) if "shows the seller the adapter's weights" in text)
        sent = next(place for place, text in enumerate(told) if text.startswith("sends the request"))
        assert shown < sent and "your fine-tuned model" in told[shown]
        assert any("asks at the adapted model: the loss of training texts falls by 0." in text for text in told[:shown])
        model = buyer.agent.review().request.model_config["model"]
        assert isinstance(model, dict) and isinstance(model["difference"], dict)
        assert (model["difference"]["kind"], model["difference"]["r"]) == ("lora", 4)
        assert buyer.buy().final == "Released"
        assert buyer.agent.audited_rows == 5 and len(buyer.records())


def labelled(texts: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"text": texts, "kind": ["cat" if "cat" in text else "none" for text in texts]})


@pytest.mark.parametrize("with_head", [True, pytest.param(False, marks=pytest.mark.deep)])
def test_an_adapter_of_a_classifier_comes_with_its_head_or_without(with_head: bool, tmp_path: Path) -> None:
    folder = write(build("bert"), tmp_path / "bert")
    base = BaseModel.load(folder)
    own = labelled(list(OWN["text"]))
    codes = [0 if kind == "cat" else 1 for kind in own["kind"]]
    start = TextModel(base, blank_head(base.config.width, 2, 1), WINDOWS, 2)
    found = fine_tune(start, list(own["text"]), codes, steps=30, seed=1, rank=4).difference
    (tmp_path / "adapter").mkdir()
    write_adapter(found if with_head else Difference({}, found.lora), tmp_path / "adapter", transposed=False)
    given: dict[str, Any] = {"text_column": "text", "label": "kind"}
    listing = make_listing(labelled(TEXTS), base_models=[folder], bits=6, **given, **CHEAP)
    purchase = make_purchase(
        own, base_model=folder, adapter=as_peft(tmp_path / "adapter"), budget="0.01", fee="0.005", audit_rows=5,
        sample_share=1.0, **given,
    )  # fmt: skip
    events: list[Event] = []
    with LocalMarket(tmp_path / "market", on_event=events.append) as market:
        buyer = market.buyer(market.sell(listing), purchase)
        buyer.evaluate()
        told = " ".join(event.text for event in events)
        assert ("nats against a guess among 2 classes; its head reads the mean" in told) is with_head
        assert buyer.buy().final == "Released" and buyer.agent.audited_rows == 5


def config(**changes: Any) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        path = folder / CONFIG_FILE
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


def tensors(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Path], object]:
    def changed(folder: Path) -> None:
        path = folder / WEIGHTS_FILE
        safetensors.numpy.save_file(change(safetensors.numpy.load_file(path)), path)

    return changed


def layer(old: str, new: str) -> Callable[[Path], object]:
    return tensors(lambda found: {name.replace(old, new): tensor for name, tensor in found.items()})


def with_nan(found: dict[str, Any]) -> dict[str, Any]:
    name = next(iter(found))
    return {**found, name: np.full_like(found[name], np.nan)}


def without_b(found: dict[str, Any]) -> dict[str, Any]:
    return {name: np.zeros_like(tensor) if "lora_B" in name else tensor for name, tensor in found.items()}


def huge(folder: Path) -> None:
    with (folder / WEIGHTS_FILE).open("r+b") as file:
        file.truncate(DIFFERENCE_LIMIT + 1)


def pickled(folder: Path) -> None:
    (folder / WEIGHTS_FILE).rename(folder / "adapter_model.bin")


WRONG: dict[str, tuple[Callable[[Path], object], type[BlindfairError], str]] = {
    "no config": (lambda folder: (folder / CONFIG_FILE).unlink(), FileMissing, "A file is missing"),
    "a pickle": (pickled, FileMissing, "adapter_model.bin"),
    "DoRA": (config(use_dora=True), UnusableModel, "use_dora"),
    "rank-stabilised": (config(use_rslora=True), UnusableModel, "use_rslora"),
    "another kind": (config(peft_type="IA3"), UnusableModel, "peft_type"),
    "ranks by layer": (config(rank_pattern={"c_attn": 2}), UnusableModel, "rank_pattern"),
    "begun from changed weights": (config(init_lora_weights="pissa"), UnusableModel, "init_lora_weights"),
    "invoked by tokens": (config(alora_invocation_tokens=[1]), UnusableModel, "alora_invocation_tokens"),
    "another rank": (config(r=7), UnusableModel, "another rank"),
    "no rank": (config(r=0), UnusableModel, "config of the adapter"),
    "a vast rank": (config(r=10**6), UnusableModel, "config of the adapter"),
    "a vast alpha": (config(lora_alpha=1e9), UnusableModel, "alpha"),
    "unknown layers": (layer(".h.0.", ".h.7."), UnusableModel, "h.7.attn"),
    "layers of another kind": (layer("transformer.h", "model.layers"), UnusableModel, "model.layers"),
    "names of a bare base": (layer("base_model.model.transformer.", "base_model.model."), UnusableModel, "h.0.attn"),
    "not by its prefix": (layer("base_model.model.", ""), UnusableModel, "not known"),
    "NaN": (tensors(with_nan), UnusableModel, "not finite"),
    "one matrix of two": (tensors(lambda found: dict(list(found.items())[1:])), UnusableModel, "both matrices"),
    "cut short": (lambda folder: (folder / WEIGHTS_FILE).write_bytes(b"\x10"), UnusableModel, "safe"),
    "a field of a later version": (config(brand_new_field=1), UnusableModel, "brand_new_field = 1"),
    "untrained": (tensors(without_b), UnusableModel, "changes nothing"),
    "too large": (huge, UnusableModel, "larger than what a request can carry"),
    "a nest of brackets": (lambda folder: (folder / CONFIG_FILE).write_text("[" * 10**5), UnusableModel, "deep"),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_adapter_that_cannot_be_used_is_refused_by_name(
    case: str, base: Path, adapter: Path, tmp_path: Path
) -> None:
    change, error, word = WRONG[case]
    folder = tmp_path / "wrong"
    folder.mkdir()
    for path in adapter.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    change(folder)
    with pytest.raises(error) as told:
        make_purchase(OWN, text_column="text", base_model=base, adapter=folder, budget="1")
    assert str(folder) in told.value.what and word in str(told.value) and told.value.hint


def test_fields_that_are_not_known_may_be_there_while_they_say_nothing(
    base: Path, adapter: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "later"
    folder.mkdir()
    for path in adapter.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    config(new_null=None, new_flag=False, new_list=[], new_map={}, new_text="")(folder)
    make_purchase(OWN, text_column="text", base_model=base, adapter=folder, budget="1")


@pytest.mark.parametrize("strength", [-1e-3, 1e-6])
def test_of_an_adapter_that_does_not_help_the_buyer_is_warned_before_it_asks(
    strength: float, base: Path, adapter: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "idle"
    folder.mkdir()
    for path in adapter.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    rng = np.random.default_rng(0)
    tensors(
        lambda found: {
            name: np.float32(strength) * rng.standard_normal(tensor.shape).astype(np.float32)
            if "lora_B" in name
            else tensor
            for name, tensor in found.items()
        }
    )(folder)
    held = BaseModel.load(base)
    preprocessing = TextPreprocessing("text", None, (), WINDOWS.window, WINDOWS.max_windows, (held.digest,))
    found = adapted_model(held, preprocessing, 0, load_adapter(folder), (list(OWN["text"]), None)).notes
    assert "does not clearly help on your own texts" in found[1] and " by 0." in found[0]
    trained = adapted_model(held, preprocessing, 0, load_adapter(adapter), (list(OWN["text"]), None)).notes
    assert "clearly help" not in " ".join(trained)


def test_an_adapter_of_another_base_is_refused_before_anything_is_asked(
    base: Path, adapter: Path, tmp_path: Path
) -> None:
    """By its sizes where they differ, or else because it makes the buyer's own texts worse."""
    wider = write(build("gpt2", n_embd=24), tmp_path / "wider")
    with pytest.raises(UnusableModel, match="another size") as told:
        make_purchase(OWN, text_column="text", base_model=wider, adapter=adapter, budget="1")
    assert "the base model that the adapter was trained on" in told.value.hint

    name = "transformer.h.1.mlp.c_proj"
    outputs, inputs = linear_layers(BaseModel.load(base))[name]
    rng = np.random.default_rng(1)
    down, up = (rng.normal(size=shape).astype(np.float32) for shape in ((4, inputs), (outputs, 4)))
    strange = Difference({}, Lora(4, 64.0, {name: down}, {name: up}))
    (tmp_path / "strange").mkdir()
    write_adapter(strange, tmp_path / "strange", transposed=True)
    listing = make_listing(pd.DataFrame({"text": TEXTS}), text_column="text", base_models=[base], bits=6, **CHEAP)
    purchase = make_purchase(
        OWN, text_column="text", base_model=base, adapter=tmp_path / "strange", budget="0.01", fee="0.005"
    )
    with LocalMarket(tmp_path / "market") as market:
        buyer = market.buyer(market.sell(listing), purchase)
        with pytest.raises(UnusableModel, match="worse than the base model does"):
            buyer.evaluate()
        assert "request" not in buyer.agent.sizes()


def test_a_head_for_texts_without_a_label_or_of_other_classes_is_refused(base: Path, tmp_path: Path) -> None:
    found = BaseModel.load(base)
    head = blank_head(found.config.width, 3, 1).tensors
    lora = Lora(1, 1.0, {LAYER: np.ones((1, 12), np.float32)}, {LAYER: np.zeros((36, 1), np.float32)})
    (tmp_path / "headed").mkdir()
    write_adapter(Difference(head, lora), tmp_path / "headed", transposed=True)
    with pytest.raises(UnusableModel, match="the texts have no label"):
        make_purchase(OWN, text_column="text", base_model=base, adapter=tmp_path / "headed", budget="1")

    folder = write(build("bert"), tmp_path / "bert")
    layer = "bert.encoder.layer.0.attention.self.query"
    lora = Lora(1, 1.0, {layer: np.ones((1, 12), np.float32)}, {layer: np.zeros((12, 1), np.float32)})
    (tmp_path / "three").mkdir()
    write_adapter(Difference(head, lora), tmp_path / "three", transposed=False)
    given: dict[str, Any] = {"text_column": "text", "label": "kind"}
    listing = make_listing(labelled(TEXTS), base_models=[folder], bits=6, **given, **CHEAP)
    own = labelled(list(OWN["text"]))
    with LocalMarket(tmp_path / "market") as market:
        purchase = make_purchase(own, base_model=folder, adapter=tmp_path / "three", budget="0.01", **given)
        buyer = market.buyer(market.sell(listing), purchase)
        with pytest.raises(UnusableModel, match="another number of classes") as told:
            buyer.evaluate()
        assert "2 classes" in str(told.value.expected) and "request" not in buyer.agent.sizes()


def test_an_adapter_is_for_texts(adapter: Path) -> None:
    with pytest.raises(InvalidOption, match="`adapter` is for texts"):
        make_purchase(pd.DataFrame({"x": [1.0, 2.0]}), label="x", budget="0.01", adapter=adapter)


def test_the_copied_files_are_those_that_are_read(adapter: Path) -> None:
    assert ADAPTER_FILES == (CONFIG_FILE, WEIGHTS_FILE)
    assert load_adapter(adapter).kind == "lora"
