"""Draw things of the world into an image and its label image at once.

The world is x to the right, y up and z ahead, in metres, with the road at y = 0. Colours are RGB.
Everything that is pasted is premultiplied RGBA, so edges blend without fringes at any scale; a
pixel takes the label of a thing that covers at least half of it.
"""

import math

import cv2
import numpy as np

from aim_ros.imaging.camera import CameraModel
from aim_ros.street.light import Light

CAMERA_HEIGHT = 1.65
NEAR = 0.5  # metres; nothing nearer can be in the picture, for the road's things stand aside


def box_corners(x: float, z: float, half_width: float, height: float, half_length: float
                ) -> np.ndarray:
    """Return the corners (8, 3) of a box that stands on the ground with its middle at (x, z)."""
    return np.array([(x + sx * half_width, y, z + sz * half_length)
                     for sx in (-1, 1) for y in (0, height) for sz in (-1, 1)])


def hull(points: np.ndarray) -> np.ndarray:
    """Return the convex hull of points (N, 2), in order."""
    return cv2.convexHull(np.asarray(points, np.float32))[:, 0]


class View:
    """A camera that looks straight ahead from `CAMERA_HEIGHT` above the road at `z`."""

    def __init__(self, model: CameraModel, z: float):
        self.model = model
        self.z = z

    def project(self, points: np.ndarray) -> np.ndarray:
        """Project world points (N, 3) to pixels (N, 2), as if none were nearer than `NEAR`."""
        points = np.asarray(points, np.float64)
        scale = self.model.fx / np.maximum(points[:, 2] - self.z, NEAR)
        return np.stack(
            (
                self.model.cx + points[:, 0] * scale,
                self.model.cy + (CAMERA_HEIGHT - points[:, 1]) * scale,
            ),
            axis=1,
        )

    def scale(self, z: float) -> float:
        """Pixels per metre at world position `z`."""
        return self.model.fx / max(z - self.z, NEAR)


class Texture:
    """A premultiplied RGBA picture that can be sampled at any scale without aliasing."""

    def __init__(self, rgba: np.ndarray):
        # A transparent rim makes the edges of a warped texture fade over one texel.
        self._levels = {(0, 0): np.pad(rgba, ((1, 1), (1, 1), (0, 0)))}
        self._base = rgba
        self.height, self.width = rgba.shape[:2]

    def rows(self, first: int, last: int) -> 'Texture':
        """Return a part of the picture, from a row to before another."""
        return Texture(self._base[first:last])

    def level(self, shrink_x: float, shrink_y: float) -> tuple[np.ndarray, float, float]:
        """Return the rimmed picture made smaller by powers of two, with its exact scales."""
        key = tuple(
            int(min(math.log2(max(shrink, 1.0)) + 0.3, math.log2(length)))
            for shrink, length in ((shrink_x, self.width), (shrink_y, self.height))
        )
        width = max(1, self.width >> key[0])
        height = max(1, self.height >> key[1])
        if key not in self._levels:
            small = cv2.resize(self._base, (width, height), interpolation=cv2.INTER_AREA)
            self._levels[key] = np.pad(small, ((1, 1), (1, 1), (0, 0)))
        return self._levels[key], width / self.width, height / self.height


