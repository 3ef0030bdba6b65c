# ruff: noqa: E402 - without rclpy, nothing below can be imported
"""A ROS of the tests' own: a domain apart, this machine only, no sleeps but deadlines."""

from collections.abc import Callable
from functools import partial
import os
from pathlib import Path
import threading
import time
from types import SimpleNamespace

import pytest

rclpy = pytest.importorskip('rclpy', reason='rclpy is not installed')

from camera_driver import Camera
from camera_driver import of_stamp
from deadline import DEADLINE
from executable_process import Process
import numpy as np
from pauses import pause
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions
from ros_domain import claim_domain
import torch
from transformers import SegformerConfig
from transformers import SegformerForSemanticSegmentation
from transformers import SegformerImageProcessor

from aim_ros.nodes.launching.transports import large_images
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
        pause()
        return value

    def queued(self) -> int:
        """Return how many callbacks wait for a thread."""
        return self._executor._executor._work_queue.qsize()

    def end_callbacks(self) -> None:
        """Call back no more, and wait until what was to be called back is over."""
        self._stop.set()
        self._executor.wake()
        self._thread.join()
        # rclpy's `shutdown` waits for no callback, and destroys what each uses as it begins.
        join_callbacks(self._executor)
        self._executor.shutdown()

    def close(self) -> None:
        self.end_callbacks()
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
