"""``experiments alerts``: alerts against road users as they are."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from pathlib import Path

import numpy as np

from aim_ros.experiments.alerts_replay import Choice
from aim_ros.experiments.alerts_replay import choose
from aim_ros.experiments.alerts_replay import Drive
from aim_ros.experiments.alerts_replay import mask_labels
from aim_ros.experiments.alerts_replay import open_drive
from aim_ros.experiments.alerts_replay import see
from aim_ros.experiments.alerts_replay import shoot
from aim_ros.experiments.alerts_replay import Shot
from aim_ros.experiments.alerts_replay import watch
from aim_ros.experiments.alerts_report import name_videos
from aim_ros.experiments.alerts_report import RAISE_AFTER
from aim_ros.experiments.alerts_report import write_report
from aim_ros.experiments.alerts_report import write_videos
from aim_ros.experiments.alerts_scores import score
from aim_ros.experiments.alerts_tally import Tally
from aim_ros.experiments.cli import new_parser
from aim_ros.experiments.cli import not_negative
from aim_ros.experiments.errors import ExperimentError
from aim_ros.experiments.logits import add_model_options
from aim_ros.experiments.logits import CachedSegmenter
from aim_ros.experiments.logits import open_model
from aim_ros.experiments.report import Report
from aim_ros.hazards.alerts import AlertReport
from aim_ros.hazards.emphasis_filter import EmphasisFilter
from aim_ros.hazards.regions import MAX_GAP
from aim_ros.perception.profiles import DriverProfile
from aim_ros.perception.profiles import load_profiles
from aim_ros.resources import share_directory
from aim_ros.segmentation.fingerprint import fingerprint


@dataclass
class Findings:
    """
    What was found.

    :param by_drive: tallies by profile and drive.
    :param curves: tallies by profile and seconds of `RAISE_AFTER`, over all drives.
    :param videos: profile and drive by the video's file.
    """

    by_drive: dict[tuple[str, str], Tally] = field(default_factory=dict)
    curves: dict[tuple[str, float], Tally] = field(default_factory=dict)
    videos: dict[Path, tuple[str, str]] = field(default_factory=dict)


def add_parser(subparsers) -> None:
    """Add the sub-command."""
    parser = new_parser(
        subparsers, 'alerts',
        'Score the alerts of drives against their labelled road users: recall, identities, time '
        'to raise, false alerts a minute, transitions, kinds, distances, by profile. A rendered '
        'street knows its road users exactly; a drive needs a file of labelled tracks.',
        'experiments alerts --source ../shared/data/kitti_raw/seq_a \\\n'
        '      --tracks ../shared/data/kitti_raw/seq_a/tracks.csv --profile neutral defensive\n'
        '  experiments alerts --source street:seed=3 street:seed=4,scene=groups --masks labels',
        seeds=None)
    add_model_options(parser)
    parser.add_argument('--source', nargs='+', required=True, metavar='PATH',
                        help='drives, as the replay takes them')
    parser.add_argument('--tracks', nargs='*', type=Path, default=[], metavar='FILE',
                        help='labelled tracks, one file for each source that is no street')
    parser.add_argument('--profile', nargs='+', default=['neutral'], metavar='NAME',
                        help='profiles of --profiles-file (default: %(default)s)')
    parser.add_argument('--profiles-file', type=Path, metavar='FILE',
                        help='where profiles are read from (default: the one that ships)')
    parser.add_argument('--masks', choices=('network', 'labels'), default='network',
                        help="whose masks: the network's, or exact ones, which tell what the "
                             'alerts lose by themselves (default: %(default)s)')
    parser.add_argument('--max-gap', type=not_negative, default=MAX_GAP, metavar='SHARE',
                        help='the gap up to which fragments above each other are one road user, '
                             'as a share of the taller one (default: %(default)s)')
    parser.add_argument('--no-video', action='store_true',
                        help='write no overlay videos (one for each drive and profile)')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Run the sub-command."""
    file = load_profiles(
        arguments.profiles_file or share_directory() / 'config' / 'profiles.yaml')
    profiles = [file.get(name) for name in arguments.profile]
    exact = arguments.masks == 'labels'
    model = None if exact else open_model(arguments)
    labels = mask_labels() if exact else model.labels
    for profile in profiles:
        if mistake := profile.mistake(labels):
            raise ExperimentError(mistake)
    filter_ = None if exact else file.filter_for(fingerprint(arguments.model))
    report = Report(arguments.out, 'Alerts against road users as they are')
    findings = Findings()
    for drive in _drives(arguments, exact):
        shots = shoot(drive, model)
        reports = {}
        for profile in profiles:
            reports[profile.name] = _score(drive, shots, profile, model, filter_, findings,
                                           arguments.max_gap)
            if filter_ is not None and choose(profile, labels).modulation.focuses:
                bare = replace(profile, name=f'{profile.name}, no filter')
                reports[bare.name] = _score(drive, shots, bare, model, None, findings,
                                            arguments.max_gap)
        if not arguments.no_video:
            videos = name_videos(report.folder, drive, reports, findings.videos)
            write_videos(videos, drive, reports, labels)
            findings.videos.update(
                (path, (profile, drive.path)) for profile, path in videos.items())
    write_report(report, findings, exact)
    checksums = {} if exact else {f'model {arguments.model}': model.checksum}
    html = report.write(
        command=arguments.command_line, data=', '.join(arguments.source), seeds=None,
        checksums=checksums)
    print(html)


def _drives(arguments: argparse.Namespace, exact: bool) -> Sequence[Drive]:
    tracks = iter(arguments.tracks)
    drives = [open_drive(path, None if path.partition(':')[0] == 'street' else next(tracks, None),
                         exact) for path in arguments.source]
    if next(tracks, None) is not None:
        raise ExperimentError('there are more --tracks than sources that need them')
    return drives


def _score(drive: Drive, shots: Sequence[Shot], profile: DriverProfile,
           model: CachedSegmenter | None, filter_: EmphasisFilter | None, findings: Findings,
           max_gap: float) -> list[AlertReport]:
    """Score a drive under a profile, and along its curve; return the alerts."""
    labels = mask_labels() if model is None else model.labels
    choice = choose(profile, labels)
    sights = see(shots, choice, labels, 1.0 if model is None else model.temperature,
                 max_gap)
    seconds = np.array([shot.stamp_ns - shots[0].stamp_ns for shot in shots]) / 1e9

    def tally(tried: Choice) -> tuple[Tally, list[AlertReport]]:
        reports = watch(shots, sights, tried, labels, filter_)
        # Who is near and in the corridor is the owner's to say, under every profile.
        return score(reports, seconds, drive.truth, choice.owner, shots[0].size), reports

    found, reports = tally(choice)
    findings.by_drive[profile.name, drive.path] = found
    for raise_after in RAISE_AFTER:
        one, _ = tally(replace(choice, alerts=replace(choice.alerts, raise_after=raise_after),
                               owner=replace(choice.owner, raise_after=raise_after)))
        key = profile.name, raise_after
        findings.curves[key] = findings.curves.get(key, Tally()) + one
    return reports