class Patch:
    """A part of the image in which flat shapes are drawn finely and then averaged.

    Shapes are given in the world. There are thousands a frame and most have few points, so these
    are projected one by one: that is faster than small arrays are.
    """

    def __init__(self, view: View, size: tuple[int, int], around: np.ndarray, fine: int = 0):
        height, width = size
        uv = view.project(around)
        low, high = uv.min(axis=0), uv.max(axis=0)
        self.left = int(min(max(low[0] - 2, 0), width))
        self.top = int(min(max(low[1] - 2, 0), height))
        self.width = int(min(max(high[0] + 3, 0), width)) - self.left
        self.height = int(min(max(high[1] + 3, 0), height)) - self.top
        self.empty = self.width <= 0 or self.height <= 0
        self.fine = fine or (2 if max(high - low) > 160 else 4)
        self._view = view
        self._focal = view.model.fx * self.fine
        self._right = (view.model.cx - self.left + 0.5) * self.fine - 0.5
        self._down = (view.model.cy - self.top + 0.5) * self.fine - 0.5
        if not self.empty:
            self.pixels = np.zeros((self.height * self.fine, self.width * self.fine, 4), np.uint8)

    def scale(self, z: float) -> float:
        """Fine pixels per metre at world position `z`."""
        return self._focal / max(z - self._view.z, NEAR)

    def fix(self, point) -> tuple[int, int]:
        """Return the fine pixel of a world point, in sixteenths."""
        x, y, z = point
        scale = self._focal / max(z - self._view.z, NEAR)
        u, v = self._right + x * scale, self._down + (CAMERA_HEIGHT - y) * scale
        return int(min(max(u, -20000), 20000) * 16), int(min(max(v, -20000), 20000) * 16)

    def fix_all(self, points: np.ndarray) -> np.ndarray:
        """Do as `fix` does for points (N, 3)."""
        scale = self._focal / np.maximum(points[:, 2] - self._view.z, NEAR)
        uv = np.stack((
            self._right + points[:, 0] * scale, self._down + (CAMERA_HEIGHT - points[:, 1]) * scale
        ), axis=1)
        return (np.clip(uv, -20000, 20000) * 16).astype(np.int32)

    def fill(self, fixed: np.ndarray, colour) -> None:
        """Fill a convex polygon that `fix_all` gave."""
        cv2.fillConvexPoly(self.pixels, fixed, (*colour, 255), cv2.LINE_8, 4)

    def polygon(self, points, colour) -> None:
        """Fill a polygon, which need not be convex."""
        fixed = np.array([self.fix(point) for point in points], np.int32)
        cv2.fillPoly(self.pixels, [fixed], (*colour, 255), cv2.LINE_8, 4)

    def disc(self, centre, radius: float, colour) -> None:
        """Fill a circle that faces the camera, its radius in metres."""
        radius = max(int(radius * self.scale(centre[2]) * 16), 8)
        cv2.circle(self.pixels, self.fix(centre), radius, (*colour, 255), -1, cv2.LINE_8, 4)

    def line(self, points, width: float, colour, least: float = 0.5) -> None:
        """Draw a line of a width in metres, but of at least `least` pixels of the image."""
        fixed = np.array([self.fix(point) for point in points], np.int32)
        self.stroke(fixed, points[0][2], width, colour, least)

    def stroke(self, fixed: np.ndarray, z: float, width: float, colour, least: float) -> None:
        """Do as `line` does with points that `fix_all` gave and that are about at `z`."""
        thick = max(1, round(max(width * self.scale(z), least * self.fine)))
        cv2.polylines(self.pixels, [fixed], False, (*colour, 255), thick, cv2.LINE_8, 4)

    def limb(self, a, b, radius_a: float, radius_b: float, colour) -> None:
        """Fill two circles and what lies between them, their radii in metres."""
        colour = (*colour, 255)
        (ua, va), (ub, vb) = self.fix(a), self.fix(b)
        ra, rb = radius_a * self.scale(a[2]) * 16, radius_b * self.scale(b[2]) * 16
        if abs(ra - rb) < 10:  # a thick line has round ends
            thick = max(1, round((ra + rb) / 16))
            cv2.line(self.pixels, (ua, va), (ub, vb), colour, thick, cv2.LINE_8, 4)
            return
        cv2.circle(self.pixels, (ua, va), max(int(ra), 8), colour, -1, cv2.LINE_8, 4)
        cv2.circle(self.pixels, (ub, vb), max(int(rb), 8), colour, -1, cv2.LINE_8, 4)
        length = math.hypot(ub - ua, vb - va)
        if length > 1:
            x, y = (va - vb) / length, (ub - ua) / length
            corners = ((ua + x * ra, va + y * ra), (ub + x * rb, vb + y * rb),
                       (ub - x * rb, vb - y * rb), (ua - x * ra, va - y * ra))
            cv2.fillConvexPoly(self.pixels, np.array(corners).astype(np.int32), colour,
                               cv2.LINE_8, 4)

    def finish(self, soft: int = 0) -> np.ndarray:
        """Average down to pixels of the image, after a blur of `soft` fine pixels."""
        pixels = cv2.blur(self.pixels, (soft, soft)) if soft > 1 else self.pixels
        return cv2.resize(pixels, (self.width, self.height), interpolation=cv2.INTER_AREA)


