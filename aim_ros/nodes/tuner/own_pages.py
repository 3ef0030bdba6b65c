"""Lets a page be asked by its own scripts alone, and not by those of other sites."""

from starlette.types import ASGIApp
from starlette.types import Scope

from aim_ros.nodes.tuner.guard import Guard
from aim_ros.nodes.tuner.guard import header


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


class OwnPages(Guard):
    """
    Refuses what pages of other sites ask for.

    nicegui lets any page open its socket, on which the page's controls are set.

    :param app: what is asked for.
    """

    def __init__(self, app: ASGIApp):
        super().__init__(app, is_own, 403, 'This is not for pages of other sites')
