"""Viewers get the newest pictures, each at the pace at which it asks."""

import asyncio
import struct
import threading
import time

import cv2
from deadline import DEADLINE
from fastapi import FastAPI
from fastapi import WebSocket
from fastapi import WebSocketDisconnect
import numpy as np
import pytest
from starlette.testclient import TestClient

from aim_ros.imaging.frame import Frame
from aim_ros.nodes.tuner.picture_socket import send_pictures
from aim_ros.nodes.tuner.pictures import jpeg
from aim_ros.nodes.tuner.pictures import Pair
from aim_ros.nodes.tuner.pictures import Pictures


def pair(stamp: int, *, overlay: bool = True) -> Pair:
    image = np.full((16, 24, 3), stamp % 256, np.uint8)
    return Pair(Frame(image, stamp_ns=stamp), image.copy() if overlay else None)


@pytest.fixture
def pictures():
    pictures = Pictures()
    yield pictures
    pictures.end()


def wait_for(condition) -> None:
    deadline, waiting = time.monotonic() + DEADLINE, threading.Event()
    while not condition():
        assert time.monotonic() < deadline
        waiting.wait(0.005)


def shows(pictures: Pictures, stamp: int) -> bool:
    return pictures.newest is not None and pictures.newest.pair.frame.stamp_ns == stamp


def test_nothing_is_encoded_while_nobody_watches(pictures):
    for stamp in range(1, 6):
        pictures.put(pair(stamp))
    assert not pictures.watched
    assert pictures.newest is None
    with pictures.watch():
        wait_for(lambda: shows(pictures, 5))
    # The four before were never encoded.
    assert pictures.newest.number == 1


def test_the_rate_is_bounded_and_the_last_picture_gets_through(pictures):
    began = time.monotonic()
    with pictures.watch():
        for stamp in range(1, 201):
            pictures.put(pair(stamp))
        wait_for(lambda: shows(pictures, 200))
    assert pictures.newest.number <= 2 + 15 * (time.monotonic() - began)


def test_a_held_picture_stands_still_but_for_steps(pictures):
    with pictures.watch():
        pictures.put(pair(1))
        wait_for(lambda: shows(pictures, 1))
        pictures.hold(True)
        pictures.put(pair(2))
        pictures.put(pair(3))
        assert shows(pictures, 1)
        pictures.step()
        wait_for(lambda: shows(pictures, 3))
        pictures.put(pair(4))
        pictures.hold(False)
        wait_for(lambda: shows(pictures, 4))


def test_waiting_for_newer_pictures(pictures):
    async def wait():
        waiting = asyncio.ensure_future(pictures.newer_than(1))
        await asyncio.sleep(0)
        assert not waiting.done()
        pictures.put(pair(2))
        return await waiting

    with pictures.watch():
        pictures.put(pair(1))
        wait_for(lambda: shows(pictures, 1))
        assert asyncio.run(wait()).number == 2


@pytest.fixture
def client(pictures):
    app = FastAPI()

    @app.websocket('/pictures/{camera}')
    async def endpoint(socket: WebSocket, camera: str):
        await send_pictures(socket, pictures if camera == 'camera' else None)

    with TestClient(app) as client:
        yield client


def test_a_viewer_that_asks_late_gets_the_newest_and_nothing_else(client, pictures):
    with client.websocket_connect('/pictures/camera') as slow:
        wait_for(lambda: pictures.watched)
        for stamp in (1, 2, 3):
            pictures.put(pair(stamp))
            wait_for(lambda stamp=stamp: shows(pictures, stamp))
        with client.websocket_connect('/pictures/camera') as other:
            for socket in (slow, other):
                socket.send_text('next')
                message = socket.receive_bytes()
                length, = struct.unpack('>I', message[:4])
                assert message[4:4 + length] == pictures.newest.camera
                assert message[4 + length:] == pictures.newest.overlay
    wait_for(lambda: not pictures.watched)


def test_a_camera_without_overlays_is_shown_alone(client, pictures):
    with client.websocket_connect('/pictures/camera') as socket:
        socket.send_text('next')
        pictures.put(pair(7, overlay=False))
        message = socket.receive_bytes()
        assert struct.unpack('>I', message[:4])[0] == len(message) - 4


def test_who_asks_for_no_such_camera_is_sent_away(client, pictures):
    with (client.websocket_connect('/pictures/other') as socket,
          pytest.raises(WebSocketDisconnect)):
        socket.receive_bytes()
    assert not pictures.watched


def test_very_wide_pictures_are_made_smaller_and_keep_their_shape_and_colours():
    wide = np.zeros((300, 2560, 3), np.uint8)
    wide[:, :, 0] = 200
    seen = cv2.imdecode(np.frombuffer(jpeg(wide), np.uint8), cv2.IMREAD_COLOR)
    assert seen.shape == (150, 1280, 3)
    assert np.abs(seen[75, 640].astype(int) - (0, 0, 200)).max() < 8


def test_a_picture_higher_than_any_jpeg_does_not_end_the_pictures(pictures):
    with pictures.watch():
        pictures.put(Pair(Frame(np.zeros((70_000, 2, 3), np.uint8), stamp_ns=1), None))
        wait_for(lambda: shows(pictures, 1))
        pictures.put(pair(2))
        wait_for(lambda: shows(pictures, 2))
