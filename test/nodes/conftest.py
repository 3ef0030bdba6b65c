# ruff: noqa: E402 - without rclpy, nothing below can be imported
"""A ROS of the tests' own: a domain apart, this machine only, no sleeps but deadlines."""

from collections.abc import Callable
from functools import partial
import os
from pathlib import Path
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

rclpy = pytest.importorskip('rclpy', reason='rclpy is not installed')

from deadline import DEADLINE
from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions
from ros_domain import claim_domain
from ros_domain import claims
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from std_msgs.msg import Header
import torch
from transformers import SegformerConfig
from transformers import SegformerForSemanticSegmentation
from transformers import SegformerImageProcessor

from aim_ros.nodes.launching.transports import large_images
from aim_ros.nodes.messages.conversions import image_message
from aim_ros.nodes.messages.conversions import ns_to_stamp
from aim_ros.nodes.messages.conversions import stamp_to_ns
from aim_ros.nodes.rclpy_private import join_callbacks
from aim_ros.nodes.rclpy_private import lifecycle_state
from aim_ros.nodes.segmentation.node import SegmentationNode
from aim_ros.segmentation.labels import CITYSCAPES

ROOT = Path(__file__).resolve().parents[2]

os.environ['ROS_DOMAIN_ID'] = str(claim_domain())
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
os.environ.update(large_images(
    {'ROS_DISTRO': os.environ.get('ROS_DISTRO', 'jazzy')}, str(ROOT / 'config' / 'fastdds.xml')))


class Ros:
    """Nodes of one test, spun in the background."""

    def __init__(self):
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        self._executor = MultiThreadedExecutor(4)
        self._nodes = []
        self._stop = threading.Event()
        self.errors: list[Exception] = []
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        while not self._stop.is_set():
            try:
                self._executor.spin_once(timeout_sec=0.1)
            # Kept for the test to look at.
            except Exception as error:
                self.errors.append(error)

    Node = Node

    def add(self, node):
        """Spin `node` until the end of the test."""
        self._executor.add_node(node)
        self._nodes.append(node)
        return node

    def remove(self, node) -> None:
        """Destroy a node before the end of the test."""
        self._executor.remove_node(node)
        self._nodes.remove(node)
        _end(node)

    def wait_for(self, condition: Callable[[], object], timeout: float = DEADLINE, what: str = ''):
        """Return the first true value of `condition`, or fail at the deadline."""
        deadline = time.monotonic() + timeout
        waiting = threading.Event()
        while not (value := condition()):
            if time.monotonic() > deadline:
                pytest.fail(f'waited {timeout:g} s in vain{" for " + what if what else ""}; '
                            f'errors of the executor: {self.errors}')
            waiting.wait(0.01)
        return value

    def close(self) -> None:
        self._stop.set()
        self._executor.shutdown()
        self._thread.join()
        # What they use is about to be destroyed.
        join_callbacks(self._executor)
        for node in self._nodes:
            _end(node)
        rclpy.shutdown()


def _end(node: Node) -> None:
    """End a node's threads where it has some, and destroy it."""
    node.end() if hasattr(node, 'end') else node.destroy_node()


class Clock:
    """A clock in seconds that stands until a test sets it."""

    def __init__(self):
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ros():
    """Give a test its ROS, and shut it down after."""
    ros = Ros()
    yield ros
    ros.close()


@pytest.fixture(scope='session')
def tiny_model(tmp_path_factory) -> str:
    """A SegFormer checkpoint with 19 classes that runs in milliseconds and knows nothing."""
    folder = tmp_path_factory.mktemp('models') / 'tiny'
    torch.manual_seed(0)
    config = SegformerConfig(
        depths=[1, 1, 1, 1], hidden_sizes=[8, 8, 16, 16], num_attention_heads=[1, 1, 2, 2],
        decoder_hidden_size=16, id2label=dict(enumerate(CITYSCAPES.names)),
        label2id={name: i for i, name in enumerate(CITYSCAPES.names)})
    SegformerForSemanticSegmentation(config).save_pretrained(folder)
    SegformerImageProcessor(size={'height': 64, 'width': 96}).save_pretrained(folder)
    return str(folder)


