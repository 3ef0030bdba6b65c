"""The alerts of a drive under a profile, replayed from logits or from exact masks."""

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
import torch

from aim_ros.decoding.decode import decode
from aim_ros.decoding.limit import limit_sigma
from aim_ros.experiments.alerts_truth import read_tracks
from aim_ros.experiments.alerts_truth import street_truth
from aim_ros.experiments.alerts_truth import Truth
from aim_ros.experiments.errors import ExperimentError
from aim_ros.experiments.logits import CachedSegmenter
from aim_ros.experiments.parallel import each
from aim_ros.hazards.alerts import AlertReport
from aim_ros.hazards.alerts import AlertSettings
from aim_ros.hazards.colours import Picture
from aim_ros.hazards.components import Scores
from aim_ros.hazards.emphasis_filter import EmphasisFilter
from aim_ros.hazards.geometry import GroundCamera
from aim_ros.hazards.groups import RoadUserClasses
from aim_ros.hazards.monitor import AlertMonitor
from aim_ros.hazards.regions import MAX_GAP
from aim_ros.hazards.sight import perceive
from aim_ros.hazards.sight import Sight
from aim_ros.imaging.frame import Frame
from aim_ros.media.frames import FrameSource
from aim_ros.media.sources import open_source
from aim_ros.media.street import Street
from aim_ros.modulation import Modulation
from aim_ros.perception.profiles import DriverProfile
from aim_ros.perception.settings import Mount
from aim_ros.segmentation.labels import CITYSCAPES
from aim_ros.segmentation.labels import LabelSet

REQUIRED = ('people', 'two_wheelers')
"""The classes that the owner requires."""

_SURE_LOGIT = 12.0
"""The logit by which an exact mask is sure."""


@dataclass(frozen=True)
class Drive:
    """
    A source with its road users.

    :param path: as it was given.
    :param source: what is played.
    :param truth: its road users.
    :param masks: a folder with an exact mask for each frame, named alike; None where the frames
        bring labels, or none are wanted.
    """

    path: str
    source: FrameSource
    truth: Truth
    masks: Path | None = None

    def frames(self) -> Iterator[Frame]:
        """Play the drive."""
        yield from self.source.frames()


def open_drive(path: str, tracks: Path | None, masks: bool) -> Drive:
    """
    Open a source and its road users.

    :param tracks: their file; None for a street, whose road users are known exactly.
    :param masks: whether exact masks are wanted: of a street its labels, of a drive the images in
        ``labels_pseudo`` beside its tracks.
    :raises ExperimentError: there are none.
    """
    source = open_source(path)
    if isinstance(source, Street):
        return Drive(path, source, street_truth(source))
    if tracks is None:
        raise ExperimentError(f'{path} needs a file of labelled tracks: give --tracks')
    folder = tracks.parent / 'labels_pseudo' if masks else None
    if folder is not None and not folder.is_dir():
        raise ExperimentError(f'exact masks of {path} would be in {folder}, which is not there')
    return Drive(path, source, read_tracks(tracks), folder)


@dataclass(frozen=True)
class Shot:
    """
    One frame of a drive, as far as its alerts depend on it.

    :param logits: float32 (C, h, w); None where `mask` is exact.
    :param mask: uint8 (H, W), an exact mask; None where there are logits.
    :param picture: the frame's image, by which people are told apart; None does without.
    """

    stamp_ns: int
    size: tuple[int, int]
    camera: GroundCamera | None
    logits: np.ndarray | None
    mask: np.ndarray | None
    picture: Picture | None = None


