"""What every source of frames gives, and the one function that opens any of them."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from typing import Protocol

import numpy as np

from aim_ros.imaging.camera import CameraModel

# ROS's names of the 8-bit encodings that frames may have, and their channels.
ENCODINGS = {'rgb8': 3, 'bgr8': 3, 'mono8': 1, 'rgba8': 4, 'bgra8': 4}

# Sources without stamps of their own start here and not at 0, which ROS reads as 'no time yet'.
FIRST_STAMP_NS = 1_000_000_000


class MediaError(Exception):
    """A source cannot be opened or read; its text is one sentence for the user."""


@dataclass(frozen=True, eq=False)
class MediaFrame:
    """One image of a camera.

    `image` is a contiguous uint8 array, (H, W) for mono8 and (H, W, 3 or 4) otherwise; `encoding`
    is one of `ENCODINGS`; `stamp_ns` is the time of capture in nanoseconds; `index` counts the
    source's frames from 0, also where some are skipped. `labels`, if any, is uint8 (H, W) of
    Cityscapes train ids, 255 where there is none.

    Raises ValueError if the arrays do not fit each other or the encoding.
    """

    image: np.ndarray
    encoding: str
    stamp_ns: int
    index: int
    camera: CameraModel | None = None
    labels: np.ndarray | None = None
    frame_id: str = 'camera'

    def __post_init__(self):
        if self.encoding not in ENCODINGS:
            raise ValueError(
                f'unknown encoding {self.encoding!r}; encodings: {", ".join(ENCODINGS)}'
            )
        channels = ENCODINGS[self.encoding]
        image = self.image
        tail = () if channels == 1 else (channels,)
        if image.dtype != np.uint8 or image.ndim < 2 or image.shape[2:] != tail:
            raise ValueError(
                f'a {self.encoding} image is uint8 with {channels} channels a pixel; this one is '
                f'{image.dtype} of shape {image.shape}'
            )
        if not image.flags.c_contiguous:
            raise ValueError('the image must be contiguous: pass numpy.ascontiguousarray(image)')
        labels = self.labels
        if labels is not None and (labels.dtype != np.uint8 or labels.shape != image.shape[:2]):
            raise ValueError(
                f'labels are uint8 of shape {image.shape[:2]}; these are {labels.dtype} of shape '
                f'{labels.shape}'
            )


class FrameSource(Protocol):
    """A recording, or a rendering, that can be played from any frame."""

    name: str  # for people: what is played, with the choices that were made

    def __len__(self) -> int:
        """Count all frames of the source."""
        ...

    def frames(self, start: int = 0, every: int = 1) -> Iterator[MediaFrame]:
        """Yield frame `start` and then every `every`-th one, reading each when it is its turn.

        Raises MediaError when a frame cannot be read.
        """
        ...


def check_range(start: int, every: int) -> None:
    """Raise ValueError unless `start` is at least 0 and `every` at least 1."""
    if start < 0 or every < 1:
        raise ValueError(f'start must be 0 or more and every 1 or more; got {start} and {every}')


def regular_stamp(index: int, rate: float) -> int:
    """Return the stamp in ns of frame `index` of a source that has only a rate (Hz)."""
    return FIRST_STAMP_NS + round(index * 1e9 / rate)


def parse_options(text: str) -> dict[str, str]:
    """Split `'seed=7,frames=120'` into a dict of strings; raise MediaError where it has no `=`."""
    options = {}
    for part in filter(None, (part.strip() for part in text.split(','))):
        key, equals, value = part.partition('=')
        if not equals or not key.strip() or not value.strip():
            raise MediaError(f"source option {part!r} is not of the form 'name=value'")
        options[key.strip()] = value.strip()
    return options


def convert_options(
    kind: str, options: Mapping[str, Any], converters: Mapping[str, Callable[[Any], Any]]
) -> dict[str, Any]:
    """Convert the options of one kind of source; raise MediaError on an unknown or wrong one."""
    result = {}
    for name, value in options.items():
        if name not in converters:
            allowed = ', '.join(converters)
            raise MediaError(f'{kind} has no option {name!r}; its options: {allowed}')
        try:
            result[name] = converters[name](value)
        except (TypeError, ValueError) as error:
            raise MediaError(f'option {name!r} of {kind} cannot be {value!r}: {error}') from None
    return result


def open_source(path: str, **options: Any) -> FrameSource:
    """Open whatever `path` names.

    - `street`, or with options `street:seed=7,frames=120`: the rendered street
      (seed, frames, size as `375x1242`, rate);
    - a rosbag2 folder, with `metadata.yaml` in it (topic);
    - a KITTI raw drive, with `image_02/data` in it, or a date folder with one drive (camera);
    - a folder of images (rate).

    The options, in brackets, may be strings. Raises MediaError with one sentence that says what is
    wrong, or what was looked for.
    """
    # Each kind is imported when it is asked for: they build on this module, and the rosbag reader
    # needs a library that the others do not.
    if path == 'street' or path.startswith('street:'):
        from aim_ros.media.street import open_street

        return open_street({**parse_options(path.partition(':')[2]), **options})

    folder = Path(path).expanduser()
    if not folder.is_dir():
        what = 'is a file, not a folder' if folder.exists() else 'does not exist'
        raise MediaError(f'source {path!r} {what}; {_LOOKED_FOR}')
    if (folder / 'metadata.yaml').is_file():
        from aim_ros.media.rosbag import open_bag

        return open_bag(folder, options)

    from aim_ros.media.folder import image_files
    from aim_ros.media.folder import open_folder
    from aim_ros.media.kitti import is_drive
    from aim_ros.media.kitti import open_drive

    if is_drive(folder):
        return open_drive(folder, options)
    if image_files(folder):
        return open_folder(folder, options)
    raise MediaError(f'source {path!r} holds nothing to play; {_LOOKED_FOR}')


_LOOKED_FOR = (
    "a source is 'street', a KITTI raw drive (a folder with image_02/data), a rosbag2 folder "
    '(with metadata.yaml) or a folder of images'
)
