"""The command ``kitti_to_bag``: a drive, or any other source of frames, as a rosbag2 recording."""

import argparse
from collections.abc import Iterator
from collections.abc import Sequence
import heapq
from itertools import islice
from pathlib import Path
import re
import sys

from aim_ros.outputs import check_folder
from aim_ros.recordings import command_line

PROG = 'kitti_to_bag'
_DESCRIPTION = """\
Write a KITTI raw drive, or whatever else the replay plays (a folder of images, the
street that the package renders, a recording), as a rosbag2 recording: images and
their calibration, and of the street its labels, too. Messages are logged at the time
at which they were recorded, or else at that of their stamp.
"""
_EXAMPLE = """\
  ros2 run aim_ros kitti_to_bag 2011_09_26_drive_0005_sync drive_0005
  ros2 run aim_ros kitti_to_bag street:seed=7,frames=120 street_7 --compressed
  ros2 run aim_ros kitti_to_bag 2011_09_26_drive_0005_sync stereo --camera 02 --camera 03
  ros2 bag info drive_0005"""


def _parser() -> argparse.ArgumentParser:
    parser = command_line.new_parser(PROG, _DESCRIPTION, _EXAMPLE)
    parser.add_argument('source', metavar='DRIVE',
                        help='a KITTI drive, a folder of images, street, street:seed=7, a '
                             'rosbag2 folder or file')
    parser.add_argument('out', type=Path, metavar='OUT',
                        help='the recording to write, a folder that is not there yet')
    parser.add_argument('--compressed', nargs='?', const='jpeg', choices=('jpeg', 'png'),
                        help='write compressed images, as jpeg (the default) or png')
    parser.add_argument('--storage', choices=('mcap', 'sqlite3'), default='mcap',
                        help='(default: %(default)s)')
    parser.add_argument('--camera', action='append', default=[], metavar='CAMERA',
                        help="a drive's camera, 00 to 03 (default: 02); several go to "
                             '/camera_02/image, /camera_03/image and so on')
    parser.add_argument('--topic', metavar='TOPIC',
                        help="of one camera's images (default: /camera/image); its calibration "
                             'goes to camera_info beside it')
    parser.add_argument('--option', action='append', default=[], metavar='NAME=VALUE',
                        help='an option of the source, such as rate=20 of a folder or '
                             'topic=/front/image of a recording')
    parser.add_argument('--start', type=command_line.index, default=0, metavar='INDEX',
                        help='first frame (default: %(default)s)')
    parser.add_argument('--every', type=command_line.count, default=1, metavar='N',
                        help='take every Nth frame')
    parser.add_argument('--frames', type=command_line.count, metavar='N',
                        help='how many of each camera at most')
    return parser


def main(args: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(args)
    return command_line.run(PROG, lambda: _convert(options), f'{options.out} is not written')


def _convert(options: argparse.Namespace) -> int:
    from aim_ros.media.bag_writer import BagWriter
    from aim_ros.media.frames import MediaError
    from aim_ros.recordings.progress import frames_bar

    lost: list[str] = []
    check_folder(options.out.parent)
    sources = _sources(options)
    written = 0
    with BagWriter(options.out, options.storage) as bag, frames_bar() as progress:
        total = sum(len(_indices(source, options)) for source in sources.values())
        bar = progress.add_task(options.out.name, total=total)
        for topic, frame in _frames(sources, options, lost):
            _write(bag, topic, frame, options.compressed)
            written += 1
            progress.advance(bar)
        if not written:
            raise MediaError(
                f'no frame of {options.source} could be read: '
                f'{lost[0] if lost else "--start is behind its end"}')
    for problem in lost[:10]:
        print(f'{PROG}: left out: {problem}', file=sys.stderr)
    if len(lost) > 10:
        print(f'{PROG}: left out: {len(lost) - 10} more', file=sys.stderr)
    print(f'wrote {written} frames to {options.out}')
    return command_line.PART if lost else command_line.WHOLE


def _indices(source, options: argparse.Namespace) -> Sequence[int]:
    return range(options.start, len(source), options.every)[:options.frames]


def _sources(options: argparse.Namespace) -> dict:
    """Open the sources; return them by the topic of their images."""
    from aim_ros.media.frames import parse_options
    from aim_ros.media.sources import open_source
    from aim_ros.recordings.errors import RecordingError

    given = parse_options(','.join(options.option))
    if len(options.camera) < 2:
        if options.camera:
            given['camera'], = options.camera
        topic = options.topic or '/camera/image'
        if not re.fullmatch(r'(/[A-Za-z_][A-Za-z0-9_]*)+', topic):
            raise RecordingError(
                f'--topic must be a topic such as /front/image, got {topic!r}')
        return {topic: open_source(options.source, **given)}
    if options.topic:
        raise RecordingError('--topic is for one camera: several differ by their topics')
    sources = {}
    for camera in options.camera:
        name = camera.removeprefix('image_').removeprefix('camera_').zfill(2)
        sources[f'/camera_{name}/image'] = open_source(
            options.source, **given, camera=camera)
    return sources


def _frames(sources: dict, options: argparse.Namespace, lost: list[str]) -> Iterator[tuple]:
    """Yield topic and frame of all sources, in the order of their times."""
    from aim_ros.media.frames import MediaError

    def note(error: MediaError) -> None:
        lost.append(str(error))

    def timed(topic: str, source) -> Iterator[tuple]:
        frames = source.frames(options.start, options.every, on_loss=note)
        for frame in islice(frames, options.frames):
            yield _time_ns(frame), topic, frame

    streams = (timed(topic, source) for topic, source in sources.items())
    for _, topic, frame in heapq.merge(*streams, key=lambda item: item[:2]):
        yield topic, frame


def _time_ns(frame) -> int:
    return frame.stamp_ns if frame.recorded_ns is None else frame.recorded_ns


def _write(bag, topic: str, frame, kind: str | None) -> None:
    """Write a frame's calibration, image and labels."""
    from aim_ros.media import bag_messages
    from aim_ros.media.rosbag import info_topic

    header, time_ns = bag_messages.header_of(frame), _time_ns(frame)
    if frame.camera_model is not None:
        bag.write(info_topic(topic), time_ns,
                  bag_messages.camera_info(frame.camera_model, header))
    if kind:
        bag.write(f'{topic}/compressed', time_ns, bag_messages.compressed_image(frame, kind))
    else:
        bag.write(topic, time_ns, bag_messages.image(frame.image, frame.encoding, header))
    if frame.labels is not None:
        bag.write(f'{info_topic(topic).rpartition("/")[0]}/labels', time_ns,
                  bag_messages.image(frame.labels, 'mono8', header))


if __name__ == '__main__':
    sys.exit(main())
