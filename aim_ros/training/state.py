"""What a run goes on from: weights, their moving average, optimisers and counts, in one file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.optim import Optimizer

from aim_ros.outputs import whole_file

COUNTS = ('step', 'seconds', 'best_figures', 'latest_figures')
"""What a file holds besides weights and optimisers, as plain data."""


def save(path: Path, model: torch.nn.Module, ema: torch.nn.Module,
         optimizers: Sequence[Optimizer], counts: dict[str, Any]) -> None:
    """
    Write a state; a run that is killed while writing keeps the state before.

    :param ema: the moving average of `model`.
    :param counts: a value for each of `COUNTS`.
    """
    with whole_file(path) as partial:
        torch.save({'model': model.state_dict(), 'ema': ema.state_dict(),
                    'optimizers': [optimizer.state_dict() for optimizer in optimizers],
                    **{name: counts[name] for name in COUNTS}}, partial)


def load(path: Path, model: torch.nn.Module, ema: torch.nn.Module,
         optimizers: Sequence[Optimizer]) -> dict[str, Any]:
    """
    Read a state into the modules and optimisers of a run, and return its `COUNTS`.

    Rates and decay of the optimisers stay as they are: the configuration's, which may have
    changed since.

    :raises ValueError: it is another version's, another network's or another optimiser's.
    """
    # To the CPU: the optimiser's step counts stay where they are read to, and it asks for
    # each of them in every step.
    state = torch.load(path, map_location='cpu', weights_only=True)
    if state.keys() != {'model', 'ema', 'optimizers', *COUNTS}:
        raise ValueError(f'{path} is from another version of this tool: choose another folder')
    if len(state['optimizers']) != len(optimizers):
        had = 'with' if len(state['optimizers']) > 1 else 'without'
        raise ValueError(f'{path.parent} holds a run {had} Muon: set train.muon as it was, or '
                         'choose another folder')
    try:
        model.load_state_dict(state['model'])
        ema.load_state_dict(state['ema'])
    except RuntimeError as error:
        raise ValueError(f'{path.parent} holds a run of another network: set model.size '
                         'as it was, or choose another folder') from error
    for optimizer, stored in zip(optimizers, state['optimizers'], strict=True):
        chosen = [{k: group[k] for k in ('factor', 'weight_decay')}
                  for group in optimizer.param_groups]
        optimizer.load_state_dict(stored)
        for group, values in zip(optimizer.param_groups, chosen, strict=True):
            group.update(values)
    return {name: state[name] for name in COUNTS}
