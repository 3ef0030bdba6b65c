"""What is asked for of one frame's logits, as one immutable value."""

from dataclasses import dataclass
import math

SAMPLINGS = ('expected', 'pixel', 'gated')
"""How focus modulation samples its noise: `Modulation.sampling` says which is which."""


@dataclass(frozen=True)
class Modulation:
    """
    What is done to a frame's logits.

    :param signs: the target classes of focus modulation, as ``(class id, +1 or -1)`` pairs.
    :param sigma: standard deviation of the focus noise, in logits, >= 0.
    :param sampling: one of `SAMPLINGS`: ``'expected'`` (mean shift), ``'pixel'`` (one draw per
        pixel and target) or ``'gated'`` (mean shift near unmodulated evidence of a target, see
        `aim_ros.modulation.gating`).
    :param utility_sigma: standard deviation of the utility noise, in logits, >= 0.
    :raises ValueError: a sigma is negative or not finite, the sampling is unknown, a sign is
        neither +1 nor -1, or a class has two.
    """

    signs: tuple[tuple[int, int], ...] = ()
    sigma: float = 0.0
    sampling: str = 'expected'
    utility_sigma: float = 0.0

    def __post_init__(self):
        for name, value in (('sigma', self.sigma), ('utility_sigma', self.utility_sigma)):
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f'{name} must be finite and >= 0, got {value}')
        if self.sampling not in SAMPLINGS:
            raise ValueError(f'sampling must be one of {SAMPLINGS}, got {self.sampling!r}')
        if any(sign not in (1, -1) for _, sign in self.signs):
            raise ValueError(f'signs must be +1 or -1, got {dict(self.signs)}')
        if len({target for target, _ in self.signs}) != len(self.signs):
            raise ValueError(f'a target class has two signs: {self.signs}')

    @property
    def focuses(self) -> bool:
        """Whether focus modulation changes anything."""
        return bool(self.signs) and self.sigma > 0

    @property
    def draws(self) -> bool:
        """Whether the mask depends on random draws."""
        return self.utility_sigma > 0 or (self.focuses and self.sampling == 'pixel')

    @property
    def raised(self) -> tuple[int, ...]:
        """The targets of sign +1."""
        return tuple(target for target, sign in self.signs if sign > 0)
