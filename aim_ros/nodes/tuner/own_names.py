"""Lets a page be asked for by its own names alone."""

from collections.abc import Iterable
from ipaddress import ip_address
import re
import socket

from starlette.types import ASGIApp
from starlette.types import Scope

from aim_ros.nodes.tuner.guard import Guard
from aim_ros.nodes.tuner.guard import header

_LOOPBACK = 'localhost', '127.0.0.1', '::1'

# As RFC 9110 has it: an address of IPv6 in brackets, or a name; and a port.
_HOST = re.compile(r'(?:\[([0-9a-f:.]+)\]|([^\s:/@\[\]]+))(?::\d*)?', re.IGNORECASE)


def own_names(host: str) -> frozenset[str] | None:
    """
    Return by which names a page may be asked for; None for any.

    A page of this machine alone goes by the machine's own: else any website that a browser of this
    machine has open could have its own name lead here (DNS rebinding), and set the parameters.

    :param host: address, or name, that it is served at; empty is all of the machine's.
    """
    name = _plain(host)
    addresses = () if name in _LOOPBACK else _addresses(name)
    if not all(map(_is_loopback, addresses)):
        return None
    return frozenset(map(_plain, (name, *addresses, *_LOOPBACK)))


def name_of(host: str) -> str:
    """Return the name in a Host header, without its port; empty where there is none."""
    found = _HOST.fullmatch(host.strip())
    return _plain(found[1] or found[2]) if found else ''


def _plain(name: str) -> str:
    """Return a name as it is compared: names and addresses may be written in several ways."""
    name = name.lower().removesuffix('.')
    try:
        return str(ip_address(name))
    except ValueError:
        return name


def _addresses(name: str) -> list[str]:
    """
    Return the addresses that a name, or a short form as ``127.1``, stands for.

    None where it stands for none: nothing can be served there, and nobody is to be let in.
    """
    if not name:
        return ['0.0.0.0']
    try:
        return [str(place[0]) for *_, place in socket.getaddrinfo(name, None)]
    # UnicodeError: of a name that cannot be encoded.
    except (OSError, UnicodeError):
        return []


def _is_loopback(text: str) -> bool:
    address = ip_address(text)
    # Of IPv4 within IPv6, as ::ffff:127.0.0.1.
    return (getattr(address, 'ipv4_mapped', None) or address).is_loopback


class OwnNames(Guard):
    """
    Passes on what asks for a page by one of its names, and refuses the rest.

    `TrustedHostMiddleware` of starlette 0.31, for one, cuts ``[::1]:8080`` at its first colon, and
    takes ``LOCALHOST`` for another name.

    :param app: what is asked for.
    :param names: as `own_names` has them.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str]):
        self._names = frozenset(names)
        super().__init__(app, self._is_asked_for, 400,
                         'This page answers to the names of its machine alone: '
                         f'{", ".join(sorted(self._names))}')

    def _is_asked_for(self, scope: Scope) -> bool:
        hosts = header(scope, 'host')
        return len(hosts) == 1 and name_of(hosts[0]) in self._names
