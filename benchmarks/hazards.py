"""
What the alerts of a frame cost: regions and road users, by how busy the frame is.

    python -m benchmarks.hazards [--frames N]

Median and 95th percentile of the CPU time in milliseconds, for images of 1242x375, on one thread.
"""

import argparse
from functools import cache
import math
import time

import numpy as np

from aim_ros.hazards.alerts import AlertSettings
from aim_ros.hazards.colours import Picture
from aim_ros.hazards.components import Scores
from aim_ros.hazards.geometry import GroundCamera
from aim_ros.hazards.groups import RoadUserClasses
from aim_ros.hazards.monitor import AlertMonitor
from aim_ros.hazards.sight import perceive
from aim_ros.media.sources import open_source
from aim_ros.perception.settings import Mount
from aim_ros.segmentation.labels import CITYSCAPES

SIZE, GRID = (375, 1242), (48, 160)
IDS = CITYSCAPES.resolve(['people', 'two_wheelers'])


def street(count: int, frame: int, seed: int = 0) -> np.ndarray:
    """Return class ids with so many road users, each a rider on a bicycle, who move."""
    generator = np.random.default_rng(seed)
    ids = np.zeros(SIZE, np.uint8)
    across = max(1, round(count**0.5 * 2))
    for number in range(count):
        row, column = divmod(number, across)
        x = int(column * (SIZE[1] - 20) / across + generator.integers(0, 6) + frame % 8)
        y = int(20 + row * (SIZE[0] - 60) / max(1, -(-count // across)))
        ids[y:y + 16, x + 2:x + 8] = 12
        ids[y + 15:y + 26, x:x + 12] = 18
    return ids


def specks(count: int, frame: int) -> np.ndarray:
    """Return class ids with so many regions scattered at random, as of a mask full of noise."""
    generator = np.random.default_rng(frame)
    ids = np.zeros(SIZE, np.uint8)
    for _ in range(count):
        x, y = generator.integers(0, SIZE[1] - 14), generator.integers(0, SIZE[0] - 14)
        ids[y:y + 12, x:x + 12] = generator.choice(IDS)
    return ids


@cache
def view() -> tuple[np.ndarray, GroundCamera]:
    """Return a picture of the street, and its camera."""
    frame = next(open_source('street:frames=1').frames())
    return frame.image, GroundCamera(*frame.camera_model.pinhole, Mount().height)


def measure(masks: list[np.ndarray], modulated: bool = False
            ) -> tuple[np.ndarray, np.ndarray, float]:
    """
    Return the milliseconds of regions and of road users a frame, and the alerts in the mean.

    :param modulated: whether a modulation changes the mask, so that there are two streams: it
        widens all road users by a pixel.
    """
    classes, settings = RoadUserClasses.of(CITYSCAPES), AlertSettings(IDS)
    logits = np.random.default_rng(0).normal(0, 1, (len(CITYSCAPES), *GRID)).astype(np.float32)
    logits[list(IDS)] += 6
    picture, camera = view()
    monitor = AlertMonitor(classes)
    regions, users, tracks = [], [], []
    for number, mask in enumerate(masks):
        # As of a camera that pitches by a row or two from frame to frame.
        image = np.roll(picture, round(2 * math.sin(number)), 0)
        # As the decoder leaves it behind: just written.
        mask = mask.copy()
        turned = np.maximum(mask, np.roll(mask, 1, 1))
        start = time.thread_time()
        scores = Scores.lazy(logits, 1)
        neutral, *focused = (
            perceive(mask, other, scores, classes, IDS, settings.min_area, picture=Picture(image))
            for other in ((mask, turned) if modulated else (mask,)))
        middle = time.thread_time()
        hazards = monitor.update(
            neutral, focused[0] if focused else None, number * 100_000_000, SIZE, settings,
            camera=camera)
        end = time.thread_time()
        regions.append(1e3 * (middle - start))
        users.append(1e3 * (end - middle))
        tracks.append(len(hazards.published.alerts))
    return np.array(regions[2:]), np.array(users[2:]), float(np.mean(tracks[2:]))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument('--frames', type=int, default=100)
    frames = parser.parse_args().frames
    scenes = {f'{count} road users': [street(count, frame) for frame in range(frames)]
              for count in (1, 10, 50)}
    scenes['400 regions at random'] = [specks(400, frame) for frame in range(frames)]
    print(f'{"":34s}{"regions p50":>12s}{"p95":>8s}{"tracks p50":>12s}{"p95":>8s}{"alerts":>8s}')
    for name, masks, modulated in (
            *((name, masks, False) for name, masks in scenes.items()),
            *((f'{name}, modulated', masks, True) for name, masks in scenes.items())):
        regions, users, alerts = measure(masks, modulated)
        figures = [*np.percentile(regions, (50, 95)), *np.percentile(users, (50, 95))]
        print(f'{name:34s}{figures[0]:12.2f}{figures[1]:8.2f}{figures[2]:12.2f}{figures[3]:8.2f}'
              f'{alerts:8.0f}')


if __name__ == '__main__':
    main()
