"""Small recordings, and a network that sees something in them."""

from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from transformers import SegformerForSemanticSegmentation

from aim_ros.imaging.camera import CameraModel
from aim_ros.imaging.frame import Frame
from aim_ros.media import bag_messages
from aim_ros.media.bag_files import BAG_FILES
from aim_ros.media.bag_writer import BagWriter

SIZE = (60, 100)
CAMERA = CameraModel(SIZE[1], SIZE[0], 58.0, 58.0, 49.5, 27.0)
START_NS = 1_317_042_140_000_000_000
PERIOD_NS = 100_000_000
LAG_NS = 7_000_000
"""From a frame's stamp until it is recorded."""


def loud(folder: Path) -> Path:
    """Set a tiny network's logits as far apart as a trained one's: its own differ by 0.001."""
    model = SegformerForSemanticSegmentation.from_pretrained(folder)
    with torch.no_grad():
        grid = torch.from_numpy(next(scenes(1)).image[None].copy()).permute(0, 3, 1, 2) / 255.0
        logits = model((grid - 0.45) / 0.225).logits[0]
        scale = 6 / logits.std((1, 2)).mean()
        model.decode_head.classifier.weight.mul_(scale)
        model.decode_head.classifier.bias.copy_(
            -scale * (logits.mean((1, 2)) - model.decode_head.classifier.bias))
    model.save_pretrained(folder)
    return folder


def scenes(count: int, camera: str = 'camera', seed: int = 0) -> Iterator[Frame]:
    """Yield frames in which blocks of colour move."""
    rng = np.random.default_rng(seed)
    picture = np.kron(rng.integers(0, 256, (6, 40, 3)), np.ones((10, 10, 1))).astype(np.uint8)
    for index in range(count):
        view = np.roll(picture, -3 * index, axis=1)[:, :SIZE[1]]
        yield Frame(
            np.ascontiguousarray(view), 'rgb8', camera,
            START_NS + index * PERIOD_NS, index=index, camera_model=CAMERA,
            frame_id=f'{camera}_optical')


def write_scenes(path: Path, count: int = 8, cameras: tuple[str, ...] = ('camera',), *,
                 storage: str = 'mcap', compressed: bool = False, extra: bool = False,
                 stamp: Callable[[Frame], int] = lambda frame: frame.stamp_ns) -> Path:
    """
    Write a recording.

    :param stamp: the header stamp that a frame gets, nanoseconds.
    :param extra: whether it has a topic of another kind, too.
    """
    with BagWriter(path, storage) as bag:
        views = zip(*(scenes(count, camera, seed) for seed, camera in enumerate(cameras)),
                    strict=True)
        for frames in views:
            for frame in frames:
                time_ns = frame.stamp_ns + LAG_NS
                header = bag_messages.header(stamp(frame), frame.frame_id)
                topic = f'/{frame.camera}/image'
                if compressed:
                    bag.write(f'{topic}/compressed', time_ns,
                              bag_messages.compressed_image(frame, 'png'))
                else:
                    bag.write(topic, time_ns,
                              bag_messages.image(frame.image, frame.encoding, header))
                bag.write(f'/{frame.camera}/camera_info', time_ns,
                          bag_messages.camera_info(CAMERA, header))
                if extra:
                    bag.write('/elsewhere/header', time_ns, header)
    return path


def truncated(bag: Path, share: float = 0.6) -> Path:
    """Cut off the file of a recording, as where its recorder was killed."""
    file = next(file for file in bag.iterdir() if file.suffix in BAG_FILES)
    data = file.read_bytes()
    file.write_bytes(data[:int(len(data) * share)])
    return bag
