"""What ``experiments segmentation`` found, as tables, plots and pictures."""


from matplotlib.figure import Figure as Plot
import numpy as np

from aim_ros.experiments.datasets import Dataset
from aim_ros.experiments.examples import draw_modulations
from aim_ros.experiments.findings import FIGURES
from aim_ros.experiments.findings import Findings
from aim_ros.experiments.logits import CachedSegmenter
from aim_ros.experiments.measurement import Counts
from aim_ros.experiments.measurement import Plan
from aim_ros.experiments.measurement import SWEPT
from aim_ros.experiments.metrics import Figures
from aim_ros.experiments.plots import plot_curves
from aim_ros.experiments.plots import plot_grid
from aim_ros.experiments.plots import Series
from aim_ros.experiments.report import Report
from aim_ros.experiments.statistics import Interval
from aim_ros.experiments.statistics import mean_interval
from aim_ros.experiments.sweep import Target
from aim_ros.modulation import frame_key
from aim_ros.modulation import Modulation

PAPER_MIOU = {0.0: 46.20, 20.0: 1.24}
"""The paper's mIoU in % by utility sigma: SegFormer-B2 on ADE20K."""

_SIGMA = 'sigma of the noise (logits)'
_EXAMPLES = 3
_EXAMPLE_SIGMA = 1.0


def write_findings(report: Report, counts: Counts, plan: Plan, model: CachedSegmenter,
                   dataset: Dataset, tolerance: float) -> None:
    """Write everything that was found, the answer first."""
    findings = Findings(counts, plan, tolerance)
    focused = [target for target in plan.targets if target.sign > 0]
    suppressed = [target for target in plan.targets if target.sign < 0]
    _write_summary(report, findings, focused, dataset)
    _write_frontier(report, findings, focused)
    _write_utility(report, findings)
    _write_focus(report, findings, focused)
    _write_flicker(report, findings, focused)
    _write_suppression(report, findings, suppressed)
    _write_base(report, findings, model)
    _write_examples(report, findings, model, dataset, focused)
    report.data('focus', list(findings.rows()))


def _by_sampling(sampling: str, x: np.ndarray, y: np.ndarray | Interval) -> Series:
    """Return a curve that looks the same for a sampling in every plot."""
    return Series(sampling, x, y, SWEPT.index(sampling), '--' if sampling == 'gated' else '-')


def _percent(interval: Interval) -> Interval:
    return Interval(100 * interval.mean, 100 * interval.low, 100 * interval.high)


def _write_summary(report: Report, findings: Findings, focused: list[Target], dataset: Dataset
                   ) -> None:
    report.paragraph(
        f'{dataset.description[0].upper()}{dataset.description[1:]}. Unmodulated: mIoU '
        f'{100 * findings.base.miou:.2f} % over the classes that the labels show, pixel accuracy '
        f'{100 * findings.base.pixel_accuracy:.2f} %. Accuracy of a class is its recall, as in '
        'the paper; precision and IoU stand beside it because they pay for it. A group of classes '
        "counts as one class. Intervals are 95 % (Student's t) over the seeds of the noise: "
        'they say nothing about other images.')
    report.paragraph(
        'Samplings: pixel draws once for each pixel and target, as the paper does; expected '
        'shifts by the mean of that draw, 0.798 sigma; median by its median, 0.674 sigma; gated '
        "is the expected shift, applied only within one cell of the logits' grid from cells that "
        'the unmodulated model gives to the target. The paper measured SegFormer-B2 on ADE20K: '
        'with other weights, classes or images only directions compare.')
    report.heading(f'Focus at {100 * findings.tolerance:g} % of mIoU lost')
    report.paragraph(
        'The largest sigma at which mIoU is still within the tolerance (relative to the '
        "unmodulated model's), by linear interpolation, and what the target has there. Where the "
        'sweep ends first, its last sigma is shown. Median shift and expected shift are one curve '
        'with two scales of sigma.')
    rows = [findings.at_tolerance(target, sampling)
            for target in focused for sampling in findings.samplings(target)]
    report.table(
        'tolerance', rows,
        'Gains are in percentage points; ± is the interval of the accuracy over seeds', digits=2)


def _write_frontier(report: Report, findings: Findings, focused: list[Target]) -> None:
    panels = {}
    for target in focused:
        panels[target.name] = []
        for sampling in ('pixel', 'expected', 'gated'):
            gained = findings.of(target, sampling, 'accuracy').mean
            panels[target.name].append(_by_sampling(
                sampling, 100 * findings.loss(target, sampling), 100 * (gained - gained[0])))
    report.heading('The frontier: accuracy gained against mIoU lost')
    report.figure(
        'frontier',
        plot_grid(panels, x_label='mIoU lost (% of the unmodulated mIoU)',
                  y_label='accuracy gained (percentage points)',
                  vertical={'tolerance': 100 * findings.tolerance}),
        f'One curve a sampling, sigma 0 to {findings.sigmas[-1]:g}; further up and left is '
        'better. Left of zero, mIoU rises. Median is left out: it runs along the expected curve')


