"""
What the size of the network's input and its precision cost and give, on labelled frames.

For each setting: the time of the network, the mean IoU, and of people (person and rider) and two-
wheelers the share of the labelled pixels that are found, the precision, and the share of labelled
people, as connected regions of at least 100 pixels, of which half the pixels are found. For each
setting after the first also how many of the first one's pixels of a class keep theirs, where the
first is torch in fp32 at the same size.

    python -m benchmarks.accuracy --data ../shared/data/kitti_semantics \
        --only ../shared/data/kitti_semantics/val.txt --pixels 122880 212992 337920 479232
    python -m benchmarks.accuracy --data ../shared/data/kitti_semantics --precisions fp32 bf16
"""

import argparse
from collections.abc import Iterator
from collections.abc import Sequence
import json
from pathlib import Path
import statistics
import sys
import time

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table
import torch
from torch.nn.functional import interpolate

from aim_ros.imaging.frame import Frame
from aim_ros.segmentation.labels import CITYSCAPES
from aim_ros.segmentation.segmenter import Segmenter
from benchmarks._common import environment

CLASSES = len(CITYSCAPES)
GROUPS = {'people': (11, 12), 'two-wheelers': (17, 18), 'signals': (6, 7)}
SMALLEST = 100
"""Pixels of the smallest region of people that is counted."""

# CamVid's 11 classes that are one of Cityscapes' 19: person and rider stand for its two.
CAMVID = {0: 10, 1: 2, 2: 5, 3: 0, 4: 1, 5: 8, 6: 7, 7: 4, 8: 13, 9: 11, 10: 12}


def read(data: Path, labels: str, only: Path | None, count: int | None
         ) -> Iterator[tuple[Frame, np.ndarray]]:
    """Yield frames with their labels (H, W), 255 where unknown."""
    names = only.read_text().split() if only else None
    images = sorted(path for path in (data / 'images').iterdir()
                    if names is None or path.stem in names)
    table = np.full(256, 255, np.uint8)
    for camvid, ours in CAMVID.items():
        table[camvid] = ours
    for path in images[:count]:
        truth = cv2.imread(str(data / labels / f'{path.stem}.png'), cv2.IMREAD_GRAYSCALE)
        yield (Frame(cv2.imread(str(path)), 'bgr8'),
               table[truth] if labels == 'labels_camvid11' else truth)


class Score:
    """Counts what one setting found."""

    def __init__(self):
        self.seconds: list[float] = []
        self.people = [0, 0]
        self._confusion = np.zeros((CLASSES, CLASSES), np.int64)
        self._kept = np.zeros((2, CLASSES), np.int64)

    def add(self, mask: np.ndarray, truth: np.ndarray, reference: np.ndarray) -> None:
        """Count one frame's mask."""
        known = truth < CLASSES
        self._confusion += np.bincount(
            truth[known].astype(np.int64) * CLASSES + mask[known],
            minlength=CLASSES**2).reshape(CLASSES, CLASSES)
        people = np.isin(truth, GROUPS['people']).astype(np.uint8)
        found = np.isin(mask, GROUPS['people'])
        count, regions, stats, _ = cv2.connectedComponentsWithStats(people)
        for region in range(1, count):
            if stats[region, cv2.CC_STAT_AREA] >= SMALLEST:
                self.people[0] += bool(found[regions == region].mean() >= 0.5)
                self.people[1] += 1
        same = mask == reference
        self._kept += np.stack([np.bincount(reference[same], minlength=CLASSES),
                                np.bincount(reference.ravel(), minlength=CLASSES)])

    def figures(self) -> dict[str, float]:
        """Return all figures; shares are in 0..1."""
        right, there = np.diag(self._confusion), self._confusion.sum(1)
        union = there + self._confusion.sum(0) - right
        with np.errstate(invalid='ignore'):
            figures = {'ms': statistics.median(self.seconds) * 1e3,
                       'mIoU': float(np.nanmean((right / union)[there > 0]))}
        for name, ids in GROUPS.items():
            ids = list(ids)
            hit = self._confusion[np.ix_(ids, ids)].sum()
            figures[f'{name} found'] = float(hit / max(1, there[ids].sum()))
            figures[f'{name} precision'] = float(hit / max(1, self._confusion[:, ids].sum()))
            figures[f'{name} kept'] = float(
                self._kept[0, ids].sum() / max(1, self._kept[1, ids].sum()))
        figures['pixels kept'] = float(self._kept[0].sum() / self._kept[1].sum())
        figures['regions found'] = self.people[0]
        figures['regions'] = self.people[1]
        return figures


@torch.inference_mode()
def mask_of(segmenter: Segmenter, frame: Frame) -> tuple[np.ndarray, float]:
    """Return the mask (H, W) of a frame, and the seconds that the network took."""
    pixels = segmenter.preprocess([frame])
    start = time.perf_counter()
    logits = segmenter.forward(pixels)
    seconds = time.perf_counter() - start
    whole = interpolate(logits, size=frame.size, mode='bilinear', align_corners=False)
    return whole[0].argmax(0).cpu().numpy(), seconds


def main(args: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument('--data', type=Path, required=True,
                         help='folder with images/ and labels of the same names')
    options.add_argument('--labels', default='labels', help='folder of labels in it')
    options.add_argument('--only', type=Path, help='file of the names that are taken')
    options.add_argument('--count', type=int, help='at most so many frames')
    options.add_argument('--model', default='segformer-b0-street')
    options.add_argument('--device', default='cpu')
    options.add_argument('--engine', default='auto')
    options.add_argument('--precisions', nargs='+', default=['fp32'],
                         help='auto, fp32, fp16 or bf16')
    options.add_argument('--pixels', type=int, nargs='*', default=[])
    options.add_argument('--sizes', nargs='*', default=[], help='such as 192x640')
    options.add_argument('--reference', action='store_true', help='compare with torch in fp32')
    options.add_argument('--json', type=Path)
    options = options.parse_args(args)
    sizes = [{'input_size': tuple(map(int, size.split('x')))} for size in options.sizes]
    sizes += [{'input_pixels': pixels} for pixels in options.pixels]
    rows = {}
    for size in sizes or [{}]:
        segmenters = {precision: Segmenter(
            options.model, device=options.device, engine=options.engine, precision=precision,
            **size) for precision in options.precisions}
        exact = Segmenter(options.model, device=options.device, engine='torch',
                          precision='fp32', **size) if options.reference else None
        scores = {precision: Score() for precision in segmenters}
        for frame, truth in read(options.data, options.labels, options.only, options.count):
            reference = mask_of(exact, frame)[0] if exact else None
            for precision, segmenter in segmenters.items():
                mask, seconds = mask_of(segmenter, frame)
                scores[precision].seconds.append(seconds)
                scores[precision].add(mask, truth, mask if reference is None else reference)
            shape = 'x'.join(map(str, segmenter.size_for(frame.size)))
        for precision, score in scores.items():
            rows[f'{shape} {segmenters[precision].engine.name} {precision}'] = score.figures()
            print(shape, precision, json.dumps(score.figures()), flush=True)
    table = Table(title=f'{options.data.name}, {options.model}')
    columns = list(next(iter(rows.values())))
    for column in ('setting', *columns):
        table.add_column(column)
    for name, figures in rows.items():
        table.add_row(name, *(f'{value:.0f}' if value > 1 or column.startswith('regions')
                              else f'{value:.2%}' for column, value in figures.items()))
    Console(width=max(180, Console().width)).print(table)
    if options.json:
        options.json.write_text(json.dumps(
            {'environment': environment('cpu'), 'rows': rows}, indent=2) + '\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