def shoot(drive: Drive, model: CachedSegmenter | None) -> list[Shot]:
    """
    Return what the alerts of a drive are computed from.

    :param model: the network; None takes exact masks.
    :raises ExperimentError: a frame has no exact mask of its size, or the frames are of
        several sizes.
    """
    def one(frame: Frame) -> Shot:
        camera = frame.camera_model
        mount = Mount()
        ground = camera and GroundCamera(*camera.pinhole, mount.height, mount.pitch)
        picture = Picture(frame.image, frame.rgb_channels)
        if model is not None:
            return Shot(
                frame.stamp_ns, frame.size, ground, model.logits(frame), None, picture)
        mask = frame.labels
        if drive.masks is not None:
            with Image.open(drive.masks / f'{frame.index:010d}.png') as image:
                mask = np.array(image)
        if mask is None:
            raise ExperimentError(f'frame {frame.index} of {drive.path} has no exact mask')
        if mask.shape != frame.size:
            raise ExperimentError(
                f'the exact mask of frame {frame.index} of {drive.path} has '
                f'{_pixels(mask.shape)} pixels, its image {_pixels(frame.size)}')
        return Shot(frame.stamp_ns, frame.size, ground, None, mask, picture)

    shots = list(each(one, drive.frames(), drive.path))
    sizes = dict.fromkeys(_pixels(shot.size) for shot in shots)
    if len(sizes) > 1:
        raise ExperimentError(f'the frames of {drive.path} are of several sizes, '
                              f'{", ".join(sizes)}: labelled road users are of one')
    return shots


def _pixels(size: tuple[int, int]) -> str:
    height, width = size
    return f'{width}x{height}'


@dataclass(frozen=True)
class Choice:
    """
    What a profile makes of frames.

    :param name: the profile's.
    :param alerts: the settings in force under it.
    :param owner: those without it.
    """

    name: str
    modulation: Modulation
    max_changed: float
    alerts: AlertSettings
    owner: AlertSettings


def choose(profile: DriverProfile, labels: LabelSet) -> Choice:
    """Return what a profile makes of frames, beside the node's defaults."""
    owner = AlertSettings(labels.resolve(REQUIRED))
    stated = dict(profile.alerts)
    class_ids = labels.resolve((*REQUIRED, *stated.pop('classes', ())))
    return Choice(
        profile.name, Modulation(profile.signs(labels), profile.sigma, profile.sampling),
        1.0 if profile.max_changed is None else profile.max_changed,
        replace(owner, class_ids=class_ids, **stated), owner)


def see(shots: Sequence[Shot], choice: Choice, labels: LabelSet, temperature: float = 1.0,
        max_gap: float = MAX_GAP) -> list[tuple[Sight, Sight | None]]:
    """
    Return what each frame shows, without and under a profile; the latter None if the same.

    :param max_gap: up to which fragments are joined, see `find_regions`.
    """
    classes = RoadUserClasses.of(labels)
    search = classes.search(choice.alerts.class_ids)
    own = classes.positions(choice.owner.class_ids, choice.alerts.class_ids)

    def one(shot: Shot) -> tuple[Sight, Sight | None]:
        if shot.mask is not None:
            base = focused = shot.mask
            sure = np.ones((search.count, 1, 1), np.float32)
            scores = Scores(sure, _SURE_LOGIT * sure, np.empty((0, 1, 1), np.float32))
        else:
            logits, modulation = torch.from_numpy(shot.logits), choice.modulation
            if modulation.focuses and choice.max_changed < 1:
                modulation = replace(modulation, sigma=limit_sigma(
                    logits, modulation, choice.max_changed))
            decoded = decode(logits, shot.size, modulation)
            base, focused = decoded.base.numpy(), decoded.focused.numpy()
            if decoded.focused is decoded.base:
                focused = base
            scores = Scores.lazy(shot.logits, search.count, temperature)
        neutral = perceive(base, base, scores.of(own), classes, choice.owner.class_ids,
                           choice.owner.min_area, max_gap, shot.picture)
        if focused is base and choice.owner == choice.alerts:
            return neutral, None
        return neutral, perceive(base, focused, scores, classes, choice.alerts.class_ids,
                                 choice.alerts.min_area, max_gap, shot.picture)

    return [one(shot) for shot in shots]


def watch(shots: Sequence[Shot], sights: Sequence[tuple[Sight, Sight | None]], choice: Choice,
          labels: LabelSet, filter_: EmphasisFilter | None = None) -> list[AlertReport]:
    """Return the published alerts of each frame."""
    monitor = AlertMonitor(RoadUserClasses.of(labels))
    return [monitor.update(
        base, focused, shot.stamp_ns, shot.size, choice.alerts, owner=choice.owner,
        camera=shot.camera, filter_=filter_).published
        for shot, (base, focused) in zip(shots, sights, strict=True)]


def mask_labels() -> LabelSet:
    """Return the classes of exact masks."""
    return CITYSCAPES
