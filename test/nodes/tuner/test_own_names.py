"""By which names a page of this machine may be asked for, whichever starlette is installed."""

import asyncio
import socket

import pytest

pytest.importorskip('starlette', reason='starlette is not installed: requirements-live.txt')

from aim_ros.nodes.tuner.own_names import name_of
from aim_ros.nodes.tuner.own_names import own_names
from aim_ros.nodes.tuner.own_names import OwnNames


@pytest.mark.parametrize(('header', 'name'), [
    ('localhost', 'localhost'), ('localhost:8080', 'localhost'), ('LocalHost:8080', 'localhost'),
    ('127.0.0.1:80', '127.0.0.1'), ('[::1]', '::1'), ('[::1]:8080', '::1'), ('[::1]:', '::1'),
    ('localhost.:8080', 'localhost'), ('127.0.0.1.', '127.0.0.1'),
    ('[0:0:0:0:0:0:0:1]:8080', '::1'), ('[FE80::1]:80', 'fe80::1'), ('', ''), ('::1', ''),
    ('[::1', ''), ('[::1]evil.example', ''), ('evil.example:80:localhost', ''),
    ('localhost@evil.example', ''), ('[localhost]', ''), ('localhost /', '')])
def test_the_name_in_a_header(header, name):
    assert name_of(header) == name


@pytest.mark.parametrize('host', [
    '127.0.0.1', '127.0.0.2', 'localhost', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1',
    'LOCALHOST', 'localhost.', '127.1'])
def test_a_page_of_this_machine_alone_has_its_names(host):
    names = own_names(host)
    assert {'localhost', '127.0.0.1', '::1'} <= names
    assert 'evil.example' not in names
    assert name_of(f'[{host}]:80' if ':' in host else f'{host}:80') in names


@pytest.fixture
def resolve(monkeypatch):
    """Return a function that sets the addresses of all names; none is as without a DNS."""
    def resolve(*addresses):
        def getaddrinfo(host, port, *args, **kwargs):
            if not addresses:
                raise socket.gaierror(socket.EAI_NONAME, 'Name or service not known')
            return [(0, 0, 0, '', (address, 0)) for address in addresses]

        monkeypatch.setattr(socket, 'getaddrinfo', getaddrinfo)
    return resolve


@pytest.mark.parametrize('addresses', [
    ('127.0.1.1',), ('::1',), ('::1', '127.0.0.1'), ('::ffff:127.0.0.1',), ()])
def test_a_name_that_leads_to_this_machine_alone_is_one_of_its_names(resolve, addresses):
    # As Debian has it of a machine's own name, and others of ip6-localhost.
    resolve(*addresses)
    names = own_names('Car')
    assert {'car', 'localhost', '127.0.0.1', '::1'} <= names
    assert {name_of(f'[{address}]' if ':' in address else address)
            for address in addresses} <= names
    assert 'evil.example' not in names


@pytest.mark.parametrize('addresses', [
    ('192.168.0.7',), ('127.0.1.1', '192.168.0.7'), ('fe80::1%2',)])
def test_a_name_that_leads_to_others_has_any_name(resolve, addresses):
    resolve(*addresses)
    assert own_names('car.local') is None


@pytest.mark.parametrize('host', ['0.0.0.0', '::', '', '192.168.0.7'])
def test_a_page_for_others_has_any_name(host):
    assert own_names(host) is None


def asked(kind: str, *hosts: str) -> list[dict]:
    """Return what an application answers, which says that it was reached."""
    answers = []

    async def app(scope, receive, send):
        await send({'type': 'reached'})

    async def send(message):
        answers.append(message)

    scope = {'type': kind, 'headers': [(b'accept', b'*/*')] + [
        (b'host', host.encode('latin-1')) for host in hosts]}
    asyncio.run(OwnNames(app, own_names('::1'))(scope, None, send))
    return answers


@pytest.mark.parametrize('kind', ['http', 'websocket'])
def test_what_asks_by_a_name_is_passed_on(kind):
    for host in ('[::1]:8080', 'LOCALHOST', '127.0.0.1:80'):
        assert asked(kind, host) == [{'type': 'reached'}]


@pytest.mark.parametrize('hosts', [(), ('evil.example',), ('localhost', 'evil.example'), ('ö',)])
def test_what_asks_by_another_is_refused(hosts):
    start, body = asked('http', *hosts)
    assert start['status'] == 400
    assert b'127.0.0.1, ::1, localhost' in body['body']
    assert [answer['type'] for answer in asked('websocket', *hosts)] == ['websocket.close']


def test_what_is_no_request_is_passed_on():
    assert asked('lifespan') == [{'type': 'reached'}]
