"""What scores are worth: trust in records, prices, a selection under a budget, and what the choice gains.

The names of `__all__` are public, and loaded when they are first used. The modules are private and may change.
"""

from typing import TYPE_CHECKING

from blindfair.lazy import loader

__all__ = [
    "LEARNERS",
    "DeliveredRepetition",
    "GainForecast",
    "Learner",
    "Method",
    "PricingFunction",
    "Trust",
    "UniformPricing",
    "Valuation",
    "Worth",
    "assess",
    "calibrated_trust",
    "forecast_gain",
    "measure_rows",
    "measure_utility",
    "prepare_valuation",
    "select",
]

_HOMES = {
    "DeliveredRepetition": "pricing.texts.delivered",
    "GainForecast": "pricing.gain_forecast",
    "LEARNERS": "pricing.learners",
    "Learner": "pricing.learners",
    "Method": "pricing.selection",
    "PricingFunction": "pricing.functions",
    "Trust": "pricing.trust",
    "UniformPricing": "pricing.functions",
    "Valuation": "pricing.valuation",
    "Worth": "pricing.worth",
    "assess": "pricing.worth",
    "calibrated_trust": "pricing.trust",
    "forecast_gain": "pricing.forecast",
    "measure_rows": "pricing.information",
    "measure_utility": "pricing.utility",
    "prepare_valuation": "pricing.valuation",
    "select": "pricing.selection",
}

if TYPE_CHECKING:
    from blindfair.pricing.forecast import forecast_gain
    from blindfair.pricing.functions import PricingFunction, UniformPricing
    from blindfair.pricing.gain_forecast import GainForecast
    from blindfair.pricing.information import measure_rows
    from blindfair.pricing.learners import LEARNERS, Learner
    from blindfair.pricing.selection import Method, select
    from blindfair.pricing.texts.delivered import DeliveredRepetition
    from blindfair.pricing.trust import Trust, calibrated_trust
    from blindfair.pricing.utility import measure_utility
    from blindfair.pricing.valuation import Valuation, prepare_valuation
    from blindfair.pricing.worth import Worth, assess
else:
    __getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
