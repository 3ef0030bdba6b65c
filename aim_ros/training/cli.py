r"""
Train, measure and pack for the SegFormer checkpoints of this package.

    python -m aim_ros.training street                        # renders the street's frames, once
    python -m aim_ros.training teacher                       # computes what the teacher sees, once
    python -m aim_ros.training train --out runs/b0           # learns from labels and teacher
    python -m aim_ros.training evaluate runs/b0/best --list config/training/kitti_report.txt
    python -m aim_ros.training evaluate teacher --list config/training/kitti_report.txt
    python -m aim_ros.training calibrate models/segformer-b0-street --write
    python -m aim_ros.training pack training.zip
    python -m aim_ros.training overlay models/segformer-b0-street IMAGE... --out overlays

On a CPU, one process a core is the fastest:

    OMP_NUM_THREADS=1 torchrun --nproc-per-node 2 -m aim_ros.training train --out runs/b0

A run goes on where its folder stopped, and its first line says from which step and minute. The
rate stays high until a run is asked to end. To see what a run has come to, end a copy of its
folder in a few hundred steps:

    cp -r runs/b0 runs/b0_end   # at step 4000
    python -m aim_ros.training --set train.steps=4500 --set train.decay_steps=500 \
        train --out runs/b0_end

A run that has ended goes on likewise, with other settings. train.steps and train.minutes count
from the first step of all, so give more than it has; last.pt holds all that it goes on from.
Without the folder `best`, the best checkpoint is chosen anew, as it has to be where what it is
chosen by changes. For instance with larger crops, for an hour behind 90 minutes:

    mkdir runs/b0_large && cp runs/b0/last.pt runs/b0_large
    python -m aim_ros.training --set train.minutes=150 --set 'augment.crop=[256, 416]' \
        train --out runs/b0_large

Only train.muon and the size of the network must stay. To begin a new run from its weights alone,
give `--set model.start=runs/b0/best` and a new folder.

With a GPU, pack the frames here, copy the file and the teacher's folder there, and render the
street there. The crops are then made, and the teacher runs, on the GPU:

    python -m aim_ros.training pack training.zip
    python -m aim_ros.training --config config/training/gpu.yaml street
    python -m aim_ros.training --config config/training/gpu.yaml --set data.packed=training.zip \
        --set teacher.weights=efficientvit-b0-cityscapes --set train.minutes=60 \
        train --out runs/b0

A larger network begins from random weights:

    python -m aim_ros.training --config config/training/gpu.yaml --set data.packed=training.zip \
        --set model.size=b2 --set model.start=null train --out runs/b2

Settings come from a YAML file (config/training/segformer.yaml); `--set train.steps=100` changes
one, `--set data.computed=null` learns from the labels alone.
"""

import argparse
from collections.abc import Sequence
import dataclasses
import json
import os
from pathlib import Path
import re
import sys

from aim_ros.openmp import yield_while_waiting
from aim_ros.plain_data import parse_json
from aim_ros.plain_data import shortened
from aim_ros.resources import share_directory
from aim_ros.training import config as configs

TEACHER = 'teacher'  # in place of a checkpoint
_CHECKPOINT = 'a folder, or the name of a model that ships'


def _size(text):
    found = re.fullmatch(r'([1-9]\d*)x([1-9]\d*)', text)
    if not found:
        raise argparse.ArgumentTypeError(
            f'{text!r}: HEIGHTxWIDTH of the network is wanted, in pixels, as in 256x832')
    return int(found[1]), int(found[2])


def _predictors(checkpoint, config, sizes):
    """Return, for each network input size, its name and what gives a frame's logits."""
    from aim_ros.segmentation.engine import choose_device
    from aim_ros.training import metrics
    from aim_ros.training import model as networks

    if checkpoint == TEACHER:
        from aim_ros.training import teacher as teachers

        zoom = config.data.validation.teacher_zoom
        known = teachers.Teacher(config.teacher.weights, config.train.threads)
        return {f'enlarged {zoom:g} times': teachers.predictor(known, zoom)}
    network = networks.build(configs.ModelConfig(start=str(checkpoint))).eval()
    network.to(choose_device(config.train.device))
    return {f'{height}x{width}': metrics.predictor(
        network, networks.processor((height, width)), (height, width))
        for height, width in sizes}


