"""The page that says what another profile would have changed."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from datetime import UTC
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from aim_ros.experiments.report import Report
from aim_ros.recordings.compared import Compared
from aim_ros.recordings.compared import TABLE
from aim_ros.recordings.moments import importance
from aim_ros.recordings.moments import Moment
from aim_ros.recordings.processor import Processor
from aim_ros.recordings.summary import Summary

_SHOWN_MOMENTS = 12
_SHOWN_USERS = 60


def write_page(compared: Compared, processor: Processor, bags: Mapping[str, Path], out: Path,
               command: str) -> Path:
    """
    Write ``report.html`` with its tables and pictures, and return its path.

    :param bags: the recordings by name.
    :param command: as it was typed.
    """
    report = Report(out, 'What another profile would have changed')
    profiles = list(processor.settings)
    report.paragraph(
        'The network ran once a frame, and its logits were decoded under each profile. Times are '
        "seconds of header stamp since the recording's first frame. All rows are in "
        f'{TABLE}.')
    report.heading('By profile')
    report.table('profiles', _by_profile(compared, profiles),
                 'All recordings together. Changed: mean share of the pixels of a frame that have '
                 'another class than without modulation, in percent.', digits=2)
    report.table('recordings', _by_recording(compared, profiles), 'Each recording.', digits=2)
    report.heading('First sight of each road user')
    _first_sights(report, compared, profiles)
    report.heading('Moments that differ')
    _moments(report, compared)
    return report.write(command=command, data=', '.join(map(str, bags.values())),
                        seeds=str(processor.options.seed),
                        checksums={'versions': processor.versions})


def _counts(tallies: list) -> dict[str, Any]:
    """Return what recordings show together."""
    users, frames, minutes, errors = 0, 0, 0.0, 0
    for tally in tallies:
        summary = Summary('')
        tally.fill(summary)
        frames += summary.frames
        minutes += summary.error_s / 60
        users += sum(summary.road_users.values())
        errors += sum(count for name, count in summary.road_users.items()
                      if name.endswith(' ERROR'))
    return {'frames': frames, 'road users': users, 'with ERROR': errors,
            'minutes with ERROR': minutes}


def _by_profile(compared: Compared, profiles: list[str]) -> list[dict[str, Any]]:
    changed = _changed(compared, ('profile',))
    return [{'profile': profile,
             **_counts([tally for (_, name), tally in compared.tallies.items()
                        if name == profile]),
             'changed %': changed[profile,]} for profile in profiles]


def _by_recording(compared: Compared, profiles: list[str]) -> list[dict[str, Any]]:
    changed = _changed(compared, ('drive', 'profile'))
    drives = dict.fromkeys(drive for drive, _ in compared.tallies)
    return [{'recording': drive, 'profile': profile,
             **_counts([compared.tallies[drive, profile]]), 'changed %': changed[drive, profile]}
            for drive in drives for profile in profiles]


def _changed(compared: Compared, keys: tuple[str, ...]) -> dict[tuple, float]:
    """Return the mean changed share of frames, percent; a frame may have several rows."""
    shares: dict[tuple, dict] = defaultdict(dict)
    for row in compared.rows:
        frame = row['drive'], row['camera'], row['stamp']
        shares[tuple(row[key] for key in keys)][frame] = row['changed_share']
    return {key: 100 * float(np.mean(list(frames.values()))) for key, frames in shares.items()}


def _first_sights(report: Report, compared: Compared, profiles: list[str]) -> None:
    """Say when each road user was first alerted under each profile, where that differs."""
    starts: dict[str, int] = {}
    users: dict[tuple, dict[str, Any]] = {}
    for row in compared.rows:
        drive, stamp = row['drive'], row['stamp']
        starts[drive] = min(starts.get(drive, stamp), stamp)
        if row.get('same_road_user') is None:
            continue
        key = drive, row['camera'], row['same_road_user']
        user = users.setdefault(key, {'first': {}})
        user['kind'] = row['kind']
        user['first'].setdefault(row['profile'], stamp)
    rows = []
    for (drive, camera, number), user in users.items():
        first = {profile: (user['first'][profile] - starts[drive]) / 1e9
                 if profile in user['first'] else None for profile in profiles}
        rows.append({'recording': drive, 'camera': camera, 'road user': number,
                     'kind': user['kind'], **first})
    differing = [row for row in rows if len({row[profile] for profile in profiles}) > 1]
    if rows:
        report.data('first_sights', rows)
    report.paragraph(
        f'{len(rows)} road users were raised under at least one profile; {len(differing)} of them '
        'at another time, or not at all, under another. A dash stands for never.')
    if differing:
        report.table('first_sights_that_differ', differing[:_SHOWN_USERS],
                     f'First sight in seconds; {min(len(differing), _SHOWN_USERS)} of '
                     f'{len(differing)} that differ.', digits=2)


def _moments(report: Report, compared: Compared) -> None:
    moments = sorted(compared.moments, key=importance)
    report.paragraph(
        f'{len(moments)} moments in which alerts differ; those that matter most first: by how far '
        'levels are apart, then by how many road users differ.')
    for number, moment in enumerate(moments[:_SHOWN_MOMENTS], start=1):
        if moment.picture:
            picture = cv2.imdecode(np.frombuffer(moment.picture, np.uint8), cv2.IMREAD_COLOR)
            report.picture(f'moment_{number:02}', picture[:, :, ::-1], _caption(moment))


def _caption(moment: Moment) -> str:
    when = datetime.fromtimestamp(moment.stamp_ns / 1e9, UTC).isoformat(
        sep=' ', timespec='milliseconds')
    levels = ', '.join(f'{profile} {level}' for profile, level in moment.levels.items())
    seconds = (moment.end_ns - moment.start_ns) / 1e9
    count = moment.score[1]
    return (f'{moment.drive}, {moment.camera}, {when}: {levels}; alerts of {count} road '
            f'{"user differs" if count == 1 else "users differ"}, for {seconds:.1f} s')
