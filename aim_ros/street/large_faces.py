"""What is painted on the sections of large vehicles, by their shape."""

from collections.abc import Callable

from aim_ros.street.bus_faces import paint_bus
from aim_ros.street.canvas import Texture
from aim_ros.street.tram_faces import paint_tram
from aim_ros.street.truck_body_faces import paint_body
from aim_ros.street.truck_body_faces import paint_flatbed
from aim_ros.street.truck_cab_faces import paint_bonnet
from aim_ros.street.truck_cab_faces import paint_cab

PAINTERS: dict[str, Callable[..., Texture]] = {
    'bus': paint_bus, 'tram': paint_tram, 'cab': paint_cab, 'bonnet': paint_bonnet,
    'body': paint_body, 'flatbed': paint_flatbed,
}
"""Each takes a model, a section, which face (left, right, front or rear) and a generator."""