def _write_utility(report: Report, findings: Findings) -> None:
    figures, sigmas = Figures(findings.counts.utility), np.array(findings.plan.utility_sigmas)
    miou, accuracy = mean_interval(figures.miou), mean_interval(figures.pixel_accuracy)
    paper = Series('mIoU of the paper (SegFormer-B2, ADE20K)', np.array(list(PAPER_MIOU)),
                   np.array(list(PAPER_MIOU.values())), line='none')
    report.heading('Utility modulation')
    report.figure(
        'utility',
        plot_curves([Series('mIoU', sigmas, _percent(miou)),
                     Series('pixel accuracy', sigmas, _percent(accuracy)), paper],
                    x_label=_SIGMA, y_label='share of the labelled pixels or classes (%)'),
        'Noise on all classes; bands are 95 % intervals over seeds')
    flicker = findings.counts.flicker[None]
    report.table('utility', [
        {'sigma': sigma, 'mIoU %': 100 * miou.mean[i], '± mIoU': 100 * miou.half_width[i],
         'pixel accuracy %': 100 * accuracy.mean[i],
         '± pixel accuracy': 100 * accuracy.half_width[i], 'flicker %': 100 * flicker[i],
         'mIoU % of the paper': PAPER_MIOU.get(sigma)}
        for i, sigma in enumerate(sigmas)],
        "Utility modulation. The paper's column is another model on other data with 150 classes: "
        'only its shape compares', digits=2)


def _plot_accuracies(findings: Findings, targets: list[Target]) -> Plot:
    return plot_grid(
        {target.name: [
            _by_sampling(sampling, findings.sigmas,
                         _percent(findings.of(target, sampling, 'accuracy')))
            for sampling in findings.samplings(target)] for target in targets},
        x_label=_SIGMA, y_label='accuracy of the target (%)')


def _write_focus(report: Report, findings: Findings, focused: list[Target]) -> None:
    report.heading('Focus modulation')
    report.figure(
        'focus_accuracy',
        _plot_accuracies(findings, focused),
        'Accuracy (recall) of each target, focused on alone; the last panels are groups')
    report.figure(
        'focus_price',
        plot_grid(
            {target.name: [
                *(Series(name, findings.sigmas, _percent(findings.of(target, 'expected', figure)))
                  for figure, name in FIGURES.items()),
                Series('mIoU', findings.sigmas, _percent(findings.miou(target, 'expected')))]
             for target in focused},
            x_label=_SIGMA, y_label='figure (%)'),
        'What the expected shift gains, and what pays for it')
    for sampling in ('pixel', 'expected'):
        rows = []
        for step, sigma in enumerate(findings.sigmas):
            row = {'sigma': sigma}
            for target in focused:
                accuracy = 100 * findings.of(target, sampling, 'accuracy').mean[step]
                miou = 100 * findings.miou(target, sampling).mean[step]
                row[target.name] = f'{accuracy:.2f} ({miou:.2f})'
            rows.append(row)
        report.table(
            f'focus_{sampling}', rows, f'Accuracy % of each target focused on alone, and in '
            f'brackets the mIoU % then; sampling {sampling}. All figures with their intervals: '
            'focus.csv', digits=1)


def _write_flicker(report: Report, findings: Findings, focused: list[Target]) -> None:
    report.heading('Flicker')
    report.figure(
        'flicker',
        plot_curves(
            [Series(target.name, findings.sigmas, 100 * findings.flicker(target, 'pixel'))
             for target in focused],
            x_label=_SIGMA, y_label='pixels that differ (%)', size=(6.2, 3.6)),
        'Share of all pixels whose label differs between two draws of per-pixel noise on one '
        'and the same image. The expected, median and gated shifts draw nothing and have none')


def _write_suppression(report: Report, findings: Findings, suppressed: list[Target]) -> None:
    if not suppressed:
        return
    report.heading('Suppression')
    report.figure(
        'suppression',
        _plot_accuracies(findings, suppressed),
        'Accuracy of each class, suppressed alone (sign -1)')


def _write_base(report: Report, findings: Findings, model: CachedSegmenter) -> None:
    base = findings.base
    report.heading('The unmodulated model')
    report.table('base', [
        {'class': name, 'pixels': int(base.confusion[i].sum()),
         'accuracy %': 100 * base.accuracy[i], 'precision %': 100 * base.precision[i],
         'IoU %': 100 * base.iou[i]}
        for i, name in enumerate(model.labels.names)],
        'Figures of each class without modulation', digits=2)


def _write_examples(report: Report, findings: Findings, model: CachedSegmenter,
                    dataset: Dataset, focused: list[Target]) -> None:
    """Show the frames with the most pixels of the first group, before and after."""
    report.heading('Examples')
    target = next((target for target in focused if len(target.class_ids) > 1), focused[0])
    shown = {name: frame[list(target.class_ids)].sum()
             for name, frame in findings.counts.frames.items()}
    names = sorted(shown, key=shown.get, reverse=True)[:_EXAMPLES]
    signs = tuple((class_id, target.sign) for class_id in target.class_ids)
    modulations = {f'{sampling}, sigma {_EXAMPLE_SIGMA:g}': Modulation(
        signs, _EXAMPLE_SIGMA, sampling) for sampling in ('expected', 'pixel')}
    for sample in dataset.samples:
        if sample.name in names:
            frame = sample.frame()
            report.picture(
                f'example_{sample.name}',
                draw_modulations(frame, model.logits(frame), model.labels, modulations,
                                 frame_key(0, sample.name, 0)),
                f'{sample.name}: focus on {target.name}; what changed has a white edge')
