"""Spins nodes, and lets no callback that raises end one."""

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
import threading

from rclpy.executors import Executor
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from aim_ros.nodes.logging import RateLimitedLogger

_PERIOD = 1.0


def spin(executor: Executor, node: Node, ended: Callable[[], bool]) -> None:
    """
    Call back until `ended`; a callback that raises is logged, and ends itself alone.

    What fails with each of thirty messages a second is logged every few seconds.

    :param executor: the one of the node.
    :param ended: asked after each callback, and once a second.
    """
    log = RateLimitedLogger(node.get_logger())
    while not ended():
        try:
            executor.spin_once(timeout_sec=_PERIOD)
        except Exception as error:
            kind = type(error).__name__
            log.error(kind, f'a callback failed: {kind}: {error}')


@contextmanager
def spinning(node: Node) -> Iterator[None]:
    """Spin a node in a thread of its own for the time of the context."""
    executor, ended = SingleThreadedExecutor(), threading.Event()
    executor.add_node(node)
    thread = threading.Thread(
        target=spin, args=(executor, node, ended.is_set), name='executor', daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        executor.wake()
        thread.join()
        executor.shutdown()
