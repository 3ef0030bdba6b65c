"""Lets a page be asked by its own scripts alone, and not by those of other sites."""

from starlette.types import ASGIApp
from starlette.types import Receive
from starlette.types import Scope
from starlette.types import Send

from aim_ros.nodes.tuner.refusal import header
from aim_ros.nodes.tuner.refusal import refuse


def is_own(scope: Scope) -> bool:
    """
    Return whether a request is of the page that it asks, or of no page.

    A browser lets any page open sockets anywhere, and send forms, and says in the header Origin
    whose it is (RFC 6454): a scheme, a host and a port, or ``null`` for a page that is to hide it,
    as in the frame of a sandbox.
    """
    origins = header(scope, 'origin')
    if not origins:
        return True
    places = {origin.partition('://')[2].lower() for origin in origins}
    return places == {host.lower() for host in header(scope, 'host')} and '' not in places


class OwnPages:
    """
    An ASGI application that refuses what pages of other sites ask for.

    nicegui lets any page open its socket, on which the page's controls are set.

    :param app: what is asked for.
    """

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as ASGI has it: what is no request, as the start, is passed on, too."""
        if scope['type'] not in ('http', 'websocket') or is_own(scope):
            await self._app(scope, receive, send)
        else:
            await refuse(scope, send, 403, 'This is not for pages of other sites')
