"""A ROS of the tests' own: a domain apart, this machine only, no sleeps but deadlines."""

from collections.abc import Callable
import os
from pathlib import Path
import random
import threading
import time

import pytest

rclpy = pytest.importorskip('rclpy', reason='rclpy is not installed')

from rclpy.executors import MultiThreadedExecutor  # noqa: E402
from rclpy.signals import SignalHandlerOptions  # noqa: E402
import torch  # noqa: E402
from transformers import SegformerConfig  # noqa: E402
from transformers import SegformerForSemanticSegmentation  # noqa: E402
from transformers import SegformerImageProcessor  # noqa: E402

from aim_ros.perception.labels import CITYSCAPES  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]

os.environ['ROS_DOMAIN_ID'] = str(random.SystemRandom().randint(1, 100))
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
os.environ['FASTRTPS_DEFAULT_PROFILES_FILE'] = str(ROOT / 'config' / 'fastdds.xml')


class Ros:
    """Nodes of one test, spun in the background."""

    def __init__(self):
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        self._executor = MultiThreadedExecutor(4)
        self._nodes = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()
        self.errors: list[Exception] = []

    def _spin(self) -> None:
        while not self._stop.is_set():
            try:
                self._executor.spin_once(timeout_sec=0.1)
            # Kept for the test to judge: an illegal lifecycle request raises here by design.
            except Exception as error:
                self.errors.append(error)

    def add(self, node):
        """Spin `node` until the end of the test."""
        self._executor.add_node(node)
        self._nodes.append(node)
        return node

    def wait_for(self, condition: Callable[[], object], timeout: float = 20.0, what: str = ''):
        """Return the first true value of `condition`, or fail at the deadline."""
        deadline = time.monotonic() + timeout
        waiting = threading.Event()
        while not (value := condition()):
            if time.monotonic() > deadline:
                pytest.fail(f'waited {timeout:g} s in vain{" for " + what if what else ""}')
            waiting.wait(0.01)
        return value

    def close(self) -> None:
        self._stop.set()
        self._executor.shutdown()
        self._thread.join(5)
        for node in self._nodes:
            if hasattr(node, 'end'):
                node.end(5.0)
            else:
                node.destroy_node()
        rclpy.shutdown()


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
