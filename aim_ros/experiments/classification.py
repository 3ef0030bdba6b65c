"""``experiments classification``: utility of an image classifier against sigma, and the theory."""

import argparse
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure
import numpy as np
import torch
from torch import Tensor

from aim_ros.experiments.cache import ArrayCache
from aim_ros.experiments.classifiers import class_indices
from aim_ros.experiments.classifiers import Classifier
from aim_ros.experiments.classifiers import LabelledImages
from aim_ros.experiments.classifiers import load_classifier
from aim_ros.experiments.classifiers import load_images
from aim_ros.experiments.cli import above_zero
from aim_ros.experiments.cli import new_parser
from aim_ros.experiments.cli import positive
from aim_ros.experiments.plots import plot_curves
from aim_ros.experiments.plots import Series
from aim_ros.experiments.plots import SIGMA_AXIS
from aim_ros.experiments.predictions import class_on_top_probability
from aim_ros.experiments.progress import progress_bar
from aim_ros.experiments.report import Report
from aim_ros.experiments.report import Row
from aim_ros.experiments.statistics import Interval
from aim_ros.experiments.statistics import mean_interval
from aim_ros.modulation import order_preserved_probability
from aim_ros.modulation import top1_preserved_probability
from aim_ros.modulation import utility_modulation
from aim_ros.segmentation.engine import choose_device

PAPER = {0.0: 94.37, 20.0: 20.00}
"""The paper's accuracy (%) by sigma: ResNet-56 on the 10,000 test images of CIFAR-10."""