def _temperature(checkpoint):
    if checkpoint == TEACHER:
        return 1.0
    from aim_ros.segmentation.description import positive_number

    # Read from the file: transformers takes it for a setting of text generation and drops it.
    path = Path(checkpoint) / 'config.json'
    return positive_number(_read_json(path).get('temperature', 1.0), 'temperature', str(path))


def _read_json(path):
    try:
        content = parse_json(path.read_text())
    except ValueError as error:
        raise ValueError(f'{path} {error}') from error
    if not isinstance(content, dict):
        raise ValueError(f'{path} is {shortened(content)}, and no object')
    return content


def street(options: argparse.Namespace, config: configs.Config) -> None:
    """Render the street's training frames into data.street.folder."""
    from aim_ros.training import data

    data.render_street(config.data.street)


def teacher(options: argparse.Namespace, config: configs.Config) -> None:
    """Compute what the teacher sees in every frame into data.computed."""
    from aim_ros.training import teacher as teachers

    teachers.compute(config)


def train(options: argparse.Namespace, config: configs.Config) -> None:
    """Train in a folder, from its saved state if it has one."""
    import torch

    from aim_ros.training.loop import Trainer

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision('high')  # on a GPU: products of TF32 are as good here
    try:
        trainer = Trainer(config, options.out)
        done = trainer.run(stop_after=options.stop_after)
    finally:
        torch.set_float32_matmul_precision(before)
    if trainer.rank == 0:
        print('finished' if done else 'stopped; the same command goes on from here')


def evaluate(options: argparse.Namespace, config: configs.Config) -> None:
    """Print the figures of a checkpoint, or of `teacher`, on the validation frames."""
    from rich import print

    from aim_ros.training import data
    from aim_ros.training import metrics
    from aim_ros.training import objects

    validation = config.data.validation
    if options.list:
        validation = dataclasses.replace(validation, only=options.list)
    frames = data.load_validation(
        dataclasses.replace(config.data, validation=validation)).frames
    temperature, results = _temperature(options.checkpoint), {}
    for size, predict in _predictors(options.checkpoint, config, options.sizes).items():
        calibration = metrics.Calibration((1.0, temperature))
        found = objects.ObjectFigures()
        figures = metrics.evaluate(predict, frames, (calibration, found))
        results[size] = {
            **figures.as_dict(), **calibration.as_dict(), 'objects': found.as_dict()}
        title = f'{options.checkpoint}, {len(frames)} frames, {size}'
        print(metrics.table(figures, calibration, title))
        print(found.table(title))
        before, after = calibration.errors()
        print(f"expected calibration error {before:.4f}; {after:.4f} at the checkpoint's "
              f'temperature {temperature:.3f}\n')
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1))


def calibrate(options: argparse.Namespace, config: configs.Config) -> None:
    """Fit one temperature on the frames to choose by; store it only where it helps."""
    from aim_ros.training import data
    from aim_ros.training import metrics

    grid = tuple(round(0.5 + 0.05 * i, 2) for i in range(51))
    errors = []
    for source in data.load_choice(config.data):
        size = source.settings.input_size or options.size
        (predict,) = _predictors(options.checkpoint, config, [size]).values()
        calibration = metrics.Calibration(grid)
        metrics.evaluate(predict, source.frames, [calibration])
        errors.append(calibration.errors())
        print(f'{source.settings.name}: least at temperature {grid[errors[-1].argmin()]}')
    mean = sum(errors) / len(errors)  # every source counts alike
    best, before = int(mean.argmin()), mean[grid.index(1.0)]
    print(f'expected calibration error {before:.4f} at temperature 1, {mean[best]:.4f} at '
          f'{grid[best]}')
    if options.write and mean[best] < before:
        path = Path(options.checkpoint) / 'config.json'
        stored = _read_json(path)
        stored['temperature'] = grid[best]
        path.write_text(json.dumps(stored, indent=2, sort_keys=True) + '\n')
        print(f'stored in {path}')


