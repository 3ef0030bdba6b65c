"""The web server of the page."""

from collections.abc import Callable
from pathlib import Path
import threading
import warnings

from fastapi import FastAPI
from fastapi import WebSocket
from nicegui import app as pages
from nicegui import ui
import uvicorn

from aim_ros.nodes.tuner.page import Page
from aim_ros.nodes.tuner.picture_socket import send_pictures
from aim_ros.nodes.tuner.workbench import Workbench

RECONNECT_TIMEOUT = 20.0
"""
Seconds for which a page that is not reached is kept, with what is typed in it.

On cores that are busy with other work a browser misses nicegui's 3 s, and would load it anew.
"""

STATIC = Path(__file__).parent / 'static'

_POLL = 0.1
_GRACE = 2  # seconds for open connections to end


class ServeError(RuntimeError):
    """The page cannot be served; the text says why."""


def make_app(workbench: Workbench) -> FastAPI:
    """Return the application that serves the page, for one time a process."""
    app = FastAPI()

    @app.websocket('/pictures/{camera}')
    async def pictures(socket: WebSocket, camera: str) -> None:
        stream = workbench.node.streams.get(camera)
        await send_pictures(socket, None if stream is None else stream.pictures)

    @ui.page('/', title='aim_ros tuner')
    def page() -> None:
        Page(workbench).build()

    pages.add_static_files('/static', STATIC)
    with warnings.catch_warnings():
        # nicegui looks at every object there is, and torch has one that warns of being looked at.
        warnings.simplefilter('ignore', FutureWarning)
        ui.run_with(app, dark=True, show_welcome_message=False,
                    reconnect_timeout=RECONNECT_TIMEOUT)
    return app


def serve(workbench: Workbench, host: str, port: int, stop: threading.Event,
          on_ready: Callable[[str], None]) -> None:
    """
    Serve the page until `stop` is set.

    :param port: 0 takes any that is free.
    :param on_ready: called with the page's address once it can be opened.
    :raises ServeError: the address cannot be listened on.
    """
    server = uvicorn.Server(uvicorn.Config(
        make_app(workbench), host=host, port=port, log_level='warning',
        timeout_graceful_shutdown=_GRACE))
    thread = threading.Thread(target=_run, args=(server,), name='server', daemon=True)
    thread.start()
    said = False
    while not stop.wait(_POLL) and thread.is_alive():
        if server.started and not said:
            said = True
            bound = server.servers[0].sockets[0].getsockname()[1]
            on_ready(f'http://{host}:{bound}')
    server.should_exit = True
    thread.join()
    if not server.started:
        raise ServeError(f'the page cannot be served at {host}:{port}: is another tuner running '
                         'there? --port 0 takes any port that is free')


def _run(server: uvicorn.Server) -> None:
    try:
        server.run()
    except SystemExit:
        # How uvicorn says that it could not start, after it has logged why.
        return
