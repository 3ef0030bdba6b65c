"""How weights move: the rate of each step, and the optimizer of each kind of parameter."""

from functools import partial

import torch

from aim_ros.training.config import TrainConfig

_muon = partial(torch.optim.Muon, adjust_lr_fn='match_rms_adamw')


def learning_rate(step: int, progress: float, settings: TrainConfig) -> float:
    """
    Return the rate of a step: warm-up, then constant, then polynomial decay to 0.

    :param step: steps done.
    :param progress: the share of the run that is done, 0..1.
    """
    decay = (settings.decay_steps or settings.steps) / settings.steps
    left = min(1.0, max(0.0, 1 - progress) / decay)
    return settings.lr * min(1.0, (step + 1) / max(1, settings.warmup)) * left ** settings.power


def optimizers(model: torch.nn.Module, settings: TrainConfig) -> list[torch.optim.Optimizer]:
    """
    Return AdamW, without decay of norms and biases, and Muon for matrices if it is chosen.

    Their groups' `factor` gives the head its own rate. Muon (Jordan et al. 2024) makes every
    direction of a matrix learn alike; its steps are scaled to AdamW's (Liu et al. 2025), so both
    share a rate.
    """
    groups = {}
    for name, parameter in model.named_parameters():
        head = not name.startswith('segformer.')
        make = _muon if settings.muon and parameter.ndim == 2 else torch.optim.AdamW
        groups.setdefault(make, {}).setdefault((head, parameter.ndim > 1), []).append(parameter)
    return [
        make([
            {'params': parameters, 'factor': settings.head_lr_factor if head else 1.0,
             'weight_decay': settings.weight_decay if decayed else 0.0}
            for (head, decayed), parameters in chosen.items()
        ], lr=settings.lr)
        for make, chosen in groups.items()
    ]
