"""The light of one seed: sun, sky, haze and how the camera answers."""

from dataclasses import dataclass
from dataclasses import replace

import numpy as np


@dataclass(frozen=True, eq=False)
class Light:
    """Directions are towards the sun; colours are RGB, 0 to 255."""

    sun: np.ndarray  # unit vector (x, y, z)
    sunny: float  # 0 overcast to 1 full sun
    warmth: np.ndarray  # factor on colours in full sun, per channel
    sky_top: np.ndarray
    sky_low: np.ndarray
    haze_distance: float
    tone: np.ndarray  # (256,) uint8: how bright the camera records what was painted

    def shade(self, normals: np.ndarray) -> np.ndarray:
        """Return factors (N, 3) on the colours of surfaces with unit `normals` (N, 3)."""
        direct = np.clip(normals @ self.sun, 0, None)[:, None] * self.warmth
        # Half of what does not come from the sun comes from the sky above.
        ambient = 0.52 + 0.2 * normals[:, 1:2]
        return ambient * (1.12 - 0.27 * self.sunny) + direct * 0.62 * self.sunny

    def facade_gain(self, normal_x: float) -> float:
        """Brightness of a wall that faces along x (+1 right, -1 left)."""
        return float(self.shade(np.array([[normal_x, 0.0, 0.0]])).mean() * 1.25)

    def shadow_of(self, x: float, z: float, height: float) -> tuple[float, float]:
        """Where on the ground the shadow of a point falls."""
        reach = height / max(self.sun[1], 0.2)
        return x - self.sun[0] * reach, z - self.sun[2] * reach


def dimmed(light: Light) -> Light:
    """Return the light of the same street at dusk: no sun, a low sky, and a dark picture."""
    return replace(
        light, sunny=0.0, sky_top=light.sky_top * 0.42, sky_low=light.sky_low * 0.5,
        tone=_tone(exposure=0.5, contrast=0.25))


def rained_on(light: Light) -> Light:
    """Return the light of the same street in the rain: overcast, with a veil over what is far."""
    return replace(
        light, sunny=0.0, sky_top=np.array((168.0, 172.0, 178.0)),
        sky_low=np.array((186.0, 190.0, 194.0)), haze_distance=85.0,
        tone=_tone(exposure=0.86, contrast=0.1))


def draw_light(rng: np.random.Generator) -> Light:
    """Draw a time of the day and a weather."""
    sunny = float(np.clip(rng.uniform(-0.35, 1.15), 0, 1))
    elevation = np.radians(rng.uniform(28, 58))
    azimuth = rng.uniform(0, 2 * np.pi)
    sun = np.array((
        np.cos(elevation) * np.sin(azimuth), np.sin(elevation), np.cos(elevation) * np.cos(azimuth)
    ))
    low_sun = 1 - np.degrees(elevation) / 90
    warmth = np.array((1.08, 1.0, 0.9 - 0.12 * low_sun))
    blue = np.array((112, 158, 206)) + rng.uniform(-16, 10)
    grey = np.array((196, 202, 210)) + rng.uniform(-12, 12)
    low = np.array((214, 226, 238)) + rng.uniform(-10, 10)
    return Light(
        sun=sun,
        sunny=sunny,
        warmth=warmth,
        sky_top=grey + (blue - grey) * sunny,
        sky_low=np.clip(low, 0, 250),
        haze_distance=rng.uniform(260, 700),
        tone=_tone(exposure=rng.uniform(0.88, 1.12), contrast=rng.uniform(0.1, 0.55)),
    )


def _tone(exposure: float, contrast: float) -> np.ndarray:
    level = np.linspace(0, 1, 256) * exposure
    curve = level + contrast * (level - 0.42) * level * (1.3 - level)
    return np.clip(np.rint(curve * 255), 0, 255).astype(np.uint8)
