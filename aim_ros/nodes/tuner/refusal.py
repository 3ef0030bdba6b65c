"""How the tuner's web server refuses a request before its application sees it."""

from starlette.types import Scope
from starlette.types import Send

_POLICY_VIOLATION = 1008


def header(scope: Scope, name: str) -> list[str]:
    """Return the values of a header, by its name in lower case: as many as were sent."""
    return [value.decode('latin-1') for key, value in scope['headers']
            if key == name.encode('latin-1')]


async def refuse(scope: Scope, send: Send, status: int, text: str) -> None:
    """
    Refuse a request, or the opening of a socket.

    :param status: of the answer to a request.
    :param text: why, for people.
    """
    if scope['type'] == 'websocket':
        await send({'type': 'websocket.close', 'code': _POLICY_VIOLATION})
        return
    await send({'type': 'http.response.start', 'status': status,
                'headers': [(b'content-type', b'text/plain; charset=utf-8')]})
    await send({'type': 'http.response.body', 'body': text.encode()})
