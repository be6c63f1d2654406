"""The public names are frozen, load late, and say by examples how they are used."""

import ast
import doctest
import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import blindfair
from blindfair import agents, blind, chain, influence, pricing, protocol

PACKAGE = Path(blindfair.__file__).parent

NAMES = [
    "BlindQuery",
    "BlindRows",
    "BlindfairError",
    "BuyerPolicy",
    "Disclosure",
    "LocalMarket",
    "RealTime",
    "SellerPolicy",
    "Valuer",
    "__version__",
    "connect",
    "make_listing",
    "make_purchase",
    "open_buyer",
    "open_seller",
    "read_table",
    "unlock",
]


OF_PACKAGES = {
    agents: """
        AgentContext Buyer BuyerPolicy Choice Ending Evaluated Event FolderTransport ListingSpec Outcome Question Seller
        SellerPolicy TabularValuer Valuer Waiting
    """,
    blind: """
        DEFAULT Disclosure EXPANDED EncodedRows EncryptedQueries PARAMETER_SETS ParameterSet QuerySecret
        decrypt_reply encode_rows encrypt_queries parameter_set
    """,
    chain: """
        DataExchange Deployment DevelopmentChain EmbeddedChain Finality Sender deploy_once find_or_deploy
        open_exchange
    """,
    influence: """
        FeatureSchema Projection QuantisedRows ScoreScale Table choose_row_scale clear_scores displacement_query
        load_scoring_model quantise_query quantise_query_to_range quantise_rows read_table textbook_query
    """,
    pricing: """
        DeliveredRepetition GainForecast LEARNERS Learner Method PricingFunction Trust UniformPricing Valuation Worth
        assess calibrated_trust forecast_gain measure_rows measure_utility prepare_valuation select
    """,
    protocol: """
        Address BlindfairError DisclosurePolicy ListingId Manifest Offer OrderState RecordIndex Row Schema Seconds
        Terms Units Wei decode_row encode_row sign_offer
    """,
}
"""What each package offers. A name that is added is a promise; one that is taken away breaks programs."""


def test_the_public_names_are_these() -> None:
    assert blindfair.__all__ == NAMES
    assert dir(blindfair) == NAMES
    for package, names in OF_PACKAGES.items():
        assert sorted(package.__all__) == names.split()


FACADES = [blindfair, *OF_PACKAGES]


@pytest.mark.parametrize("facade", FACADES, ids=lambda facade: facade.__name__)
def test_every_public_name_is_there_and_the_same_for_type_checkers(facade: ModuleType) -> None:
    typed = {
        alias.name: node.module
        for block in ast.walk(ast.parse(Path(str(facade.__file__)).read_text(encoding="utf-8")))
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == {name: f"blindfair.{home}" for name, home in facade._HOMES.items()}
    more = ["__version__"] if facade is blindfair else []
    assert sorted(facade.__all__) == sorted([*typed, *more])
    # Once it is imported, a module is an attribute of its package, and would stand for a thing of the same name.
    modules = {path.stem for path in Path(str(facade.__file__)).parent.iterdir()}
    assert modules.isdisjoint(typed)
    for name in facade.__all__:
        assert getattr(facade, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        _ = facade.nonsense


def test_importing_it_loads_no_library() -> None:
    code = "import sys, blindfair; print(sorted({'numpy', 'torch', 'web3', 'tenseal', 'pandas'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


DOCUMENTED = sorted(
    str(path.relative_to(PACKAGE.parent).with_suffix("")).replace("/", ".").removesuffix(".__init__")
    for path in (*PACKAGE.glob("*.py"), *PACKAGE.glob("*/__init__.py"), *(PACKAGE / "api").glob("*.py"))
    if ">>>" in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("module", DOCUMENTED)
def test_the_examples_in_its_documentation_run(module: str) -> None:
    found = doctest.testmod(importlib.import_module(module))
    assert (found.failed, found.attempted > 0) == (0, True)


def test_the_front_page_of_the_package_has_examples() -> None:
    assert {"blindfair", "blindfair.api.blind_scoring"} <= set(DOCUMENTED)
