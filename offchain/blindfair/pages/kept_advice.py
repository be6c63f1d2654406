"""What an evaluation advised, as its owner was told, and the scores: kept for those who look at a directory later.

Reading them anew takes the buyer's key, its tables and a decryption; here they lie beside what they were read with.
"""

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blindfair.agents.store.directory import SecretStore
from blindfair.influence.arrays import Floats
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import SecretDamaged

_TOLD, _SCORES = "advice.json", "advice.npz"


@dataclass(frozen=True, slots=True)
class Told:
    """A line of the command's result: a label, empty where it goes on, and its text; `is_doubt` where it warns."""

    label: str
    text: str
    is_doubt: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class KeptAdvice:
    """`scores` are of the `n` scored units, in nats where the valuer says so; `chosen` says which would be bought."""

    told: tuple[Told, ...]
    unit: str
    scores: Floats
    chosen: NDArray[np.bool_]


def keep_advice(directory: Path, told: Sequence[Told], unit: str, scores: Floats, chosen: Sequence[int]) -> None:
    """Write it, in place of what was told before. `unit` is what has a score each, and `chosen` are the units that
    would be bought. Raises CannotWrite, InsecureStore."""
    flags = np.zeros(len(scores), dtype=np.bool_)
    flags[list(chosen)] = True
    file = io.BytesIO()
    np.savez(file, scores=scores.astype(np.float32), chosen=flags)
    store = SecretStore(directory / "secrets")
    store.put(_SCORES, file.getvalue())
    store.put(_TOLD, json.dumps({"unit": unit, "told": [asdict(line) for line in told]}).encode())


def kept_advice(directory: Path) -> KeptAdvice | None:
    """Read it; None where there are no scores yet. Raises SecretDamaged, InsecureStore."""
    if not (directory / "secrets").is_dir():
        return None
    store = SecretStore(directory / "secrets")
    told, arrays = store.get(_TOLD), store.get(_SCORES)
    if told is None or arrays is None:
        return None
    try:
        document = json_value(told)
        with np.load(io.BytesIO(arrays), allow_pickle=False) as found:
            scores, chosen = found["scores"].astype(np.float64), found["chosen"].astype(np.bool_)
        if scores.ndim != 1 or scores.shape != chosen.shape or not np.isfinite(scores).all():
            raise ValueError("no scores")
        lines = tuple(Told(str(each["label"]), str(each["text"]), bool(each["is_doubt"])) for each in document["told"])
        return KeptAdvice(lines, str(document["unit"]), scores, chosen)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise SecretDamaged(
            "The kept scores cannot be read",
            expected="what blindfair buyer evaluate wrote",
            found=_SCORES,
            hint="run blindfair buyer evaluate or resume again; nothing is paid twice",
        ) from error
