"""
The node as others see it: camera, node and planner are processes that talk over Fast DDS.

latency    what the node adds to its pipeline's own time, from the moment that it has a frame to
           the moment that another process has the mask
answered   the share of frames whose mask is back before the next frame is sent: at 10 Hz with
           the network at 832x256, at 5 Hz with 1248x384, and at 10 Hz with the largest size of
           `SIZES` that holds 99 %
idle       the node's share of one core while no frame comes

The process that runs this is camera and planner. Frames come from --drive, for instance
../shared/data/kitti_raw/seq_a, or from the rendered street.
"""

from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from contextlib import suppress
import itertools
import os
from pathlib import Path
import statistics
import sys
import tempfile
import threading
import time

import cv2
from diagnostic_msgs.msg import DiagnosticArray
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from aim_ros.media.sources import open_source
from aim_ros.nodes.launching.processes import isolate
from aim_ros.nodes.launching.processes import process
from aim_ros.nodes.messages.conversions import image_message
from aim_ros.nodes.messages.conversions import stamp_to_ns
from benchmarks._common import Case
from benchmarks._common import parser
from benchmarks._common import prepare
from benchmarks._common import report
from benchmarks._common import Timing

SIZES = ((384, 1248), (320, 1056), (288, 960), (256, 832), (224, 736), (192, 640), (160, 544),
         (128, 416), (96, 320))
"""Network sizes, each of about KITTI's shape, from the largest."""

GOALS = ((10.0, (256, 832)), (5.0, (384, 1248)))
"""Rates in Hz, and the size at which `SHARE` of the frames should be answered in time."""

SHARE = 0.99
STAGES = ('preprocess', 'network', 'decode', 'alerts')
_START_TIMEOUT = 180.0
_ANSWER_TIMEOUT = 5.0


class Rig(Node):
    """Camera and planner: sends frames, and notes when each mask and its alerts are here."""

    def __init__(self, images: Sequence):
        super().__init__('benchmark')
        self.diagnostics: dict[str, dict[str, str]] = {}
        self.masks: dict[int, int] = {}
        self.summaries: dict[int, dict[str, str]] = {}
        self._news = threading.Condition()
        self._messages = [image_message(image, 'rgb8', Header()) for image in images]
        self._camera = self.create_publisher(Image, 'camera/image', qos_profile_sensor_data)
        self.create_subscription(Image, '/segmentation/camera/mask', self._take_mask, 10)
        self.create_subscription(
            DiagnosticArray, '/segmentation/camera/alerts', self._take_alerts, 10)
        self.create_subscription(DiagnosticArray, '/diagnostics', self._take_diagnostics, 10)

    def _take_mask(self, message: Image) -> None:
        now = time.time_ns()
        with self._news:
            self.masks[stamp_to_ns(message.header.stamp)] = now
            self._news.notify_all()

    def _take_alerts(self, message: DiagnosticArray) -> None:
        stamp = stamp_to_ns(message.header.stamp)
        self.summaries[stamp] = {item.key: item.value for item in message.status[0].values}

    def _take_diagnostics(self, message: DiagnosticArray) -> None:
        with self._news:
            for status in message.status:
                self.diagnostics[status.name] = {item.key: item.value for item in status.values}
            self._news.notify_all()

    def wait_for(self, condition, timeout: float) -> bool:
        """Wait until a condition holds that a message may bring about."""
        with self._news:
            return self._news.wait_for(condition, timeout)

    def send(self, count: int, rate: float) -> list[int]:
        """Send frames at a rate in Hz, wait for the last answer, and return their stamps."""
        stamps, start = [], time.monotonic()
        for index in range(count):
            time.sleep(max(0.0, start + index / rate - time.monotonic()))
            message = self._messages[index % len(self._messages)]
            message.header.stamp = self.get_clock().now().to_msg()
            stamps.append(stamp_to_ns(message.header.stamp))
            self._camera.publish(message)
        self.wait_for(lambda: stamps[-1] in self.masks, _ANSWER_TIMEOUT)
        return stamps

    def answered(self, count: int, rate: float) -> dict[str, float]:
        """Return the shares of frames, 0..1, answered before the next was sent, and at all."""
        pairs = list(itertools.pairwise(self.send(count + 1, rate)))
        return {
            'in time': statistics.mean(
                self.masks.get(stamp, following) < following for stamp, following in pairs),
            'at all': statistics.mean(stamp in self.masks for stamp, _ in pairs)}


@contextmanager
def running(images: Sequence, size: tuple[int, int], options, make_rig=Rig
            ) -> Iterator[tuple[Rig, int]]:
    """Run the node and the rig; give the rig, once frames are answered, and the node's pid."""
    rig = make_rig(images)
    executor = SingleThreadedExecutor()
    executor.add_node(rig)

    def spin():
        with suppress(ExternalShutdownException):
            executor.spin()

    threading.Thread(target=spin, daemon=True).start()
    arguments = ['-p', f'driver_profile:={options.profile}', '-p', f'device:={options.device}',
                 '-p', f'engine:={options.engine}',
                 '-p', f'input_size:=[{size[0]}, {size[1]}]']
    try:
        with (tempfile.TemporaryDirectory() as folder,
              process('segmentation', arguments, Path(folder, 'log')) as child):
            active = rig.wait_for(
                lambda: rig.diagnostics.get('segmentation: node', {}).get(
                    'lifecycle_state') == 'active', _START_TIMEOUT)
            if not active or child.poll() is not None:
                raise RuntimeError(
                    f'the node did not become active:\n{Path(folder, "log").read_text()}')
            rig.send(10, 2.0)
            yield rig, child.pid
    finally:
        executor.shutdown()
        rig.destroy_node()


