"""The batches of a run: from a loader's processes, or drawn on the device."""

from collections.abc import Iterable
from typing import Any

import torch
from torch.utils.data import DataLoader

from aim_ros.training import processes as sharing
from aim_ros.training.config import Config
from aim_ros.training.sources import Source


def teaches(config: Config) -> bool:
    """Return whether crops come with what a teacher sees in them."""
    return bool(config.teacher.weight and (config.data.computed or config.augment.on_device))


def batches_of(config: Config, sources: list[Source], step: int, device: torch.device,
               layout: torch.memory_format, *, rank: int = 0, processes: int = 1
               ) -> Iterable[dict]:
    """
    Return one process's share of the batches of a run, from a step to the last.

    :param layout: of the teacher in memory.
    :param rank: of the process, of so many `processes`.
    """
    share = config.train.batch // processes
    if config.augment.on_device:
        return _drawn(config, sources, step, device, layout, rank, share)
    return _loader(config, sources, step, device, rank, share)


def _drawn(config: Config, sources: list[Source], step: int, device: torch.device,
           layout: torch.memory_format, rank: int, share: int) -> Iterable[dict]:
    # Kornia, which it colours crops with, is needed by nothing else here.
    from aim_ros.training import efficientvit
    from aim_ros.training.device_crops import DeviceCrops

    teacher = None
    if teaches(config):
        network = efficientvit.load(config.teacher.weights)
        teacher = efficientvit.Probabilities(network).to(device, memory_format=layout)
    # Of several processes each draws its own share.
    crops = DeviceCrops(sources, config.augment, config.train.seed + 1_000_003 * rank, share,
                        device, teacher=teacher, zoom=config.teacher.zoom)
    return map(crops, range(step, config.train.steps))


def _loader(config: Config, sources: list[Source], step: int, device: torch.device, rank: int,
            share: int) -> DataLoader:
    from aim_ros.training.augment import CropDataset

    settings = config.train
    crops = CropDataset(sources, config.augment, settings.seed, settings.steps * settings.batch,
                        **_teaching(config))
    remaining = sharing.Items(step, settings.steps, settings.batch, rank * share, share)
    return DataLoader(crops, share, sampler=remaining,
                      num_workers=settings.workers, worker_init_fn=sharing.ignore_signals,
                      pin_memory=device.type == 'cuda')


def _teaching(config: Config) -> dict[str, Any]:
    """Return what a teacher sees in blends of crops, and how large, if there are any."""
    if not (config.augment.mixup_probability and config.data.computed):
        return {}
    # OpenVINO, which it runs on, is needed by nothing else here.
    from aim_ros.training.teacher import CropTeacher

    threads = config.train.threads or torch.get_num_threads()
    return {'zoom': config.teacher.zoom, 'teacher': CropTeacher(
        config.teacher.weights, config.teacher.zoom, config.augment.crop, threads)}
