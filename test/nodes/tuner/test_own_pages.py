"""Which pages may ask for something: the tuner's own, wherever it is served."""

import asyncio

import pytest

pytest.importorskip('starlette', reason='starlette is not installed: requirements-live.txt')

from aim_ros.nodes.tuner.own_pages import OwnPages


def asked(kind: str, hosts: list[str], origins: list[str]) -> list[dict]:
    """Return what an application answers, which says that it was reached."""
    answers = []

    async def app(scope, receive, send):
        await send({'type': 'reached'})

    async def send(message):
        answers.append(message)

    scope = {'type': kind, 'headers': [
        *((b'host', host.encode('latin-1')) for host in hosts),
        *((b'origin', origin.encode('latin-1')) for origin in origins)]}
    asyncio.run(OwnPages(app)(scope, None, send))
    return answers


@pytest.mark.parametrize('kind', ['http', 'websocket'])
@pytest.mark.parametrize(('host', 'origins'), [
    ('127.0.0.1:8080', []), ('127.0.0.1:8080', ['http://127.0.0.1:8080']),
    ('[::1]:8080', ['http://[::1]:8080']), ('Car.local', ['http://car.local']),
    # Behind what adds TLS.
    ('car.local', ['https://car.local'])])
def test_the_page_and_what_is_no_page_are_passed_on(kind, host, origins):
    assert asked(kind, [host], origins) == [{'type': 'reached'}]


@pytest.mark.parametrize(('hosts', 'origins'), [
    (['127.0.0.1:8080'], ['http://evil.example']), (['127.0.0.1:8080'], ['null']),
    (['127.0.0.1:8080'], ['']), (['127.0.0.1:8080'], ['http://127.0.0.1:9000']),
    (['127.0.0.1:8080'], ['http://127.0.0.1']), ([''], ['null']), ([], ['null']),
    (['127.0.0.1:8080'], ['127.0.0.1:8080']), (['127.0.0.1:8080'], ['http://[']),
    (['127.0.0.1:8080'], ['http://127.0.0.1:8080', 'http://evil.example']),
    (['127.0.0.1:8080'], ['http://evil.example/http://127.0.0.1:8080'])])
def test_pages_of_others_are_refused(hosts, origins):
    start, body = asked('http', hosts, origins)
    assert start['status'] == 403
    assert b'pages of other sites' in body['body']
    assert [answer['type'] for answer in asked('websocket', hosts, origins)] == [
        'websocket.close']


def test_what_is_no_request_is_passed_on():
    assert asked('lifespan', [], []) == [{'type': 'reached'}]
