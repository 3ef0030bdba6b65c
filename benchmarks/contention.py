"""
The node beside other work: what it still answers, and how long planners and services wait.

Each scene starts the node anew, keeps some cores busy with processes that only count, and plays a
camera at --rate with pauses. Scenes and candidates take turns, so that their ratios hold on a
machine whose other load changes. The process that runs this is camera and planner.

answered         share of the frames that were sent whose mask came back
network          p50 and p95 of the network, by /diagnostics
parameter call   round trips of `get_parameters` while frames come
alerts           the longest times from one message of alerts, STALE or not, to the next, by the
                 node's clock; they offer a deadline of 1 s

A candidate is an environment for the node: `ours` is what it sets itself, the others are given.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from contextlib import ExitStack
import itertools
import os
import statistics
import sys
import threading
import time

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.srv import GetParameters
import rclpy

from aim_ros.nodes.launching.processes import isolate
from aim_ros.nodes.messages.conversions import stamp_to_ns
from aim_ros.openmp import VARIABLES
from benchmarks._common import busy_cores
from benchmarks._common import Case
from benchmarks._common import parser
from benchmarks._common import prepare
from benchmarks._common import report
from benchmarks._common import Timing
from benchmarks.node import read_images
from benchmarks.node import Rig
from benchmarks.node import running

CANDIDATES: dict[str, dict[str, str]] = {
    'ours': {},
    'libgomp as it is': {'GOMP_SPINCOUNT': '300000'},
    'passive': {'OMP_WAIT_POLICY': 'passive'},
    'spin 1000': {'GOMP_SPINCOUNT': '1000'},
    'spin 10000': {'GOMP_SPINCOUNT': '10000'},
}
_CALL_PERIOD = 0.2
_PAUSE = 2.0


class Planner(Rig):
    """A rig that also asks for parameters, and keeps when each message of alerts was published."""

    def __init__(self, images: Sequence):
        super().__init__(images)
        self.published: list[float] = []
        self.calls: list[float] = []
        self._client = self.create_client(GetParameters, '/segmentation/get_parameters')
        self.create_subscription(
            DiagnosticArray, '/segmentation/camera/alerts', self._take_published, 10)

    def _take_published(self, message: DiagnosticArray) -> None:
        values = {item.key: item.value for item in message.status[0].values}
        age = float(values.get('capture_to_publish_ms', 0)) * 1e-3
        self.published.append(stamp_to_ns(message.header.stamp) * 1e-9 + age)

    def call(self, timeout: float = 5.0) -> None:
        """Ask for a parameter, and note how long the answer took."""
        started, answered = time.monotonic(), threading.Event()
        future = self._client.call_async(GetParameters.Request(names=['focus.sigma']))
        future.add_done_callback(lambda _: answered.set())
        if not answered.wait(timeout):
            # rclpy would keep it for as long as the client.
            self._client.remove_pending_request(future)
        self.calls.append(time.monotonic() - started)

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Ask for a parameter over and over."""
        over = threading.Event()

        def repeat():
            while not over.wait(_CALL_PERIOD):
                self.call()

        thread = threading.Thread(target=repeat)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@contextmanager
def given(environment: Mapping[str, str]) -> Iterator[None]:
    """Give a process that is started meanwhile some variables, and no other of OpenMP's."""
    names = {*VARIABLES, *environment}
    before = {name: os.environ.pop(name, None) for name in names}
    os.environ.update(environment)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def scene(images: Sequence, load: int, environment: Mapping[str, str], options
          ) -> dict[str, list[float]]:
    """Return what one node did beside `load` busy processes, by name; times in seconds."""
    with ExitStack() as stack:
        with given(environment):
            planner, _ = stack.enter_context(
                running(images, tuple(options.size), options, Planner))
        stack.enter_context(busy_cores(load))
        planner.send(10, options.rate)
        planner.published.clear()
        answered = []
        for _ in range(options.pauses):
            with planner.calling():
                stamps = planner.send(options.frames // options.pauses, options.rate)
            answered.append(statistics.mean(stamp in planner.masks for stamp in stamps))
            time.sleep(_PAUSE)
        figures = planner.diagnostics['segmentation: camera']
        gaps = sorted(b - a for a, b in itertools.pairwise(sorted(planner.published)))
        return {
            'answered': answered,
            'network': [float(figures[f'network_ms_p{p}']) * 1e-3 for p in (50, 95)],
            'parameter call': planner.calls,
            'alerts': gaps[-2 * options.pauses:]}


def main(args: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    command_line = parser(__doc__)
    command_line.add_argument('--drive', help='KITTI drive or folder of images; default: street')
    command_line.add_argument('--frames', type=int, default=90, help='frames a scene (90)')
    command_line.add_argument('--pauses', type=int, default=3, help='pauses a scene (3)')
    command_line.add_argument('--rate', type=float, default=10.0, help='of the camera, Hz (10)')
    command_line.add_argument('--size', type=int, nargs=2, default=[192, 640],
                              help='height and width of the network (192 640)')
    command_line.add_argument('--profile', default='defensive', help='driver profile (defensive)')
    command_line.add_argument('--loads', type=int, nargs='+', default=[0, 1, os.cpu_count()],
                              help='busy processes, a scene for each')
    command_line.add_argument('--candidates', nargs='+', choices=list(CANDIDATES),
                              default=list(CANDIDATES), help='environments of the node')
    options = command_line.parse_args(args)
    device = prepare(options)
    images = read_images(options.drive)
    isolate()
    rclpy.init()
    cases = []
    for load in options.loads:
        found = {}
        for name in options.candidates:
            found[name] = scene(images, load, CANDIDATES[name], options)
            print(f'{load} busy, {name}:', {
                what: [round(value, 3) for value in values]
                for what, values in found[name].items()}, flush=True)
        timings = {f'{name}, {what}': Timing(tuple(values)) for name, result in found.items()
                   for what, values in result.items() if what != 'answered'}
        shares = {f'{name}, answered': statistics.mean(result['answered'])
                  for name, result in found.items()}
        worst = {f'{name}, longest {what} / s': max(result[what])
                 for name, result in found.items() for what in ('parameter call', 'alerts')}
        cases.append(Case(f'{load} busy', timings, {**shares, **worst}))
    rclpy.shutdown()
    report('contention', cases, device, options.json)
    return 0


if __name__ == '__main__':
    sys.exit(main())
