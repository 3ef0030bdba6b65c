"""``experiments calibrate``: sigma for a driver profile, chosen by measurement."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
import textwrap
from typing import NamedTuple

import numpy as np
import torch
import yaml

from aim_ros.decoding.limit import changed_share
from aim_ros.decoding.limit import limit_sigma
from aim_ros.experiments.alerts_replay import REQUIRED
from aim_ros.experiments.cache import array_checksum
from aim_ros.experiments.cache import checksum
from aim_ros.experiments.calibration import believed_accuracy
from aim_ros.experiments.calibration import COARSE
from aim_ros.experiments.calibration import FINE
from aim_ros.experiments.calibration import LabelledSearch
from aim_ros.experiments.calibration import largest_sigma
from aim_ros.experiments.cli import above_zero
from aim_ros.experiments.cli import new_parser
from aim_ros.experiments.cli import not_negative
from aim_ros.experiments.cli import positive
from aim_ros.experiments.datasets import add_data_options
from aim_ros.experiments.datasets import open_data
from aim_ros.experiments.datasets import spread
from aim_ros.experiments.emphasis import collect
from aim_ros.experiments.emphasis import fit
from aim_ros.experiments.errors import ExperimentError
from aim_ros.experiments.examples import draw_modulations
from aim_ros.experiments.logits import add_model_options
from aim_ros.experiments.logits import CachedSegmenter
from aim_ros.experiments.logits import open_model
from aim_ros.experiments.parallel import each
from aim_ros.experiments.plots import plot_curves
from aim_ros.experiments.plots import Series
from aim_ros.experiments.report import format_cell
from aim_ros.experiments.report import Report
from aim_ros.experiments.report import Row
from aim_ros.hazards.alerts import AlertSettings
from aim_ros.hazards.emphasis_filter import EmphasisFilter
from aim_ros.hazards.emphasis_filter import MEASURES
from aim_ros.imaging.frame import Frame
from aim_ros.media.sources import open_source
from aim_ros.modulation import Modulation
from aim_ros.modulation import SAMPLINGS
from aim_ros.perception.profiles import DriverProfile
from aim_ros.perception.profiles import load_profiles
from aim_ros.resources import share_directory
from aim_ros.segmentation.fingerprint import fingerprint
from aim_ros.segmentation.labels import LabelSet

_CURVE_POINTS = 21
_EXAMPLES = 2


class _Calibrated(NamedTuple):
    """A sigma, the evidence for it in sentences, what it was found on, and images to show."""

    sigma: float
    evidence: list[str]
    data: str
    data_checksum: str
    examples: list[tuple[str, Frame]]


def add_parser(subparsers) -> None:
    """Add the sub-command."""
    parser = new_parser(
        subparsers, 'calibrate',
        'Choose sigma for a driver profile and write the profile, with the evidence in comments. '
        'With labels: the largest sigma whose mIoU stays within a tolerance of the unmodulated '
        "model's. Without labels: the largest sigma whose expected share of changed pixels, "
        'computed from the gaps between the logits, stays within a budget.',
        'experiments calibrate --profile defensive --data ../shared/data/kitti_semantics \\\n'
        '      --list ../shared/data/kitti_semantics/val.txt\n'
        '  experiments calibrate --classes people --source ../shared/data/kitti_raw/seq_a '
        '--budget 0.01')
    add_model_options(parser)
    profile = parser.add_mutually_exclusive_group(required=True)
    profile.add_argument('--profile', help='a profile of --profiles-file')
    profile.add_argument(
        '--classes', nargs='+', metavar='NAME', help='classes or roles to focus on')
    parser.add_argument(
        '--profiles-file', type=Path, metavar='FILE',
        help='where --profile is read from (default: the one that ships)')
    parser.add_argument(
        '--sampling', choices=SAMPLINGS, help="default: the profile's, else expected")
    parser.add_argument(
        '--max-sigma', type=above_zero, default=4.0, metavar='S',
        help='the largest sigma that is considered, in logits (default: %(default)s)')
    labelled = parser.add_argument_group('with labels')
    add_data_options(labelled, required=False)
    labelled.add_argument(
        '--tolerance', type=not_negative, default=0.005, metavar='SHARE',
        help="mIoU that may be lost, relative to the unmodulated model's: 0.005 lets a mIoU of "
             '40 %% fall to 39.8 %% (default: %(default)s)')
    unlabelled = parser.add_argument_group('without labels')
    unlabelled.add_argument(
        '--source', metavar='PATH', help='a folder of images, a KITTI drive or a rosbag2 folder')
    unlabelled.add_argument(
        '--budget', type=float, default=0.01, metavar='SHARE',
        help='share of the pixels that may change, the mean over the frames '
             '(default: %(default)s)')
    unlabelled.add_argument(
        '--frames', type=positive, default=50, metavar='N',
        help='use at most N frames, spread evenly (default: %(default)s)')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Run the sub-command."""
    if (arguments.data is None) == (arguments.source is None):
        raise ExperimentError('give either --data (labelled images) or --source (frames)')
    profile = _profile(arguments)
    model = open_model(arguments)
    mistake = profile.mistake(model.labels)
    if mistake:
        raise ExperimentError(mistake)
    modulation = Modulation(profile.signs(model.labels), arguments.max_sigma, profile.sampling)
    if not modulation.focuses:
        raise ExperimentError(
            f'profile {profile.name!r} focuses on nothing; give one with focus.classes')
    report = Report(arguments.out, f'Sigma for the profile {profile.name}')
    max_changed = 1.0 if profile.max_changed is None else profile.max_changed
    sigma, evidence, data, data_checksum, examples = (
        _with_labels(arguments, model, modulation, max_changed, report) if arguments.data
        else _without_labels(arguments, model, modulation, report))
    emphasis_filter = None
    if arguments.data:
        emphasis_filter, sentence = _fit_filter(
            arguments, model, replace(modulation, sigma=sigma), report)
        evidence = [*evidence, sentence]
    report.heading('Examples')
    for name, frame in examples:
        report.picture(
            f'example_{name}',
            draw_modulations(frame, model.logits(frame), model.labels, {
                f'{profile.name}, sigma {sigma:g}': replace(modulation, sigma=sigma)}, key=0),
            f'{name}: what changed has a white edge')
    path = report.folder / 'profile.yaml'
    path.write_text(profile_yaml(replace(profile, sigma=sigma), [
        f'{arguments.command_line}', f'Model {arguments.model}, sha256 {model.checksum}.',
        f'Data: {data}, sha256 {data_checksum}.', *evidence], emphasis_filter), encoding='utf-8')
    report.heading('The profile')
    report.paragraph(f'Written to {path}: start the node with profiles_file:={path}.')
    report.preformatted(path.read_text(encoding='utf-8'))
    html = report.write(
        command=arguments.command_line, data=data, seeds=_drawn(arguments, modulation),
        checksums={f'model {arguments.model}': model.checksum, 'data': data_checksum})
    print(f'sigma {sigma:g}', *evidence, path, html, sep='\n')


