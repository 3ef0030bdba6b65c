"""``experiments segmentation``: utility, focus, suppression, flicker and the frontier."""

import argparse

from aim_ros.experiments.cli import new_parser
from aim_ros.experiments.cli import not_negative
from aim_ros.experiments.datasets import add_data_options
from aim_ros.experiments.datasets import open_data
from aim_ros.experiments.logits import add_model_options
from aim_ros.experiments.logits import open_model
from aim_ros.experiments.measurement import FOCUS_SIGMAS
from aim_ros.experiments.measurement import measure
from aim_ros.experiments.measurement import Plan
from aim_ros.experiments.measurement import UTILITY_SIGMAS
from aim_ros.experiments.report import Report
from aim_ros.experiments.segmentation_report import write_findings
from aim_ros.experiments.sweep import Target
from aim_ros.segmentation.labels import LabelSet
from aim_ros.segmentation.labels import UnknownClassError

PAPER_CLASSES = {
    'Person': ('person', 'pedestrian'),
    'Car': ('car',),
    'Tree': ('tree', 'vegetation'),
    'Bicycle': ('bicycle', 'bicyclist'),
    'Bus': ('bus',),
    'Streetlight': ('streetlight', 'street light', 'pole'),
    'Traffic light': ('traffic light', 'signsymbol'),
}
"""The classes of the paper's Table 1, and what stands in for each, nearest first."""

ROLES = ('people', 'two_wheelers', 'vehicles', 'signals')
"""Several classes at once."""

_QUICK_FRAMES = 6


def add_parser(subparsers) -> None:
    """Add the sub-command."""
    parser = new_parser(
        subparsers, 'segmentation',
        "Measure a SegFormer under modulation: the utility curve (the paper's Figure 2), the "
        'focus curves and table (Figure 5, Table 1), suppression, several classes at once, '
        'flicker, and the frontier of accuracy gained against mIoU lost, for each sampling. '
        "Everything is computed at the labels' resolution; accuracy of a class is its recall. "
        'Logits are kept, so that a second run is quick.',
        'experiments segmentation --data ../shared/data/kitti_semantics \\\n'
        '      --list ../shared/data/kitti_semantics/val.txt')
    add_model_options(parser)
    add_data_options(parser)
    parser.add_argument(
        '--classes', nargs='+', metavar='NAME',
        help="classes to focus on, each alone (default: the paper's seven, or the nearest that "
             'the model has, and rider)')
    parser.add_argument(
        '--tolerance', type=not_negative, default=0.005, metavar='SHARE',
        help="mIoU that may be lost, as a share of the unmodulated model's (default: %(default)s)")
    parser.add_argument(
        '--quick', action='store_true',
        help=f'a first look: {_QUICK_FRAMES} frames, two seeds, every other sigma')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Run the sub-command."""
    if arguments.quick:
        arguments.limit = min(arguments.limit or _QUICK_FRAMES, _QUICK_FRAMES)
        arguments.seeds = min(arguments.seeds, 2)
    dataset, model = open_data(arguments), open_model(arguments)
    every = slice(None, None, 2 if arguments.quick else 1)
    plan = Plan(
        targets=choose_targets(model.labels, arguments.classes),
        sigmas=FOCUS_SIGMAS[1 if arguments.quick else 0:][every],
        utility_sigmas=UTILITY_SIGMAS[every],
        seeds=arguments.seeds)
    report = Report(arguments.out, 'Segmentation under modulation')
    counts = measure(dataset, model, plan)
    write_findings(report, counts, plan, model, dataset, arguments.tolerance)
    path = report.write(
        command=arguments.command_line, data=dataset.description,
        seeds=f"0 to {plan.seeds - 1}; a frame's noise is a function of the seed and its name",
        checksums={f'model {arguments.model}': model.checksum, 'data': dataset.checksum()})
    print(path)


def choose_targets(labels: LabelSet, names: list[str] | None) -> tuple[Target, ...]:
    """
    Return what is focused on and suppressed: each class alone both ways, then roles at once.

    :param names: class names or roles; None takes the paper's classes, rider and `ROLES`.
    :raises UnknownClassError: a name is neither a class nor a role of the model.
    """
    if names is not None:
        single = [(name, labels.resolve([name])) for name in names]
        several = []
    else:
        wanted = [*PAPER_CLASSES.values(), ('rider',)]
        found = [_first_known(labels, choices) for choices in wanted]
        single = [(labels.names[ids[0]].split(',')[0], ids) for ids in found if ids]
        several = [(role, ids) for role in ROLES if (ids := _first_known(labels, [role]))]
    return (
        *(Target(name, ids) for name, ids in single),
        *(Target(name, ids) for name, ids in several),
        *(Target(name, ids, -1) for name, ids in single))


def _first_known(labels: LabelSet, choices) -> tuple[int, ...]:
    """Return the ids of the first of some names that the model knows; none if it knows none."""
    for name in choices:
        try:
            return labels.resolve([name])
        except UnknownClassError:
            continue
    return ()
