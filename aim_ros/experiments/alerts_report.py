"""What ``experiments alerts`` found, as tables, curves and videos."""

from collections.abc import Container
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import ExitStack
import itertools
from pathlib import Path

import cv2
import numpy as np

from aim_ros.experiments.alerts_matching import HIDES
from aim_ros.experiments.alerts_matching import MIN_IOU
from aim_ros.experiments.alerts_replay import Drive
from aim_ros.experiments.alerts_tally import Tally
from aim_ros.experiments.alerts_truth import MIN_HEIGHT
from aim_ros.experiments.plots import plot_curves
from aim_ros.experiments.plots import Series
from aim_ros.experiments.report import Report
from aim_ros.hazards.alerts import AlertReport
from aim_ros.media.video import VideoWriter
from aim_ros.perception.overlay import OverlayAnnotator
from aim_ros.perception.overlay import write
from aim_ros.segmentation.labels import LabelSet

RAISE_AFTER = (0.0, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0)
"""Seconds, for the curves of recall over false alerts."""

_TRUTH, _OPTIONAL = (80, 255, 80), (90, 200, 255)


def write_report(report: Report, findings, exact: bool) -> None:
    """
    Write tables and curves.

    :param findings: `alerts.Findings`.
    :param exact: whether the masks were exact.
    """
    masks = 'exact masks' if exact else "the network's masks"
    report.paragraph(
        f'From {masks}. A road user has to be raised while it is at least {MIN_HEIGHT:g} px tall, '
        'whole, and not mostly hidden; it is recalled if it is raised in half of these frames. '
        f'Alert and road user are matched at an IoU of {MIN_IOU:g}. Time to raise counts from the '
        'first such frame. An alert is false if most of the frames in which it claims to see '
        'something show no road user there; a frame of an alert shows nothing also where it '
        f'coasts into nowhere. A road user is hidden where it has no alert and {HIDES:.0%} or '
        "more of its box lies in another one's alert. Road users an id are those that are matched "
        'with it, or hidden by it, in three frames or more. Transitions are raises and clears; '
        'due are those that the labelled road users make themselves, who come and go. An ERROR is '
        'right if a road user is near and in the corridor, or was within the second for which it '
        'is held.')
    totals: dict[str, Tally] = {}
    for (profile, _), tally in findings.by_drive.items():
        totals[profile] = totals.get(profile, Tally()) + tally
    report.heading('All drives together')
    report.table('profiles', [{'profile': profile, **tally.row()}
                              for profile, tally in totals.items()], 'By profile')
    report.heading('Recall over false alerts')
    report.figure('curves', plot_curves(
        [_curve(profile, findings) for profile in totals],
        x_label='false alerts a minute', y_label='recall of road users'),
        f'Each point another raise_after, {RAISE_AFTER[0]:g} to {RAISE_AFTER[-1]:g} s')
    report.data('curves', [{'profile': profile, 'raise_after': seconds, **tally.row()}
                           for (profile, seconds), tally in findings.curves.items()])
    report.heading('By drive')
    report.table('drives', [{'profile': profile, 'drive': Path(drive).name, **tally.row()}
                            for (profile, drive), tally in findings.by_drive.items()],
                 'By profile and drive')
    if findings.videos:
        report.heading('Videos')
    for path, (profile, drive) in findings.videos.items():
        report.link(path.name, f'{Path(drive).name}, {profile}')


def _curve(profile: str, findings) -> Series:
    rows = [tally.row() for (name, _), tally in findings.curves.items() if name == profile]
    return Series(profile, np.array([row['false alerts a minute'] for row in rows]),
                  np.array([row['recall'] for row in rows]))


def name_videos(folder: Path, drive: Drive, profiles: Iterable[str], taken: Container[Path]
                ) -> dict[str, Path]:
    """
    Return a file for the video of a drive under each of its profiles.

    :param taken: files of other videos. Drives in different folders may have the same name.
    """
    videos: dict[str, Path] = {}
    for profile in profiles:
        name = ''.join(c if c.isalnum() else '_' for c in f'{Path(drive.path).name}_{profile}')
        names = itertools.chain([name], (f'{name}_{number}' for number in itertools.count(2)))
        paths = (folder / f'{name}.mp4' for name in names)
        videos[profile] = next(
            path for path in paths if path not in taken and path not in videos.values())
    return videos


def write_videos(videos: Mapping[str, Path], drive: Drive,
                 reports: Mapping[str, Sequence[AlertReport]], labels: LabelSet) -> None:
    """
    Write videos of the alerts (yellow, red) and of the road users as they are.

    Green is who has to be raised, blue who need not be. The drive is played once for all.

    :param videos: the files by profile.
    :param reports: the alerts of each frame by profile.
    """
    annotator = OverlayAnnotator(labels, 0.0)
    with ExitStack() as stack:
        writers = {profile: stack.enter_context(VideoWriter(path, 10.0))
                   for profile, path in videos.items()}
        shown = [reports[profile] for profile in writers]
        for frame, *now in zip(drive.frames(), *shown, strict=True):
            image, nothing = frame.rgb(), np.zeros(frame.size, np.uint8)
            labelled = drive.truth.scored is None or frame.index in drive.truth.scored
            for (profile, writer), report in zip(writers.items(), now, strict=True):
                picture = annotator.annotate(image, nothing, report.alerts)
                draw_truth(picture, drive, frame.index)
                write(picture, f'{profile}  frame {frame.index}  {report.level.name}'
                      + ('' if labelled else '  not labelled, not scored'), (8, 18))
                write(picture, 'has to be raised', (8, len(picture) - 24), _TRUTH)
                write(picture, 'need not be', (8, len(picture) - 8), _OPTIONAL)
                writer.write(picture)


def draw_truth(picture: np.ndarray, drive: Drive, index: int) -> None:
    """Draw the road users of a frame, as they are, into a picture."""
    for user in drive.truth.users.get(index, ()):
        x, y, width, height = map(round, user.box)
        color = _TRUTH if user.required else _OPTIONAL
        cv2.rectangle(picture, (x, y), (x + width, y + height), color, 1)
        write(picture, str(user.track_id), (x, min(y + height + 12, len(picture) - 4)), color)
