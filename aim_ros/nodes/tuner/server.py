"""The web server of the page."""

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
import threading
import warnings

from fastapi import FastAPI
from fastapi import WebSocket
from nicegui import app as pages
from nicegui import ui
from starlette.types import ASGIApp
import uvicorn

from aim_ros.nodes.tuner.own_names import own_names
from aim_ros.nodes.tuner.own_names import OwnNames
from aim_ros.nodes.tuner.own_pages import OwnPages
from aim_ros.nodes.tuner.page import Page
from aim_ros.nodes.tuner.picture_socket import send_pictures
from aim_ros.nodes.tuner.workbench import Workbench

RECONNECT_TIMEOUT = 20.0
"""
Seconds for which a page that is not reached is kept, with what is typed in it.

On cores that are busy with other work a browser misses nicegui's 3 s, and would load it anew.
"""

STATIC = Path(__file__).parent / 'static'

# No page shows this one in a frame: it could draw over it, and lead a viewer's clicks to what sets
# parameters. The first is of CSP 2, the second for browsers without that (RFC 7034).
_HEADERS = [('Content-Security-Policy', "frame-ancestors 'none'"), ('X-Frame-Options', 'DENY')]
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

    :param host: address to listen at; one of IPv6 with or without brackets.
    :param port: 0 takes any that is free.
    :param on_ready: called with the page's address once it can be opened.
    :raises ServeError: the address cannot be listened on, or the server ended before `stop`.
    """
    host = host.removeprefix('[').removesuffix(']')
    app: ASGIApp = OwnPages(make_app(workbench))
    if (names := own_names(host)) is not None:
        app = OwnNames(app, names)
    server = uvicorn.Server(uvicorn.Config(
        app, host=host, port=port, log_level='warning', timeout_graceful_shutdown=_GRACE,
        # Here they are in refusals too, and in what the server itself says of an error.
        headers=_HEADERS))
    address = f'http://{_address(host, port)}'
    ended: Future[None] = Future()
    threading.Thread(target=_run, args=(server, ended), name='server', daemon=True).start()
    said = False
    while not stop.wait(_POLL) and not ended.done():
        # None any more where it ends at this moment.
        sockets = server.servers[0].sockets if server.started and not said else ()
        if sockets:
            said = True
            address = f'http://{_address(host, sockets[0].getsockname()[1])}'
            on_ready(address)
    server.should_exit = True
    error = ended.exception()
    if isinstance(error, SystemExit) and not server.started:
        raise ServeError(f'the page cannot be served at {_address(host, port)}: is another tuner '
                         'running there? --port 0 takes any port that is free')
    if error is not None or not stop.is_set():
        why = '' if error is None else f': {type(error).__name__}: {error}'
        raise ServeError(f'the web server of the page at {address} has ended by itself{why}; '
                         'start the tuner again')


def _address(host: str, port: int) -> str:
    """Return where something listens, as it stands in a browser's line."""
    return f'[{host}]:{port}' if ':' in host else f'{host}:{port}'


def _run(server: uvicorn.Server, ended: 'Future[None]') -> None:
    try:
        server.run()
    # Also SystemExit: so uvicorn ends where it cannot start, after it has logged why.
    except BaseException as error:
        ended.set_exception(error)
    else:
        ended.set_result(None)
