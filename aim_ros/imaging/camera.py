"""A camera: what sensor_msgs/CameraInfo says of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CameraModel:
    """A pinhole camera, with what sensor_msgs/CameraInfo says about it.

    `fx`, `fy`, `cx` and `cy` are in pixels of the image as it is delivered. `distortion` is empty
    for a rectified image. `r` (3x3, rectification) and `p` (3x4, projection) are flat and row by
    row, as in the message; `p` is made from the four intrinsics where it is not given.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, ...] = ()
    distortion_model: str = 'plumb_bob'
    r: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    p: tuple[float, ...] = ()

    def __post_init__(self):
        if not self.p:
            k = self.k
            object.__setattr__(self, 'p', (*k[:3], 0.0, *k[3:6], 0.0, *k[6:], 0.0))

    @property
    def k(self) -> tuple[float, ...]:
        """The intrinsic matrix (3x3), flat and row by row."""
        return (self.fx, 0.0, self.cx, 0.0, self.fy, self.cy, 0.0, 0.0, 1.0)