def _drawn(arguments: argparse.Namespace, modulation: Modulation) -> str | None:
    """Return the seeds of what was drawn, in words."""
    if modulation.sampling != 'pixel':
        return None
    return f'0 to {arguments.seeds - 1}' if arguments.data else '0, for the examples'


def _fit_filter(arguments: argparse.Namespace, model: CachedSegmenter, modulation: Modulation,
                report: Report) -> tuple[EmphasisFilter | None, str]:
    """Fit the filter for road users that only the modulation sees, and say how good it is."""
    class_ids = model.labels.resolve(REQUIRED)
    examples = collect(open_data(arguments), model, modulation, class_ids,
                       AlertSettings(class_ids).min_area)
    emphasis_filter, sentence = fit(examples, fingerprint(arguments.model) or '')
    report.heading('The filter for emphasised road users')
    report.paragraph(sentence)
    if emphasis_filter is not None:
        report.table('emphasis_filter', [
            {'measure': name, 'weight': weight} for name, weight in zip(
                MEASURES, emphasis_filter.weights, strict=True)], 'Its weights')
    return emphasis_filter, sentence


def _profile(arguments: argparse.Namespace) -> DriverProfile:
    """Return the profile whose sigma is looked for."""
    if arguments.profile:
        file = arguments.profiles_file or share_directory() / 'config' / 'profiles.yaml'
        profile = load_profiles(file).get(arguments.profile)
    else:
        profile = DriverProfile('calibrated', focus_classes=tuple(arguments.classes))
    return replace(profile, sampling=arguments.sampling or profile.sampling)


