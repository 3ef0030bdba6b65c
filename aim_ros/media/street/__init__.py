"""A short street that the package renders itself, with exact class labels for every pixel."""

from aim_ros.media.street.source import open_street
from aim_ros.media.street.source import Street
from aim_ros.media.street.source import StreetObject

__all__ = ['Street', 'StreetObject', 'open_street']