class Camera(Node):
    """A camera driver and a planner in one: publishes frames and keeps what comes back."""

    def __init__(self, name: str = 'camera', node: str = 'segmentation'):
        super().__init__(f'{name}_driver')
        self.camera = name
        self.pixels = np.random.default_rng(0).integers(0, 256, (60, 100, 3), np.uint8)
        self.masks: list[Image] = []
        self.alerts: list[DiagnosticArray] = []
        self.overlays: list[Image] = []
        self.confidences: list[Image] = []
        self._prefix = f'/{node}/{name}'
        self.images = self.create_publisher(Image, f'{name}/image', 10)
        self.compressed = self.create_publisher(
            CompressedImage, f'{name}/image/compressed', 10)
        self.infos = self.create_publisher(CameraInfo, f'{name}/camera_info', 10)
        self.listening = [self.collect(Image, 'mask', self.masks),
                          self.collect(DiagnosticArray, 'alerts', self.alerts)]

    def is_heard(self) -> bool:
        """Whether somebody subscribes to the images, and to their calibration."""
        return self.infos.get_subscription_count() > 0 and (
            self.images.get_subscription_count() + self.compressed.get_subscription_count() > 0)

    def collect(self, message_type, topic: str, into: list):
        """Subscribe to one of the node's topics for this camera."""
        return self.create_subscription(
            message_type, f'{self._prefix}/{topic}', into.append, 50)

    def message(self, stamp: float, pixels: np.ndarray | None = None) -> Image:
        """Return an image message of the camera's test picture."""
        header = Header(stamp=ns_to_stamp(round(stamp * 1e9)), frame_id=f'{self.camera}_optical')
        return image_message(self.pixels if pixels is None else pixels, 'rgb8', header)

    def answer(self, stamp: float) -> tuple[Image, DiagnosticArray] | None:
        """Return the mask and the alerts of the frame with this stamp, once both are there."""
        stamp_ns = round(stamp * 1e9)
        mask, alerts = of_stamp(self.masks, stamp_ns), of_stamp(self.alerts, stamp_ns)
        return (mask, alerts) if mask and alerts else None

    def summaries(self) -> list[dict[str, str]]:
        """Return the values of the summary status of every alerts message so far."""
        return [{v.key: v.value for v in m.status[0].values} for m in list(self.alerts)]

    def stale(self) -> list[DiagnosticArray]:
        """Return the STALE messages so far."""
        return [m for m in list(self.alerts) if m.status[0].level == DiagnosticStatus.STALE]


def start_node(ros: Ros, *, active: bool = True, **overrides) -> SegmentationNode:
    """Spin a segmentation node with parameter overrides, `__` for a dot; wait until active."""
    cameras = overrides.get('cameras', ['camera'])
    topic = 'image/compressed' if 'image_transport' in overrides else 'image'
    # On the engine that converts nothing, at the size that the tiny model was made for.
    values = {'device': 'cpu', 'engine': 'torch', 'input_size': [64, 96], **{
        name.replace('__', '.'): value for name, value in overrides.items()}}
    # Best effort may lose a frame, or a calibration, and a test is to know each one's fate.
    values = {f'qos_overrides./{camera}/{name}.subscription.reliability': 'reliable'
              for camera in cameras for name in (topic, 'camera_info')} | values
    node = ros.add(SegmentationNode(parameter_overrides=[
        Parameter(name, value=value) for name, value in values.items()]))
    if active:
        ros.wait_for(lambda: state_of(node) == 'active', what='the node to be active')
    return node


def match_camera(ros: Ros, node: SegmentationNode, name: str = 'camera') -> Camera:
    """Spin a camera and wait until both ends are matched."""
    camera = ros.add(Camera(name))
    match(ros, node, camera)
    return camera


def match(ros: Ros, node: SegmentationNode, camera: Camera) -> None:
    """Wait until node and camera know of each other, each of them: what is sent before is lost."""
    channel = node.channels[camera.camera]
    ros.wait_for(lambda: channel.input.publisher_count() > 0 and camera.is_heard(),
                 what='the image to be matched')
    ros.wait_for(lambda: channel.output.mask_subscribers() > 0
                 and channel.output.alert_subscribers() > 0
                 and all(end.get_publisher_count() > 0 for end in camera.listening),
                 what='the mask to be matched')