def latency_case(rig: Rig, name: str, frames: int) -> Case:
    """Measure what the node adds to its pipeline, on frames far enough apart not to wait."""
    stamps = rig.send(frames, 4.0)
    # The statistics behind /diagnostics are published once a second.
    rig.diagnostics.clear()
    rig.wait_for(lambda: 'segmentation: camera' in rig.diagnostics, _ANSWER_TIMEOUT)
    stages = {key: float(value) for key, value in rig.diagnostics['segmentation: camera'].items()
              if '_ms_p' in key}
    network = stages['network_ms_p50'] * 1e-3
    pipeline = sum(stages[f'{stage}_ms_p50'] for stage in STAGES) * 1e-3
    to_node, to_alerts, to_planner, within, sent_to_mask = [], [], [], [], []
    for stamp in stamps:
        if stamp in rig.masks and stamp in rig.summaries:
            summary = rig.summaries[stamp]
            age, inside = (float(summary[f'{name}_to_publish_ms']) * 1e-3
                           for name in ('capture', 'receive'))
            whole = (rig.masks[stamp] - stamp) * 1e-9
            to_node.append(age - inside)
            to_alerts.append(inside)
            to_planner.append(whole - age)
            within.append(whole - (age - inside))
            sent_to_mask.append(whole)
    timings = {
        'sent to received by the node': Timing(tuple(to_node)),
        'received to alerts published': Timing(tuple(to_alerts)),
        'alerts published to mask received': Timing(tuple(to_planner)),
        'received by the node to mask received': Timing(tuple(within)),
        'the same less the pipeline': Timing(tuple(value - pipeline for value in within)),
        'the same less the network': Timing(tuple(value - network for value in within)),
        'sent to mask received': Timing(tuple(sent_to_mask)),
    }
    rest = timings['the same less the pipeline']
    return Case(
        f'{name}, latency', timings,
        {f'{stage}, {p} / ms': stages[f'{stage}_ms_{p}']
         for stage in STAGES for p in ('p50', 'p95')}
        | {'beyond the pipeline, p50 / ms': rest.median_ms,
           'beyond the pipeline, p95 / ms': rest.p95_ms},
        {'beyond the pipeline, p50 / ms': 8, 'beyond the pipeline, p95 / ms': 15},
        details={'frames': frames, 'masks': len(within), 'pipeline_ms': pipeline * 1e3,
                 'diagnostics': stages})


def idle_case(pid: int, seconds: float) -> Case:
    """Measure the processor time of a node to which no frame comes."""
    before, start = _processor_seconds(pid), time.monotonic()
    time.sleep(seconds)
    share = (_processor_seconds(pid) - before) / (time.monotonic() - start)
    return Case('idle', {}, {'share of a core': share})


def _processor_seconds(pid: int) -> float:
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def largest_size(images: Sequence, rate: float, options) -> Case:
    """Find the largest network whose masks are back before the next frame."""
    shares: dict[str, float] = {}
    # Bisection: a smaller network is never slower.
    low, high = 0, len(SIZES)
    while low < high:
        middle = (low + high) // 2
        height, width = SIZES[middle]
        with running(images, SIZES[middle], options) as (rig, _):
            answered = rig.answered(options.frames, rate)
        shares.update({f'{width}x{height}, {when}': share for when, share in answered.items()})
        low, high = (low, middle) if answered['in time'] >= SHARE else (middle + 1, high)
    best = f'{SIZES[low][1]}x{SIZES[low][0]}' if low < len(SIZES) else 'none'
    return Case(f'{rate:g} Hz, answered; largest network: {best}', {}, shares)


def read_images(drive: str | None, count: int = 60) -> list:
    """Return images of KITTI's size as RGB."""
    source = open_source(drive or 'street', **({} if drive else {'frames': 20}))
    images = []
    for frame in source.frames():
        images.append(cv2.resize(frame.rgb(), (1242, 375)))
        if len(images) == count:
            break
    return images


def main(args: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    command_line = parser(__doc__)
    command_line.add_argument('--drive', help='KITTI drive or folder of images; default: street')
    command_line.add_argument('--frames', type=int, default=100, help='frames a measurement (100)')
    command_line.add_argument('--profile', default='defensive', help='driver profile (defensive)')
    command_line.add_argument('--no-search', action='store_true', help='leave out the 10 Hz case')
    options = command_line.parse_args(args)
    device = prepare(options)
    images = read_images(options.drive)
    isolate()
    rclpy.init()
    with running(images, (192, 640), options) as (rig, pid):
        cases = [latency_case(rig, '1242x375 at 640x192', options.frames)]
        cases.append(idle_case(pid, 10.0))
    for rate, (height, width) in GOALS:
        with running(images, (height, width), options) as (rig, _):
            cases.append(Case(
                f'{rate:g} Hz at {width}x{height}, answered', {},
                rig.answered(options.frames, rate), {'in time': -SHARE}))
    if not options.no_search:
        cases.append(largest_size(images, 10.0, options))
    rclpy.shutdown()
    report('node', cases, device, options.json)
    return 0


if __name__ == '__main__':
    sys.exit(main())
