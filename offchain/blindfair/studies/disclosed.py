"""What more disclosure would bring to logistic regression: queries along principal directions, up to everything.

A buyer that knows each record's class and its features along some directions can fit a model to the offer that allows
for wrong labels. With all directions that is all there is to know of the offer: no query can do better. Not here: the
selection (`choices`).
"""

import numpy as np
from scipy.spatial import cKDTree

from blindfair.influence.arrays import Floats, Integers
from blindfair.pricing.label_calibration import probability
from blindfair.pricing.learners import BEST_L2
from blindfair.pricing.trust import label_noise
from blindfair.studies.answers import Answer, Asking, Score
from blindfair.studies.families import LogisticFamily
from blindfair.studies.worlds import Records, StudyWorld

FURTHER = 4
_ROUNDS, _INNER_ROUNDS = 8, 15


def disclosed_answer(asking: Asking, directions: int | None) -> Answer:
    """The answer of a model improved by the offer along so many principal directions of its features; none means all.

    It is improved for every fold of the validation set, so that its trusted scores are held out, too.
    """
    world, family = asking.world, LogisticFamily(asking.world.train.X.shape[1])

    def make(train: Records, validation: Records) -> Score:
        own = train.and_also(validation)
        best = family.fit(own, l2=BEST_L2)
        improved = _improved(own, best, world.offer, _basis(own, directions))
        # The displacement score at the untrained model.
        return lambda records: np.asarray((records.y - 0.5) * (records.X @ improved), dtype=np.float64)

    return asking.ask(make)


def near_distinct(world: StudyWorld, answer: Answer) -> Integers:
    """Places of one record of each group that is near in the score and along `FURTHER` principal directions, ascending.

    Near is nearer than all but one in a hundred of the buyer's own records are to their next, allowing for the number
    of records.
    """
    basis = _basis(world.own, FURTHER)
    own, offer = world.own.X @ basis, world.offer.X @ basis
    scale = own.std(axis=0)
    own, offer = own / scale, offer / scale
    offer = np.column_stack([offer, answer.offer.scores / answer.right.scores.std(), 10.0 * world.offer.y])
    gaps = cKDTree(own).query(own, k=2)[0][:, 1]
    limit = float(np.quantile(gaps, 0.01)) * (len(own) / len(offer)) ** (1 / FURTHER)
    copies = {int(max(pair)) for pair in cKDTree(offer).query_pairs(limit)}
    return np.setdiff1d(np.arange(len(offer)), np.fromiter(copies, dtype=np.int64))


def _basis(own: Records, directions: int | None) -> Floats:
    if directions is None:
        return np.eye(own.X.shape[1])
    centred = own.X - own.X.mean(axis=0)
    return np.asarray(np.linalg.svd(centred, full_matrices=False)[2][:directions].T, dtype=np.float64)


def _improved(own: Records, best: Floats, offer: Records, basis: Floats) -> Floats:
    """The most likely model `best + basis a`, own records as a normal prior, the offer's labels wrong in some share."""
    chance = probability(own.X @ best)
    prior = basis.T @ ((own.X * (chance * (1 - chance))[:, None]).T @ own.X + BEST_L2 * np.eye(best.size)) @ basis
    features, fixed = offer.X @ basis, offer.X @ best
    sides = np.asarray(2.0 * offer.y - 1.0, dtype=np.float64)
    found = np.zeros(basis.shape[1])
    for _ in range(_ROUNDS):
        clean, _ = label_noise(sides * (fixed + features @ found), sides, rounds=_INNER_ROUNDS)
        truth = np.where(offer.y == 1, clean, 1.0 - clean)
        for _ in range(2):
            chance = probability(fixed + features @ found)
            slope = features.T @ (chance - truth) + prior @ found
            curvature = (features * (chance * (1 - chance))[:, None]).T @ features + prior
            found = found - np.linalg.solve(curvature, slope)
    return best + basis @ found