def profile_yaml(profile: DriverProfile, evidence: Sequence[str],
                 emphasis_filter: EmphasisFilter | None = None) -> str:
    """
    Return a profile file with one profile, and neutral to start with, evidence as comments.

    :param emphasis_filter: is written too, if there is one.
    """
    focus = {'classes': list(profile.focus_classes), 'sigma': profile.sigma,
             'sampling': profile.sampling}
    if profile.suppress_classes:
        focus['suppress_classes'] = list(profile.suppress_classes)
    if profile.max_changed is not None:
        focus['max_changed'] = profile.max_changed
    body = {'description': profile.description, 'focus': focus}
    if profile.alerts:
        body['alerts'] = {key: list(value) if isinstance(value, tuple) else value
                          for key, value in profile.alerts.items()}
    neutral = {'description': 'The network as it was trained, without modulation.'}
    profiles = {'profiles': {'neutral': neutral, profile.name: body}}
    if emphasis_filter is not None:
        profiles['emphasis_filter'] = {
            'weights': list(emphasis_filter.weights), 'bias': emphasis_filter.bias,
            'threshold': emphasis_filter.threshold, 'model': emphasis_filter.model}
    comments = [line for paragraph in evidence
                for line in textwrap.wrap(paragraph, 95, break_long_words=False)]
    return ''.join(f'# {line}\n' for line in comments) + yaml.safe_dump(
        profiles, sort_keys=False, allow_unicode=True, width=95)


def _groups(modulation: Modulation, labels: LabelSet) -> dict[str, list[int]]:
    """Return the class ids of each target alone, by its name."""
    return {labels.names[class_id]: [class_id] for class_id, _ in modulation.signs}


def _with_labels(arguments: argparse.Namespace, model: CachedSegmenter, modulation: Modulation,
                 max_changed: float, report: Report) -> _Calibrated:
    """Find the sigma at which mIoU is at the tolerance."""
    dataset = open_data(arguments)
    search = LabelledSearch(dataset, model, modulation, arguments.seeds, max_changed)
    before = search.figures(0.0)
    sigma = largest_sigma(
        lambda sigma: search.loss(sigma) <= arguments.tolerance, arguments.max_sigma)
    after = search.figures(sigma)
    evidence = [
        f'Sigma {sigma:g} is the largest up to {arguments.max_sigma:g}, in steps of {COARSE:g} '
        f'refined to {FINE:g}, up to which mIoU stays within {100 * arguments.tolerance:g} % '
        "(relative) of the unmodulated model's: "
        f'{100 * before.miou.mean():.2f} % becomes {100 * after.miou.mean():.2f} %.']
    rows = []
    for name, ids in _groups(modulation, model.labels).items():
        old, new = before.of(ids), after.of(ids)
        row: Row = {'class': name, 'pixels': int(before.confusion[0][ids].sum())}
        for figure in ('accuracy', 'precision', 'iou'):
            row[f'{figure} %'] = 100 * getattr(old, figure).mean()
            row[f'{figure} % at sigma'] = 100 * getattr(new, figure).mean()
        rows.append(row)
        evidence.append(
            f"On these frames, of {name} ({row['pixels']:,} labelled pixels), in %: " + ', '.join(
                f"{figure} {format_cell(row[f'{figure} %'], 1)} to "
                f"{format_cell(row[f'{figure} % at sigma'], 1)}"
                for figure in ('accuracy', 'precision', 'iou')) + '.')
    for line in evidence:
        report.paragraph(line)
    sigmas = np.array(search.sigmas)
    report.figure('loss', plot_curves(
        [Series('measured', sigmas, np.array([100 * search.loss(s) for s in sigmas]))],
        x_label='sigma of the focus (logits)', y_label='mIoU lost (% of the unmodulated mIoU)',
        references={'tolerance': 100 * arguments.tolerance}), 'The search')
    report.table('targets', rows, f'The targets at sigma {sigma:g}', digits=2)
    examples = [(sample.name, sample.frame()) for sample in spread(dataset.samples, _EXAMPLES)]
    return _Calibrated(sigma, evidence, dataset.description, dataset.checksum(), examples)


