"""Videos that a browser plays: H.264 in MP4."""

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from aim_ros.outputs import whole_file


class VideoWriter:
    """
    Writes pictures of one size into an MP4 file; a context manager.

    The file gets its name when it is closed; after an error within the context there is none.

    :param path: the file, replaced.
    :param rate: pictures a second, > 0.
    """

    def __init__(self, path: str | Path, rate: float):
        self._stack = ExitStack()
        partial = self._stack.enter_context(whole_file(Path(path)))
        self._container = self._stack.enter_context(av.open(
            str(partial), 'w', format='mp4', options={'movflags': 'faststart'}))
        self._rate = Fraction(rate).limit_denominator(1000)
        self._stream = None

    def __enter__(self) -> 'VideoWriter':
        return self

    def __exit__(self, kind, error, traceback) -> None:
        if kind is None:
            self.close()
        else:
            self._stack.__exit__(kind, error, traceback)

    def write(self, picture: np.ndarray) -> None:
        """
        Append a picture.

        :param picture: RGB uint8 (H, W, 3); the first one sets the size, of which an odd last row
            or column is left out, as H.264 asks.
        :raises ValueError: the size is another one than the first picture's.
        """
        height, width = (side - side % 2 for side in picture.shape[:2])
        if self._stream is None:
            self._stream = self._container.add_stream('libx264', rate=self._rate)
            self._stream.width, self._stream.height = width, height
            self._stream.pix_fmt = 'yuv420p'
            self._stream.options = {'crf': '23', 'preset': 'veryfast'}
        if (self._stream.height, self._stream.width) != (height, width):
            raise ValueError(
                f'the video is {self._stream.width}x{self._stream.height}, got a picture of '
                f'{picture.shape[1]}x{picture.shape[0]}')
        frame = av.VideoFrame.from_ndarray(
            np.ascontiguousarray(picture[:height, :width]), format='rgb24')
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish the file."""
        with self._stack:
            if self._stream is not None:
                self._container.mux(self._stream.encode(None))