class Canvas:
    """The image (H, W, 3) uint8 and the labels (H, W) uint8 of one frame.

    `owners` (H, W) int32, if asked for, says which thing each pixel shows: what was drawn while
    `owner` had that value.
    """

    def __init__(self, view: View, light: Light, owners: bool = False):
        self.view = view
        self.owner = 0
        self.size = (view.model.height, view.model.width)
        self.image = np.zeros((*self.size, 3), np.uint8)
        self.labels = np.full(self.size, 255, np.uint8)
        self.owners = np.zeros(self.size, np.int32) if owners else None
        self._light = light

    def haze_share(self, z: float) -> float:
        """Say how much of a thing at world position `z` the air between hides, 0 to 1."""
        return 1 - math.exp(-max(z - self.view.z, 0) / self._light.haze_distance)

    def patch(self, around: np.ndarray, fine: int = 0) -> Patch:
        """Make a patch around world points (N, 3); small ones are drawn finer."""
        return Patch(self.view, self.size, around, fine)

    def flat(self, corners: np.ndarray, colour, label: int, z: float) -> None:
        """Fill a large convex polygon (N, 3) of the world with one colour."""
        share = self.haze_share(z)
        tone = np.asarray(colour) * (1 - share) + self._light.sky_low * share
        tone = np.clip(tone, 0, 255).astype(int).tolist()
        uv = np.clip(self.view.project(corners), -30000, 30000)
        fixed = np.round(uv * 16).astype(np.int32)
        cv2.fillConvexPoly(self.image, fixed, tone, cv2.LINE_AA, 4)
        cv2.fillConvexPoly(self.labels, fixed, label, cv2.LINE_8, 4)
        if self.owners is not None:
            cv2.fillConvexPoly(self.owners, fixed, self.owner, cv2.LINE_8, 4)

    def paste(self, rgba: np.ndarray, left: int, top: int, label: int, z: float) -> None:
        """Lay a picture over the image; it takes the train id `label` where it covers half."""
        height, width = rgba.shape[:2]
        alpha = cv2.extractChannel(rgba, 3)
        colour = cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB)
        cover = cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB)
        share = self.haze_share(z)
        if share > 0.03:
            veil = cv2.multiply(cover, (*(self._light.sky_low * share), 0), scale=1 / 255)
            colour = cv2.addWeighted(colour, 1 - share, veil, 1, 0)
        area = (slice(top, top + height), slice(left, left + width))
        under = cv2.multiply(self.image[area], cv2.bitwise_not(cover), scale=1 / 255)
        self.image[area] = cv2.add(under, colour)
        self.labels[area][alpha > 127] = label
        if self.owners is not None:
            self.owners[area][alpha > 127] = self.owner

    def paste_patch(self, patch: Patch, label: int, z: float, soft: int = 0) -> None:
        """Lay a finished patch over the image."""
        if not patch.empty:
            self.paste(patch.finish(soft), patch.left, patch.top, label, z)

    def texture(
        self, corners: np.ndarray, texture: Texture, label: int, *, span=(0.0, 1.0), gain=1.0
    ) -> None:
        """Lay a texture on a flat quadrangle of the world.

        `corners` (4, 3) are top left, top right, bottom right and bottom left; `span` is the part
        of the texture's width that is used, `gain` brightens it.
        """
        quad = self.view.project(corners)
        (u0, v0), (u1, v1), (u2, v2), (u3, v3) = quad.tolist()
        left, top = max(int(min(u0, u1, u2, u3)) - 1, 0), max(int(min(v0, v1, v2, v3)) - 1, 0)
        right = min(int(max(u0, u1, u2, u3)) + 2, self.size[1])
        bottom = min(int(max(v0, v1, v2, v3)) + 2, self.size[0])
        if right <= left or bottom <= top:
            return
        wide = max(abs(u1 - u0), abs(u2 - u3), 0.5)
        # The mean of both ends, as a wall that leads away is coarse at one and fine at the other.
        high = max((abs(v3 - v0) + abs(v2 - v1)) / 2, 0.5)
        source, scale_x, scale_y = texture.level(
            abs(span[1] - span[0]) * texture.width / wide, texture.height / high
        )
        x0, x1 = (share * texture.width * scale_x + 0.5 for share in span)
        y0, y1 = 0.5, texture.height * scale_y + 0.5
        matrix = cv2.getPerspectiveTransform(
            np.array(((x0, y0), (x1, y0), (x1, y1), (x0, y1)), np.float32),
            (quad - (left, top)).astype(np.float32),
        )
        patch = cv2.warpPerspective(source, matrix, (right - left, bottom - top))
        if gain != 1:
            patch = cv2.multiply(patch, (gain, gain, gain, 1))
        self.paste(patch, left, top, label, float(corners[0, 2] + corners[1, 2]) / 2)