def _without_labels(arguments: argparse.Namespace, model: CachedSegmenter,
                    modulation: Modulation, report: Report) -> _Calibrated:
    """Find the sigma at which the budget is spent."""
    if not 0 < arguments.budget < 1:
        raise ExperimentError(f'--budget must be between 0 and 1, got {arguments.budget}')
    source = open_source(arguments.source)
    every = max(1, -(-len(source) // arguments.frames))
    frames = list(source.frames(every=every))
    grids = [torch.from_numpy(grid) for grid in each(model.logits, frames, 'frames')]
    # One wide grid: its share is the mean over the frames, all of which have as many cells. A gate
    # opens across the seams, by one column of each frame at most.
    logits = torch.cat(grids, dim=2)
    sigma = limit_sigma(logits, modulation, arguments.budget)
    chosen = replace(modulation, sigma=sigma)
    shares = [changed_share(grid, chosen) for grid in grids]
    evidence = [
        f'Sigma {sigma:g} is the largest (up to {arguments.max_sigma:g}) whose expected share of '
        f'changed pixels stays within {100 * arguments.budget:g} %, the mean over '
        f'{len(grids)} frames; single frames: {100 * min(shares):.2f} to {100 * max(shares):.2f} '
        '%. No labels were used, so nothing is known of mIoU.']
    groups = _groups(modulation, model.labels)
    old = believed_accuracy(logits, replace(modulation, sigma=0.0), model.temperature, groups)
    new = believed_accuracy(logits, chosen, model.temperature, groups)
    rows = [{'class': name, 'believed accuracy %': 100 * old[name],
             'believed accuracy % at sigma': 100 * new[name]} for name in groups]
    evidence += [
        f'Expect of {name}, as far as the softmax of the model can be believed: accuracy '
        f'{100 * old[name]:.1f} to {100 * new[name]:.1f} %.' for name in groups]
    for line in evidence:
        report.paragraph(line)
    sigmas = np.linspace(0, arguments.max_sigma, _CURVE_POINTS)
    report.figure('share', plot_curves(
        [Series('expected', sigmas, np.array([
            100 * changed_share(logits, replace(modulation, sigma=s)) for s in sigmas]))],
        x_label='sigma of the focus (logits)', y_label='changed pixels (%)',
        references={'budget': 100 * arguments.budget}), 'The budget')
    report.table('targets', rows, f'The targets at sigma {sigma:g}', digits=2)
    data = f'{len(grids)} of the {len(source)} frames of {source.name}'
    examples = [(str(index * every), frames[index])
                for index in spread(range(len(frames)), _EXAMPLES)]
    return _Calibrated(
        sigma, evidence, data, checksum([array_checksum(frame.image) for frame in frames]),
        examples)
