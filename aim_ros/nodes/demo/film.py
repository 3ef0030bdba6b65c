"""The demo's film: camera and overlay of each frame under a line of text."""

from pathlib import Path
from typing import Any

import numpy as np

from aim_ros.media.video import VideoWriter
from aim_ros.perception.overlay import write

_COLORS = {'OK': (160, 255, 160), 'WARN': (255, 190, 0), 'ERROR': (255, 60, 60)}


class Film:
    """
    Writes a video that begins to exist with its first picture; a context manager.

    :param path: the MP4 file; one that is there is removed.
    :param rate: pictures a second, > 0.
    """

    def __init__(self, path: Path, rate: float):
        self._path = path
        self._rate = rate
        self._writer: VideoWriter | None = None
        path.unlink(missing_ok=True)

    def __enter__(self) -> 'Film':
        return self

    def __exit__(self, *_) -> None:
        if self._writer is not None:
            self._writer.close()

    def add(self, image: np.ndarray, overlay: np.ndarray, record: dict[str, Any]) -> None:
        """
        Append the picture of a frame; for the parameters see `compose`.

        :raises ValueError: the picture is of another size than the first.
        """
        if self._writer is None:
            self._writer = VideoWriter(self._path, self._rate)
        self._writer.write(compose(image, overlay, record))


def compose(image: np.ndarray, overlay: np.ndarray, record: dict[str, Any]) -> np.ndarray:
    """
    Return one picture of the film; wide images stand one above the other, others side by side.

    :param image: RGB uint8 (H, W, 3).
    :param overlay: the same.
    :param record: of the frame, as `AlertLog.add` returns it.
    :return: RGB uint8.
    """
    height, width = image.shape[:2]
    stacked = width > 1.6 * height
    body = np.concatenate([image, overlay], axis=0 if stacked else 1)
    header = np.full((48, body.shape[1], 3), 24, np.uint8)
    write(header, f'profile {record["profile"]}   sigma {record["sigma"]}   '
                  f'revision {record["revision"]}   frame {record["frame"]}', (8, 19))
    tracks = ', '.join(f'{t["kind"]} {float(t["distance_m"]):.0f} m' for t in record['tracks'])
    level = record['level']
    write(header, f'{level}  {tracks}', (8, 40), _COLORS[level])
    return np.concatenate([header, body])
