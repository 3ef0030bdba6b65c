"""Utility modulation of a language model's next-token logits, in `generate` of transformers."""

from collections.abc import Sequence
import math

import torch
from torch import Tensor
from transformers import LogitsProcessor

from aim_ros.modulation import standard_normal_range
from aim_ros.modulation import UTILITY_STREAM


class UtilityModulationProcessor(LogitsProcessor):
    """
    Add `e ~ N(0, sigma**2)` to the logit of every token, at every step.

    The noise is counter-based: a function of seed, step, sequence and token alone. With
    `sequences` the same text gets the same noise in whatever batch it is generated, and its
    first tokens are the same however many follow. Its place in the counter (see
    `aim_ros.modulation.noise`): the key is ``step * 2**32 + seed``, the pixel is the token's
    index, the class is the sequence's number.

    :param sigma: standard deviation, finite and 0 or larger, in units of the logits. 0 leaves
        them as they are.
    :param prompt_length: tokens of the prompt, padding on the left included; steps count from its
        end.
    :param seed: 0 .. 2**32 - 1.
    :param sequences: a number, 0 .. 2**32 - 1, for each row of the batch; None counts the rows.
    :raises ValueError: `sigma` is out of range.

    Example::

        inputs = tokenizer('The road ahead', return_tensors='pt')
        noise = UtilityModulationProcessor(0.5, prompt_length=inputs['input_ids'].shape[1])
        model.generate(**inputs, do_sample=False, logits_processor=[noise])
    """

    def __init__(
        self,
        sigma: float,
        *,
        prompt_length: int,
        seed: int = 0,
        sequences: Sequence[int] | None = None,
    ):
        self.sigma = _check_sigma(sigma)
        self.prompt_length = prompt_length
        self.seed = seed
        self.sequences = sequences

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """
        Return modulated logits.

        :param input_ids: int64 `(B, T)`, prompt and what was generated.
        :param scores: logits `(B, V)` of the next token.
        :raises ValueError: there is not one number a row: beams are not supported.
        """
        if self.sigma == 0:
            return scores
        sequences = range(len(scores)) if self.sequences is None else self.sequences
        if len(sequences) != len(scores):
            raise ValueError(
                f'{len(sequences)} sequence numbers for {len(scores)} rows: give one for each '
                'row, and use num_beams=1 and num_return_sequences=1')
        key = (input_ids.shape[1] - self.prompt_length << 32) + self.seed
        noise = standard_normal_range(
            0, scores.shape[1], sequences, key, UTILITY_STREAM, scores.device)
        return scores + self.sigma * noise.to(scores.dtype)


def noise_dominates(lead: Tensor, spread: Tensor, sigma: float, tokens: int) -> Tensor:
    """
    Tell where noise, not the model, chooses the next token.

    The crowd of tokens is taken for normal with the mean and the standard deviation of the
    logits; noise widens it to ``sqrt(spread**2 + sigma**2)``. Of V tokens one is then expected
    above ``mean + sqrt(spread**2 + sigma**2) * Phi^-1(1 - 1 / V)``. Noise dominates where that
    level reaches the model's own top logit: some token that the model holds for ordinary is
    expected to overtake it. The paper stops early by the logits' mean and standard deviation
    where their spread is small, with a rule that is not known here; this one is our choice.

    :param lead: largest logit less the mean of all, before modulation.
    :param spread: standard deviation of all logits, before modulation.
    :param sigma: of the noise, in the same units.
    :param tokens: V, the size of the vocabulary, 2 or more.
    :return: bool, of the shape of `lead`; False throughout at sigma 0.
    """
    level = torch.special.ndtri(torch.tensor(1 - 1 / tokens, dtype=torch.float64)).item()
    return (lead < level * (spread.square() + sigma * sigma).sqrt()) & (sigma > 0)


class EarlyStop(LogitsProcessor):
    """
    End a text before its first token that noise would choose, see `noise_dominates`.

    It forces the end-of-text token there. Place it before `UtilityModulationProcessor` and
    whatever else changes logits: it goes by those of the model.

    :param sigma: that of the modulation.
    :param end_token: index of the token that ends a text.
    :raises ValueError: `sigma` is out of range.
    """

    def __init__(self, sigma: float, end_token: int):
        self.sigma = _check_sigma(sigma)
        self.end_token = end_token

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return the logits `(B, V)`, those of a row that ends minus infinity but for the end."""
        stop = noise_dominates(*lead_and_spread(scores), self.sigma, scores.shape[1])
        ended = torch.full_like(scores, -math.inf)
        ended[:, self.end_token] = 0
        return torch.where(stop[:, None], ended, scores)


def lead_and_spread(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return how far the largest of `(..., V)` logits is above their mean, and their std."""
    return logits.amax(dim=-1) - logits.mean(dim=-1), logits.std(dim=-1)


class Recorder(LogitsProcessor):
    """
    Keep what the unmodulated model says of each step, while a text is generated.

    Place it first. One recorder serves one call of `generate`.
    """

    def __init__(self):
        self._leads: list[Tensor] = []
        self._spreads: list[Tensor] = []
        self._likelihoods: list[Tensor] = []
        self._before: Tensor | None = None

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Note the step; return the logits `(B, V)` as they are."""
        self._note_token(input_ids)
        lead, spread = lead_and_spread(scores)
        self._leads.append(lead)
        self._spreads.append(spread)
        self._before = scores.log_softmax(dim=-1)
        return scores

    def _note_token(self, sequences: Tensor) -> None:
        """Look up the newest token in the logits that it was chosen from."""
        if self._before is not None:
            self._likelihoods.append(self._before.gather(1, sequences[:, -1:])[:, 0])

    def finish(self, sequences: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """
        Return what was noted, after `generate` has returned `sequences`.

        :return: three tensors `(B, steps)`: log-probability of each generated token under the
            unmodulated model, lead and spread of its logits (see `lead_and_spread`).
        """
        self._note_token(sequences)
        self._before = None
        return tuple(torch.stack(steps, dim=1)
                     for steps in (self._likelihoods, self._leads, self._spreads))


def _check_sigma(sigma: float) -> float:
    if not 0 <= sigma < math.inf:
        raise ValueError(f'sigma must be finite and 0 or larger; got {sigma}')
    return float(sigma)