def pack(options: argparse.Namespace, config: configs.Config) -> None:
    """Write the frames to train on, to choose by and to measure on as one file."""
    from aim_ros.training import data
    from aim_ros.training import packing

    bare = dataclasses.replace(config.data, packed=None,
                               street=dataclasses.replace(config.data.street, share=0.0))
    choice = data.load_choice(bare) if bare.choice else ()
    packed = packing.Packed(tuple(data.load_training(bare)), data.load_validation(bare),
                            tuple(choice))
    size = packing.write_packed(options.file, packed, quality=options.quality)
    print(f'{options.file}: {size / 2**20:.1f} MiB')


def overlay(options: argparse.Namespace, config: configs.Config) -> None:
    """Draw a checkpoint's masks over images."""
    from aim_ros.training import overlays

    (predict,) = _predictors(options.checkpoint, config, [options.size]).values()
    for path in options.images:
        target = Path(options.out) / f'{Path(path).stem}.png'
        overlays.draw_file(predict, path, target)
        print(target)


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    result = argparse.ArgumentParser(
        prog='train', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example:\n  ros2 run aim_ros train evaluate segformer-b0-street')
    result.add_argument(
        '--config', default=share_directory() / 'config' / 'training' / 'segformer.yaml',
        help='YAML file of settings (default: %(default)s)')
    result.add_argument('--set', action='append', default=[], metavar='KEY=VALUE',
                        help='change a setting of it, as in train.steps=100; may be repeated')
    commands = result.add_subparsers(dest='command', required=True)

    item = commands.add_parser('street', help=street.__doc__)
    item.set_defaults(run=street)

    item = commands.add_parser('teacher', help=teacher.__doc__)
    item.set_defaults(run=teacher)

    item = commands.add_parser('train', help=train.__doc__)
    item.add_argument('--out', required=True, help='folder of the run: state, log, best')
    item.add_argument('--stop-after', type=int, help='stop after so many steps')
    item.set_defaults(run=train)

    item = commands.add_parser('evaluate', help=evaluate.__doc__)
    item.add_argument('checkpoint', help=f'{_CHECKPOINT}; {TEACHER!r}: the teacher')
    item.add_argument('--sizes', type=_size, nargs='+', default=[(192, 640), (384, 1248)],
                      metavar='HEIGHTxWIDTH', help='of the network (192x640 384x1248)')
    item.add_argument('--list', help='names of the frames, one a line; default: the validation')
    item.add_argument('--json', help='also write the figures to this file')
    item.set_defaults(run=evaluate)

    item = commands.add_parser('calibrate', help=calibrate.__doc__)
    item.add_argument('checkpoint', help=_CHECKPOINT)
    item.add_argument('--size', type=_size, default=(192, 640), metavar='HEIGHTxWIDTH',
                      help='of the network (192x640)')
    item.add_argument('--write', action='store_true', help='store the temperature if it helps')
    item.set_defaults(run=calibrate)

    item = commands.add_parser('pack', help=pack.__doc__)
    item.add_argument('file')
    item.add_argument('--quality', type=int, default=85)
    item.set_defaults(run=pack)

    item = commands.add_parser('overlay', help=overlay.__doc__)
    item.add_argument('checkpoint', help=_CHECKPOINT)
    item.add_argument('images', nargs='+')
    item.add_argument('--out', required=True)
    item.add_argument('--size', type=_size, default=(192, 640), metavar='HEIGHTxWIDTH',
                      help='of the network (192x640)')
    item.set_defaults(run=overlay)
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    options = parser().parse_args(arguments)
    yield_while_waiting(os.environ)
    # Takes seconds to import, for which nobody who asks for help should wait.
    from aim_ros.segmentation.checkpoint import find_checkpoint
    from aim_ros.segmentation.description import ModelError

    try:
        if getattr(options, 'checkpoint', TEACHER) != TEACHER:
            options.checkpoint = find_checkpoint(options.checkpoint)
        options.run(options, configs.load(options.config, options.set))
    # What is wrong with settings, devices, folders and files.
    except (ModelError, OSError, ValueError) as error:
        print(f'train: {error}', file=sys.stderr)
        return 1
    return 0

