"""The forecast of a purchase's gain, for people and as a document. Not here: how it is made (`pricing.forecast`)."""

from blindfair.pricing.gain_forecast import GainForecast, GainInterval
from blindfair.protocol.documents import Document
from blindfair.protocol.words import counted


def forecast_text(forecast: GainForecast) -> str:
    """What buying changes, each with its 95 % interval."""
    loss, auc = forecast.loss, forecast.auc
    text = (
        f"buying these {counted(forecast.records, 'record')} changes the validation loss by {-loss.mean:+.4f} "
        f"{forecast.unit} [{-loss.high:+.4f}, {-loss.low:+.4f}]"
    )
    if auc is None:
        return text
    return f"{text} and the AUC by {auc.mean:+.4f} [{auc.low:+.4f}, {auc.high:+.4f}]"


def forecast_basis(forecast: GainForecast) -> str:
    """What the forecast rests on."""
    return (
        f"of {'a linear model' if forecast.auc is None else 'a logistic regression'} on your training records, judged "
        f"on your {forecast.validation:,} validation "
        "records; from the scores and your own records, which stand in for the offered ones"
    )


def forecast_document(forecast: GainForecast | None) -> Document | None:
    """Changes of the validation loss, in its unit, and of the AUC, null where a label has none; null where there is no
    forecast."""
    if forecast is None:
        return None
    loss = GainInterval(-forecast.loss.mean, -forecast.loss.high, -forecast.loss.low)
    return {
        "records": forecast.records,
        "validation_records": forecast.validation,
        "loss_change": _document(loss),
        "loss_unit": forecast.unit,
        "auc_change": None if forecast.auc is None else _document(forecast.auc),
    }


def _document(gain: GainInterval) -> Document:
    return {"mean": gain.mean, "low": gain.low, "high": gain.high}
