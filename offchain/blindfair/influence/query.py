"""Queries: directions in parameter space that turn a record's gradient row into a score, `score = row . query`.

**Positive = helpful**, everywhere. Rows are `+gradient` of the record's loss; the sign is in the query (PROTOCOL 4.1).
Not here: rounding to integers (`quantise`), and which records to buy given scores (package `pricing`).
"""

import numpy as np

from blindfair.influence.arrays import Classes, Floats
from blindfair.influence.logistic import hessian, loss_gradient
from blindfair.protocol.errors import ShapeMismatch


def displacement_query(theta_best: Floats, theta_ref: Floats) -> Floats:
    """`-(theta_best - theta_ref)`, `d` numbers: the default query (docs/explanation/valuation.md).

    `score = -g(theta_ref) . (theta_best - theta_ref)`: how far a gradient step on the record, taken at the
    under-trained `theta_ref`, moves towards the best model the buyer can fit; in nats, to first order the loss that the
    record itself loses on the way from `theta_ref` to `theta_best`. Right where wrong labels are the trouble; it does
    not know redundancy, and what `theta_best` has not learnt it calls neither good nor bad. Raises ShapeMismatch.
    """
    if theta_best.shape != theta_ref.shape:
        raise ShapeMismatch("Two models differ in size", expected=theta_ref.shape, found=theta_best.shape)
    return theta_ref - theta_best


def textbook_query(
    X_train: Floats, y_train: Classes, X_val: Floats, y_val: Classes, theta: Floats, l2: float
) -> Floats:
    """`H^-1 grad L_val` at the fitted `theta`, `d` numbers: the influence function (Koh and Liang 2017, equation 2).

    `H` is the Hessian of the training objective with its penalty, a sum over records; `L_val` the *mean* validation
    loss. The score is the first-order fall of the mean validation loss, in nats, when the record joins the training
    set with weight 1 (and its rise when it leaves). Exact for small changes; buying the top of it buys worse than at
    random (docs/explanation/valuation.md), so it is not the default.
    """
    gradient = loss_gradient(X_val, y_val, theta, 0.0) / len(y_val)
    return np.asarray(np.linalg.solve(hessian(X_train, theta, l2), gradient), dtype=np.float64)
