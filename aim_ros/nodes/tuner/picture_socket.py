"""Sends pictures to the viewers' pages: each asks for the next when it has drawn the last."""

import asyncio
import struct

import anyio
from fastapi import WebSocket
from fastapi import WebSocketDisconnect

from aim_ros.nodes.tuner.pictures import Encoded
from aim_ros.nodes.tuner.pictures import Pictures

_UNKNOWN_CAMERA = 4404


async def send_pictures(socket: WebSocket, pictures: Pictures | None) -> None:
    """
    Send the newest pictures whenever they are asked for, until the viewer is gone.

    :param socket: of one viewer.
    :param pictures: of the camera that it asked for; None where there is no such camera.
    """
    await socket.accept()
    if pictures is None:
        await socket.close(_UNKNOWN_CAMERA, 'there is no such camera')
        return
    wanted = asyncio.Event()

    async def listen() -> None:
        while True:
            await socket.receive_text()
            wanted.set()

    async def answer() -> None:
        seen = 0
        while True:
            await wanted.wait()
            wanted.clear()
            encoded = await pictures.newer_than(seen)
            seen = encoded.number
            await socket.send_bytes(message_of(encoded))

    with pictures.watch():
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(listen)
                tasks.start_soon(answer)
        except* WebSocketDisconnect:
            pass  # the viewer is gone, which ends both


def message_of(encoded: Encoded) -> bytes:
    """Return a pair as one message: the first JPEG's length in 4 bytes, then both."""
    return struct.pack('>I', len(encoded.camera)) + encoded.camera + encoded.overlay
