"""All that a recording is processed under, as one value that goes from process to process."""

from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import replace
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from aim_ros.perception.settings import Mount

NODE = 'segmentation'
"""The node whose topics and statuses the results have."""


@dataclass(frozen=True)
class Options:
    """
    How recordings are processed.

    :param profiles: driver profiles; several are compared, and masks and messages are not kept.
    :param profiles_file: where they are read from; empty for the one that ships.
    :param model: as the node takes it, likewise `device`, `engine` and `seed`.
    :param input_size: (height, width) of the network's input; empty for what suits the camera.
    :param cameras: image topics, or NAME=TOPIC; none is all that can be played.
    :param start: seconds of the recording that are left out.
    :param duration: seconds that are processed; None for all.
    :param every: of a camera's images, one of so many is processed.
    :param keep_inputs: whether what was recorded is copied into the result.
    :param storage: of the result, ``mcap`` or ``sqlite3``.
    :param table: whether the alerts are written as Parquet, too.
    :param overlay: whether a video is made of each camera.
    :param height: of the cameras above the road, metres.
    :param pitch: their downward tilt, radians.
    :param threads: of the network; 0 leaves it to the library.
    """

    profiles: tuple[str, ...] = ('neutral',)
    profiles_file: str = ''
    model: str = 'segformer-b0-street'
    device: str = 'auto'
    engine: str = 'auto'
    seed: int = 0
    input_size: tuple[int, ...] = ()
    cameras: tuple[str, ...] = ()
    start: float = 0.0
    duration: float | None = None
    every: int = 1
    keep_inputs: bool = False
    storage: str = 'mcap'
    table: bool = False
    overlay: bool = False
    height: float = Mount.height
    pitch: float = Mount.pitch
    threads: int = 0

    def absolute(self) -> 'Options':
        """Return the same with paths that hold in any folder, as that of another process."""
        file, model = os.path.expanduser(self.profiles_file), os.path.expanduser(self.model)
        return replace(
            self, profiles_file=os.path.abspath(file) if file else '',
            # What is no path here is the name of one that ships, or on the hub.
            model=os.path.abspath(model) if os.path.exists(model) else self.model)

    def fingerprint(self, versions: str, files: list[Path], profiles: Mapping[str, Any]) -> str:
        """
        Return what a result depends on, as a hash: the options, the versions, and the recording.

        :param files: those of the recording; of large ones, size, beginning and end count.
        :param profiles: what the file of profiles says, as plain data: it may be edited.
        """
        options = {key: value for key, value in asdict(self).items() if key != 'threads'}
        digest = hashlib.sha256(json.dumps(
            [options, versions, profiles], sort_keys=True).encode())
        for file in files:
            # A name need not be UTF-8.
            digest.update(os.fsencode(file.name) + f' {file.stat().st_size}\n'.encode())
            with file.open('rb') as opened:
                digest.update(opened.read(_SAMPLE))
                opened.seek(max(file.stat().st_size - _SAMPLE, 0))
                digest.update(opened.read())
        return digest.hexdigest()


_SAMPLE = 1 << 20
