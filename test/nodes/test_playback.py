"""Pausing a replay, as another node does it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from functools import partial
import threading

import cv2
import numpy as np
import pytest
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger

from aim_ros.nodes.messages.conversions import stamp_to_ns
from aim_ros.nodes.replay import playback as module
from aim_ros.nodes.replay.node import ReplayError
from aim_ros.nodes.replay.node import ReplayNode
from aim_ros.nodes.replay.playback import Playback


class Player:
    """Counts what it plays, as fast as it may, from frame 1 on."""

    def __init__(self, ros):
        self.node = ros.add(Node('replay'))
        self.playback = Playback(self.node)
        self.frame = self.repeated = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._play)

    def start(self):
        self._thread.start()

    def _play(self):
        while not self._stop.is_set():
            self.frame += 1
            self.playback.hold(self._stop, self._repeat)
            self._stop.wait(0.001)

    def _repeat(self):
        self.repeated += 1

    def end(self):
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()


@pytest.fixture
def player(ros):
    player = Player(ros)
    yield player
    player.end()


@pytest.fixture
def call(ros, matched_client):
    """Return a function that calls a service and waits for the answer."""
    @cache
    def clients():
        # Neither request does anything to a replay that plays.
        return {kind.Request: matched_client(kind, name, kind.Request()) for kind, name in (
            (SetBool, '/replay/pause'), (Trigger, '/replay/step'))}

    def call(request):
        future = clients()[type(request)].call_async(request)
        ros.wait_for(future.done, what='an answer')
        return future.result()
    return call


def test_a_paused_replay_repeats_its_frame_steps_and_goes_on(ros, player, call, monkeypatch):
    monkeypatch.setattr(module, 'REPEAT_PERIOD', 0.01)
    assert call(SetBool.Request(data=True)).success
    player.start()
    ros.wait_for(lambda: player.repeated > 3, what='the frame to be repeated')
    assert player.frame == 1
    for frame in (2, 3):
        assert call(Trigger.Request()).success
        repeated = player.repeated
        ros.wait_for(lambda frame=frame: player.frame == frame, what='the step')
        ros.wait_for(lambda before=repeated: player.repeated > before + 2)
        assert player.frame == frame
    assert call(SetBool.Request(data=False)).success
    ros.wait_for(lambda: player.frame > 6, what='the replay to go on')


def test_a_step_of_a_replay_that_plays_is_refused(player, call):
    answer = call(Trigger.Request())
    assert not answer.success
    assert 'not paused' in answer.message


def test_a_stop_ends_a_pause(ros, player, call):
    call(SetBool.Request(data=True))
    stop, held = threading.Event(), []
    thread = threading.Thread(
        target=lambda: held.append(player.playback.hold(stop, partial(int, 0))))
    thread.start()
    stop.set()
    thread.join()
    assert len(held) == 1


@pytest.fixture
def make_replay(ros, tmp_path):
    """Return a function that makes a replay of some grey pictures; it gives what it publishes."""
    def make(greys: Sequence[int], listener: Node, **values) -> tuple[ReplayNode, list[Image]]:
        for index, grey in enumerate(greys):
            cv2.imwrite(str(tmp_path / f'{index}.png'), np.full((8, 8, 3), grey, np.uint8))
        images: list[Image] = []
        listener.create_subscription(Image, 'camera/image', images.append, 100)
        values = {'source': str(tmp_path), 'stamps': 'now', **values}
        return ros.add(ReplayNode(parameter_overrides=[
            Parameter(name, value=value) for name, value in values.items()])), images
    return make


@pytest.fixture
def drive(ros, make_replay):
    """A replay of three pictures, of grey 50, 100 and 150, in a loop; and what it publishes."""
    replay, images = make_replay((50, 100, 150), ros.add(Node('listener')), loop=True)
    stop = threading.Event()
    thread = threading.Thread(target=replay.play, args=(stop,))
    thread.start()
    yield images
    stop.set()
    thread.join()


def test_a_paused_drive_shows_one_frame_again_and_again_with_new_stamps(ros, drive, call):
    def still() -> bool:
        return len(drive) >= 4 and len({image.data[0] for image in drive[-4:]}) == 1

    ros.wait_for(lambda: len(drive) > 3, what='the drive')
    call(SetBool.Request(data=True))
    ros.wait_for(still, what='the same frame again')
    assert len({stamp_to_ns(image.header.stamp) for image in drive[-4:]}) == 4
    shown = drive[-1].data[0]
    call(Trigger.Request())
    ros.wait_for(lambda: drive[-1].data[0] != shown and still(), what='the next frame')
    assert drive[-1].data[0] == shown % 150 + 50


def test_a_paused_replay_ends_too_when_those_it_plays_for_have_ended(
        ros, make_replay, call, monkeypatch):
    monkeypatch.setattr('aim_ros.nodes.replay.awaited._LOOK_PERIOD', 0.05)
    monkeypatch.setattr('aim_ros.nodes.replay.awaited._GONE_AFTER', 0.2)
    listener = ros.add(Node('listener'))
    replay, images = make_replay((50,), listener, wait=True)
    call(SetBool.Request(data=True))
    with ThreadPoolExecutor(1) as pool:
        played = pool.submit(replay.play, threading.Event())
        ros.wait_for(lambda: len(images) > 2, what='the frame, again and again')
        ros.remove(listener)
        with pytest.raises(ReplayError, match='ends: /listener, which it plays for, has ended'):
            played.result()
