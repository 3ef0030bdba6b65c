"""The web server of the page: it says where it can be opened, and why it ended."""

from http.client import HTTPConnection
from http.client import HTTPResponse
import socket
import threading
from urllib.parse import urlsplit

from deadline import DEADLINE
from fastapi import FastAPI
import pytest
import uvicorn

from aim_ros.nodes.tuner import server
from aim_ros.nodes.tuner.server import serve
from aim_ros.nodes.tuner.server import ServeError


def has_ipv6() -> bool:
    try:
        with socket.create_server(('::1', 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.fixture
def open_server(monkeypatch):
    """Return a function that serves an empty page; it returns the addresses that were told."""
    # The page itself can be made once a process.
    monkeypatch.setattr(server, 'make_app', lambda workbench: FastAPI())

    def open_server(stop: threading.Event, port: int = 0) -> list[str]:
        addresses: list[str] = []

        def on_ready(address: str) -> None:
            addresses.append(address)
            stop.set()

        serve(None, '127.0.0.1', port, stop, on_ready)
        return addresses
    return open_server


def test_a_server_that_is_stopped_ends_without_a_word(open_server):
    address, = open_server(threading.Event())
    assert address.startswith('http://127.0.0.1:')


@pytest.fixture
def ask(monkeypatch):
    """Return a function that gives an answer, by the host that is asked for."""
    app = FastAPI()

    @app.get('/')
    def page() -> str:
        return 'the page'

    @app.get('/fails')
    def fail() -> None:
        raise RuntimeError('the page cannot be made')

    monkeypatch.setattr(server, 'make_app', lambda workbench: app)

    def ask(listens_at: str, name: str, headers: dict[str, str], path: str = '/') -> HTTPResponse:
        stop, found = threading.Event(), []

        def on_ready(address: str) -> None:
            where = urlsplit(address)
            port = where.port
            # Not on all systems does 0.0.0.0 lead anywhere.
            host = '127.0.0.1' if where.hostname == '0.0.0.0' else where.hostname
            connection = HTTPConnection(host, port, timeout=DEADLINE)
            connection.request('GET', path, headers={'Host': f'{name}:{port}'} | {
                key: value.replace('PORT', str(port)) for key, value in headers.items()})
            found.append(connection.getresponse())
            connection.close()
            stop.set()

        serve(None, listens_at, 0, stop, on_ready)
        return found[0]
    return ask


@pytest.fixture
def status(ask):
    """Return a function that gives the status of an answer, by the host that is asked for."""
    return lambda *given: ask(*given).status


@pytest.mark.parametrize(('listens_at', 'name', 'answer'), [
    ('127.0.0.1', '127.0.0.1', 200), ('127.0.0.1', 'LocalHost', 200),
    ('127.0.0.1', 'evil.example', 400), ('0.0.0.0', 'car.local', 200)])
def test_a_page_of_this_machine_answers_to_its_own_names_alone(status, listens_at, name, answer):
    # A website whose name is led to this machine would be of one origin with the page.
    assert status(listens_at, name, {}) == answer


@pytest.mark.skipif(not has_ipv6(), reason='no IPv6 on this machine')
@pytest.mark.parametrize(('listens_at', 'name', 'answer'), [
    ('::1', '[::1]', 200), ('[::1]', '[::1]', 200), ('::1', '[0:0:0:0:0:0:0:1]', 200),
    ('0:0:0:0:0:0:0:1', '[::1]', 200), ('::1', 'localhost', 200), ('::1', '[::2]', 400),
    ('::1', 'evil.example', 400)])
def test_so_does_a_page_at_an_address_of_ipv6(status, listens_at, name, answer):
    assert status(listens_at, name, {}) == answer


UPGRADE = {'Connection': 'Upgrade', 'Upgrade': 'websocket', 'Sec-WebSocket-Version': '13',
           'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ=='}


def test_no_foreign_name_opens_a_socket(status):
    assert status('127.0.0.1', 'evil.example', UPGRADE) in (400, 403)


@pytest.mark.parametrize('listens_at', ['127.0.0.1', '0.0.0.0'])
def test_no_foreign_page_asks_for_anything_wherever_it_is_served(status, listens_at):
    own = {'Origin': 'http://127.0.0.1:PORT'}
    assert status(listens_at, '127.0.0.1', own) == 200
    for origin in ('http://evil.example', 'null'):
        for more in ({}, UPGRADE):
            assert status(listens_at, '127.0.0.1', {'Origin': origin, **more}) == 403


@pytest.mark.parametrize(('answer', 'name', 'headers', 'path'), [
    (200, '127.0.0.1', {}, '/'), (404, '127.0.0.1', {}, '/nothing'),
    (400, 'evil.example', {}, '/'), (403, '127.0.0.1', {'Origin': 'null'}, '/'),
    (500, '127.0.0.1', {}, '/fails')])
def test_no_answer_is_shown_in_the_frame_of_another_page(ask, answer, name, headers, path):
    """A site could draw over the page, and have its viewer click on what sets parameters."""
    given = ask('127.0.0.1', name, headers, path)
    assert given.status == answer
    assert given.headers.get_all('Content-Security-Policy') == ["frame-ancestors 'none'"]
    assert given.headers.get_all('X-Frame-Options') == ['DENY']


async def _raise(self) -> None:
    raise RuntimeError('the loop broke')


async def _leave(self) -> None:
    """End at once, as if the server had been told to."""


async def _exit(self) -> None:
    raise SystemExit(3)


@pytest.mark.parametrize(('ends', 'why'), [
    (_raise, 'RuntimeError: the loop broke'), (_leave, 'by itself; start'), (_exit, 'SystemExit')])
def test_a_server_that_ends_by_itself_is_told_of(open_server, monkeypatch, ends, why):
    monkeypatch.setattr(uvicorn.Server, 'main_loop', ends)
    stop = threading.Event()
    # Where it is told of the address first, that is no reason to end.
    monkeypatch.setattr(stop, 'set', lambda: None)
    with pytest.raises(ServeError, match='has ended by itself') as error:
        open_server(stop)
    assert why in str(error.value)


def test_an_address_that_is_taken_is_named(open_server):
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServeError, match=f'cannot be served at 127.0.0.1:{port}'):
            open_server(threading.Event(), port)