def match_client(ros: Ros, kind: type, name: str, harmless):
    """
    Return a client of a service whose server knows of it.

    One that does not yet drops its answer: a request that does no harm is made until one comes.
    """
    def answered_client():
        client = ros.add(Node('caller')).create_client(kind, name)
        answered = threading.Event()
        if client.wait_for_service(3):
            client.call_async(harmless).add_done_callback(lambda _: answered.set())
        return client if answered.wait(3) else None

    return ros.wait_for(answered_client, what=f'an answer of {name}')


def of_stamp(messages: list, stamp_ns: int):
    """Return the message with this header stamp, or None as long as there is none."""
    return next((m for m in messages if stamp_to_ns(m.header.stamp) == stamp_ns), None)


@pytest.fixture
def harness() -> SimpleNamespace:
    """Give a test that needs several ROS one after the other the parts to make them of."""
    return SimpleNamespace(Ros=Ros, start_node=start_node, match_camera=match_camera,
                           match_client=match_client, of_stamp=of_stamp)


@pytest.fixture
def make_node(ros, tiny_model):
    """Return a function that starts a node, with a tiny model unless told otherwise."""
    return lambda **overrides: start_node(ros, **{'model': tiny_model, **overrides})


@pytest.fixture
def make_camera(ros):
    """Return a function that makes a camera matched with a node."""
    return partial(match_camera, ros)


@pytest.fixture
def await_match(ros):
    """Return a function that waits until a node and a camera of before are matched again."""
    return partial(match, ros)


@pytest.fixture
def ask(ros):
    """Return a function that sends a frame and waits for its mask and alerts."""
    def ask(camera: Camera, stamp: float, pixels: np.ndarray | None = None):
        camera.images.publish(camera.message(stamp, pixels))
        return ros.wait_for(lambda: camera.answer(stamp), what=f'the answer to {stamp}')
    return ask


@pytest.fixture
def matched_client(ros):
    """Return a function that makes a client whose server knows of it."""
    return partial(match_client, ros)


state_of = lifecycle_state


# What a process that was killed leaves in shared memory, Fast DDS tells the next one of.
LEFT_BEHIND = 'RTPS_TRANSPORT_SHM'


class Process:
    """One of the package's executables as a process, whose output is read as it comes."""

    def __init__(self, executable: str, *arguments: str, program: str = ''):
        start = ['-c', program] if program else ['-m', 'aim_ros.nodes', executable]
        self._child = subprocess.Popen(
            [sys.executable, *start, '--ros-args', *arguments], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=claims(),
            env={**os.environ, 'PYTHONPATH': str(ROOT), 'PYTHONFAULTHANDLER': '1'})
        self._changed = threading.Condition()
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._child.stdout:
            if LEFT_BEHIND in line:
                continue
            with self._changed:
                self.lines.append(line.rstrip())
                self._changed.notify_all()

    def wait_for_line(self, part: str) -> None:
        """Wait until a line of the output contains `part`."""
        with self._changed:
            assert self._changed.wait_for(
                lambda: any(part in line for line in self.lines), DEADLINE), self.lines

    def wait_for_library(self, name: str) -> None:
        """Wait until a shared library is loaded, i.e. until the process is importing it."""
        maps = Path(f'/proc/{self._child.pid}/maps')
        deadline = time.monotonic() + DEADLINE
        waiting = threading.Event()
        while name not in maps.read_text():
            assert self._child.poll() is None, self.lines
            assert time.monotonic() < deadline, f'{name} was never loaded'
            waiting.wait(0.002)

    @property
    def pid(self) -> int:
        return self._child.pid

    def signal(self, number: int) -> None:
        self._child.send_signal(number)

    def wait(self) -> int:
        """Wait for the end; return the exit code. One that does not end says where it is."""
        try:
            code = self._child.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGABRT)
            self._reader.join(DEADLINE)
            pytest.fail('the process does not end:\n' + '\n'.join(self.lines))
        self._reader.join(DEADLINE)
        return code

    def kill(self) -> None:
        if self._child.poll() is None:
            self._child.kill()
        self._child.wait()


@pytest.fixture
def start_process():
    """Return a function that starts an executable; what still runs at the end is killed."""
    def start(executable: str, *arguments: str, program: str = '') -> Process:
        process = Process(executable, *arguments, program=program)
        started.append(process)
        return process
    started = []
    yield start
    for process in started:
        process.kill()


@pytest.fixture
def make_planner(ros):
    """Return a function that makes a camera whose node may be another process."""
    return lambda: ros.add(Camera())
