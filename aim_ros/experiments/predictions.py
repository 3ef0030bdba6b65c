"""What theory says of a decision from unmodulated logits alone, beyond the paper's theorems."""

import math

from torch import Tensor

from aim_ros.modulation.integration import on_top_probability


def class_on_top_probability(logits: Tensor, classes: Tensor, sigma: float) -> Tensor:
    """
    Probability that utility noise puts a given class, its own in each row, on top.

    The noisy logits are independent, so for class ``t`` it is the integral of
    ``phi(z) prod_j Phi(z + (y_t - y_j) / sigma)`` over z, j running over the other classes. With
    the true classes its mean is the expected accuracy; with the arg max it is
    `aim_ros.modulation.theory.top1_preserved_probability`.

    :param logits: floating-point tensor `(..., C)`, finite.
    :param classes: int64 tensor `(...)`, a class index for each row.
    :param sigma: standard deviation, finite and 0 or larger, in units of the logits.
    :return: float64 tensor `(...)` in [0, 1]. At sigma 0, 1 where the class is torch's arg max
        and 0 elsewhere.
    :raises ValueError: `sigma` is negative or not finite.
    """
    if not 0 <= sigma < math.inf:
        raise ValueError(f'sigma must be finite and 0 or larger; got {sigma}')
    if sigma == 0:
        return (logits.argmax(dim=-1) == classes).double()
    logits = logits.double()
    own = classes.unsqueeze(-1)
    leads = (logits.gather(-1, own) - logits) / sigma
    leads.scatter_(-1, own, math.inf)  # A class is no rival of itself.
    return on_top_probability(leads)
