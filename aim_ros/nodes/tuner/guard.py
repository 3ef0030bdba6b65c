"""Keeps requests from the tuner's web application."""

from collections.abc import Callable

from starlette.types import ASGIApp
from starlette.types import Receive
from starlette.types import Scope
from starlette.types import Send

_POLICY_VIOLATION = 1008


def header(scope: Scope, name: str) -> list[str]:
    """Return the values of a header, by its name in lower case: as many as were sent."""
    return [value.decode('latin-1') for key, value in scope['headers']
            if key == name.encode('latin-1')]


class Guard:
    """
    An ASGI application that passes on what is allowed, and refuses the rest.

    :param app: what is asked for.
    :param allows: returns whether a request, or the opening of a socket, is to be passed on.
    :param status: of the answer to a request that is not.
    :param text: why, for people.
    """

    def __init__(self, app: ASGIApp, allows: Callable[[Scope], bool], status: int, text: str):
        self._app = app
        self._allows = allows
        self._status = status
        self._text = text

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as ASGI has it: what is no request, as the start, is passed on, too."""
        if scope['type'] not in ('http', 'websocket') or self._allows(scope):
            await self._app(scope, receive, send)
        elif scope['type'] == 'websocket':
            await send({'type': 'websocket.close', 'code': _POLICY_VIOLATION})
        else:
            await send({'type': 'http.response.start', 'status': self._status,
                        'headers': [(b'content-type', b'text/plain; charset=utf-8')]})
            await send({'type': 'http.response.body', 'body': self._text.encode()})