_EXAMPLE_SIGMAS = (0.0, 5.0, 20.0)


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command `classification`."""
    parser = new_parser(
        subparsers, 'classification',
        'Accuracy of an image classifier against the sigma of utility modulation, and over it '
        'the curves that theory predicts from the unmodulated logits alone.',
        'experiments classification --model resnet56_cifar10.safetensors --images test_2000.npz',
        seeds=20)
    parser.add_argument(
        '--model', required=True, metavar='MODEL',
        help='safetensors file of a CIFAR ResNet, or a folder or an id of a Hugging Face image '
             'classifier')
    parser.add_argument(
        '--images', required=True, type=Path, metavar='PATH',
        help='a folder with a subfolder for each class, or a .npz with images and labels')
    parser.add_argument('--limit', type=positive, metavar='N', help='take N of the images')
    parser.add_argument(
        '--sigma-max', type=above_zero, default=20.0, metavar='S',
        help='the largest sigma, in units of the logits (default: %(default)s)')
    parser.add_argument(
        '--points', type=positive, default=51, metavar='N',
        help='number of sigmas from 0 to the largest (default: %(default)s)')
    parser.add_argument(
        '--batch', type=positive, default=100, metavar='N',
        help='images that go through the network together (default: %(default)s)')
    parser.set_defaults(run=run)


@dataclass(frozen=True)
class UtilityCurve:
    """
    Accuracy against sigma, measured and predicted; all in %, one value for each sigma.

    :param accuracy: measured, over seeds.
    :param kept: share of images whose prediction noise left as it was, measured, over seeds.
    :param accuracy_expected: exact expectation: how often the true class ends on top.
    :param kept_expected: exact expectation of `kept`.
    :param order: Theorem 1's product: how often the order of all classes is kept.
    :param accuracy_theorem1: share of images that are right without noise and keep their whole
        order by Theorem 1's product: what the theorem alone promises.
    """

    sigmas: np.ndarray
    accuracy: Interval
    kept: Interval
    accuracy_expected: np.ndarray
    kept_expected: np.ndarray
    order: np.ndarray
    accuracy_theorem1: np.ndarray


def measure_utility(
    logits: Tensor,
    labels: Tensor,
    sigmas: Sequence[float],
    seeds: Sequence[int],
    advance: Callable[[], object] = lambda: None,
) -> UtilityCurve:
    """
    Draw and predict the utility curve of a classifier.

    The draws of one seed are the same for every sigma but for their scale, so that a curve is
    smooth, and its error in one point much like that in the next.

    :param logits: float `(N, C)`, unmodulated.
    :param labels: int64 `(N,)`, the true classes.
    :param sigmas: standard deviations, 0 or larger, in units of the logits.
    :param seeds: keys of the noise, one repetition each.
    :param advance: called after each sigma.
    """
    before = logits.argmax(dim=-1)
    right = (before == labels).double()
    accuracy, kept, theory = [], [], []
    for sigma in sigmas:
        after = torch.stack([utility_modulation(logits, sigma, dim=-1, key=seed).argmax(dim=-1)
                             for seed in seeds])
        accuracy.append(_percent(after == labels))
        kept.append(_percent(after == before))
        order = order_preserved_probability(logits, sigma)
        theory.append([_percent(probability) for probability in (
            class_on_top_probability(logits, labels, sigma),
            top1_preserved_probability(logits, sigma),
            order,
            right * order)])
        advance()
    return UtilityCurve(
        np.asarray(sigmas), mean_interval(np.array(accuracy), axis=1),
        mean_interval(np.array(kept), axis=1), *np.array(theory).T)


def _percent(values: Tensor) -> np.ndarray:
    """Return the mean over images, the last dimension, in %."""
    return 100 * values.double().mean(dim=-1).numpy()


def run(arguments: argparse.Namespace) -> None:
    """Run the experiment; print where the report is and what it found."""
    device = choose_device('auto')
    classifier = load_classifier(arguments.model, device)
    images = load_images(arguments.images, arguments.limit)
    sigmas = np.linspace(0, arguments.sigma_max, arguments.points).tolist()
    seeds = range(arguments.seeds)
    report = Report(arguments.out, 'Utility modulation of an image classifier')
    with progress_bar() as progress:
        task = progress.add_task('logits', total=len(images))
        array = ArrayCache(arguments.cache).get(
            {'logits of': images.checksum, 'by': classifier.checksum},
            lambda: _infer(classifier, images, arguments.batch,
                           lambda count: progress.advance(task, count)))
        progress.update(task, completed=len(images))
        logits = torch.from_numpy(array)
        labels = torch.from_numpy(class_indices(images, classifier, logits.shape[-1]))
        task = progress.add_task('sigma', total=len(sigmas))
        curve = measure_utility(logits, labels, sigmas, seeds, lambda: progress.advance(task))
    _fill(report, curve, len(images), arguments.seeds, 100 / logits.shape[-1])
    report.figure('examples', _draw_examples(images, logits, labels, classifier),
                  'Images with the prediction without noise and under one draw at each sigma.')
    path = report.write(
        command=arguments.command_line,
        data=f'{len(images)} images of {arguments.images}',
        seeds=f'0 .. {arguments.seeds - 1}: keys of the utility noise',
        checksums={str(arguments.model): classifier.checksum,
                   str(arguments.images): images.checksum})
    print(_summary(curve))
    print(f'report: {path}')


@torch.inference_mode()
def _infer(
    classifier: Classifier,
    images: LabelledImages,
    batch: int,
    advance: Callable[[int], object],
) -> np.ndarray:
    """Return the logits `(N, C)`, float32."""
    parts = []
    for first in range(0, len(images), batch):
        numbers = range(first, min(first + batch, len(images)))
        parts.append(classifier.logits([images.read(number) for number in numbers]).cpu().numpy())
        advance(len(numbers))
    return np.concatenate(parts)


def _fill(report: Report, curve: UtilityCurve, images: int, seeds: int, chance: float) -> None:
    """Write the report's text, plots and tables."""
    report.paragraph(_summary(curve))
    report.paragraph(
        f'Measured: mean over {seeds} seeds; the band is the 95 % interval of that mean '
        "(Student's t) and covers the noise, not the choice of images. Predicted, from the "
        f'unmodulated logits of the same {images} images and without a draw: exact, the '
        'probability that the true class ends on top, a one-dimensional integral for each image; '
        "Theorem 1, the share of images that are right without noise and keep the order of all "
        "their classes by the theorem's product. A prediction needs its top class kept, not the "
        'order of all, so Theorem 1 is no estimate of accuracy but far below it.')
    report.heading('Accuracy')
    report.figure('utility', plot_curves(
        [Series('measured', curve.sigmas, curve.accuracy),
         Series('predicted, exact', curve.sigmas, curve.accuracy_expected, line='--'),
         Series('Theorem 1, whole order kept', curve.sigmas, curve.accuracy_theorem1, line=':')],
        x_label=SIGMA_AXIS, y_label='accuracy (%)', references={'chance': chance}),
        'Utility curve: accuracy against σ, measured and predicted.')
    distance = Interval(*(side - curve.accuracy_expected for side in (
        curve.accuracy.mean, curve.accuracy.low, curve.accuracy.high)))
    report.figure('distance', plot_curves(
        [Series('measured less exact', curve.sigmas, distance)],
        x_label=SIGMA_AXIS, y_label='measured less predicted (points)',
        references={'no difference': 0}),
        'Distance between the measured accuracy and the exact prediction, with the 95 % interval '
        'of the measurement.')
    report.heading('Predictions that stay')
    report.figure('kept', plot_curves(
        [Series('prediction kept, measured', curve.sigmas, curve.kept),
         Series('prediction kept, exact', curve.sigmas, curve.kept_expected, line='--'),
         Series('whole order kept, Theorem 1', curve.sigmas, curve.order, line=':')],
        x_label=SIGMA_AXIS, y_label='share of images (%)'),
        'Share of images whose prediction, and whose order of all classes, noise leaves.')
    report.heading('Numbers')
    rows = _rows(curve)
    report.data('utility_all', rows)
    report.table('utility', rows[::max(1, len(rows) // 20)], digits=2, caption=(
        'Accuracy and kept predictions in % by sigma, measured with the 95 % interval, and as '
        "predicted; the paper's ResNet-56 has 94.37 at 0 and 20.00 at 20"))
    report.heading('Beside the paper')
    report.paragraph(
        "The paper's figures are for a ResNet-56 on the 10,000 original test images of CIFAR-10. "
        'Any other network has other logits: the sigma that halves its accuracy scales with the '
        'spread of its logits, so that curves agree in shape and not in sigma. The images of '
        'test_2000.npz are 2,000 of them, decoded from JPEG copies, so accuracy starts lower.')


def _rows(curve: UtilityCurve) -> list[Row]:
    distance = np.abs(curve.accuracy.mean - curve.accuracy_expected)
    return [{
        'sigma': round(float(sigma), 6),
        'accuracy': curve.accuracy.mean[i],
        'low': curve.accuracy.low[i],
        'high': curve.accuracy.high[i],
        'exact': curve.accuracy_expected[i],
        'distance': distance[i],
        'Theorem 1': curve.accuracy_theorem1[i],
        'kept': curve.kept.mean[i],
        'kept, exact': curve.kept_expected[i],
        'order kept, Theorem 1': curve.order[i],
        'paper, CIFAR-10': PAPER.get(round(float(sigma), 6)),
    } for i, sigma in enumerate(curve.sigmas)]


def _summary(curve: UtilityCurve) -> str:
    """Say in a few sentences what was found."""
    distance = np.abs(curve.accuracy.mean - curve.accuracy_expected)
    # Without noise there is nothing to predict, nor an interval.
    noisy = curve.sigmas > 0
    inside = ((curve.accuracy.low <= curve.accuracy_expected)
              & (curve.accuracy_expected <= curve.accuracy.high))[noisy]
    theorem1 = np.abs(curve.accuracy.mean - curve.accuracy_theorem1)
    text = (f'Accuracy falls from {curve.accuracy.mean[0]:.2f} % to '
            f'{curve.accuracy.mean[-1]:.2f} % at sigma {curve.sigmas[-1]:g}. The exact '
            f'prediction is {distance.mean():.2f} points off on average, {distance.max():.2f} at '
            f'most')
    if np.isfinite(curve.accuracy.low).all():
        text += (f', and inside the measured 95 % interval at {inside.sum()} of {len(inside)} '
                 'sigmas')
    return (f"{text}; Theorem 1's product is {theorem1.mean():.1f} points off on average, "
            f'{theorem1.max():.1f} at most.')


def _draw_examples(
    images: LabelledImages, logits: Tensor, labels: Tensor, classifier: Classifier
) -> Figure:
    """Return up to eight images under their predictions at some sigmas."""
    numbers = np.linspace(0, len(images) - 1, min(8, len(images))).round().astype(int)
    names = dict(enumerate(classifier.names))
    if not names:
        # Of the network's classes only those that the data set has are known by name.
        names = {int(label): images.names[number]
                 for label, number in zip(labels, images.classes, strict=True)}
    predictions = [utility_modulation(logits, sigma, dim=-1, key=0).argmax(dim=-1)
                   for sigma in _EXAMPLE_SIGMAS]
    figure = Figure(figsize=(1.3 * len(numbers), 1.9), layout='constrained')
    for axes, number in zip(figure.subplots(1, len(numbers), squeeze=False)[0], numbers,
                            strict=True):
        axes.imshow(images.read(number))
        lines = [f'true: {_name(names, labels[number])}']
        lines += [f'σ {sigma:g}: {_name(names, prediction[number])}'
                  for sigma, prediction in zip(_EXAMPLE_SIGMAS, predictions, strict=True)]
        axes.set_title('\n'.join(lines), fontsize=7, loc='left')
        axes.set_axis_off()
    return figure


def _name(names: dict[int, str], index: Tensor) -> str:
    return names.get(int(index), str(int(index)))
