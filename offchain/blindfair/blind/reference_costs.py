"""The cost model that plans use where none is given: measured once, rounded, and committed.

Every buyer's choice of a parameter set comes from these figures, so that the same question has the same answer on every
machine and in every run. They are of one core of an AMD EPYC (Zen 5) in a virtual machine, on 2026-11-29: the quickest
of 12 runs, by `measure_costs(repeats=12)`.
"""

from types import MappingProxyType

from blindfair.blind.cost_model import CostModel, OperationSeconds
from blindfair.blind.parameters import DEFAULT, EXPANDED

REFERENCE = CostModel(
    machine="the reference machine, one core of an AMD EPYC (x86_64), compiled kernel with vectors",
    date="2026-11-29",
    version="0.1.0",
    operations=MappingProxyType(
        {
            DEFAULT.name: OperationSeconds(
                encrypt=1.2e-3,
                load_ciphertext=4.0e-4,
                load_words=4.0e-4,
                transform=3.2e-4,
                automorphism=0.0,
                encode_column=2.1e-4,
                lay_out_column=3.9e-5,
                words_to_plaintext=1.0e-4,
                ciphertext_to_words=5.4e-6,
                product=1.0e-4,
                kernel_product=7.8e-6,
                flood=1.3e-3,
                decrypt=1.1e-3,
            ),
            EXPANDED.name: OperationSeconds(
                encrypt=1.9e-3,
                load_ciphertext=3.8e-4,
                load_words=4.0e-4,
                transform=3.2e-4,
                automorphism=2.4e-3,
                encode_column=2.1e-4,
                lay_out_column=3.9e-5,
                words_to_plaintext=1.0e-4,
                ciphertext_to_words=5.4e-6,
                product=1.0e-4,
                kernel_product=7.8e-6,
                flood=1.3e-3,
                decrypt=1.1e-3,
            ),
        }
    ),
)
