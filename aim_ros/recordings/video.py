"""Videos of the cameras of a recording, with masks and alerts drawn in."""

from pathlib import Path
import shutil

from aim_ros.media.video import VideoWriter
from aim_ros.outputs import whole_file
from aim_ros.perception.overlay import OverlayAnnotator
from aim_ros.perception.pipeline import Perception
from aim_ros.segmentation.labels import LabelSet

_USUAL_RATE = 10.0


class OverlayVideos:
    """
    One video for each camera, written into a folder.

    :param folder: where they are written.
    :param labels: the model's classes.
    :param rates: frames a second of each camera.
    """

    def __init__(self, folder: Path, labels: LabelSet, rates: dict[str, float]):
        self._folder = folder
        self._annotator = OverlayAnnotator(labels)
        self._rates = rates
        self._writers: dict[str, VideoWriter] = {}
        self._sizes: dict[str, tuple[int, int]] = {}

    def add(self, perception: Perception) -> bool:
        """Append a frame; return False for one of another size than the first: it is left out."""
        frame = perception.frame
        if frame.camera not in self._writers:
            rate = self._rates.get(frame.camera) or _USUAL_RATE
            self._writers[frame.camera] = VideoWriter(self._folder / f'{frame.camera}.mp4', rate)
            self._sizes[frame.camera] = frame.size
        if frame.size != self._sizes[frame.camera]:
            return False
        self._writers[frame.camera].write(self._annotator.annotate(
            frame.rgb(), perception.mask, perception.report.alerts))
        return True

    def close(self) -> None:
        """Finish the files."""
        for writer in self._writers.values():
            writer.close()


def gather(results: dict[str, Path], target: Path) -> list[Path]:
    """
    Copy the videos of results to where the user wants them.

    :param results: the folders of the results by drive.
    :param target: the file, if there is one video; else those beside it that are named after it,
        the drive and the camera.
    :return: the files written.
    """
    videos = [(drive, video) for drive, folder in results.items()
              for video in sorted(folder.glob('*.mp4'))]
    written = []
    for drive, video in videos:
        place = target if len(videos) == 1 else target.with_name(
            f'{target.stem}_{drive}_{video.stem}{target.suffix}')
        place.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(place) as partial:
            shutil.copyfile(video, partial)
        written.append(place)
    return written
