"""From camera frames to masks and alerts, under one snapshot of the settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
import hashlib
import time

import numpy as np
import torch

from aim_ros.perception.alerts import AlertReport
from aim_ros.perception.alerts import AlertSettings
from aim_ros.perception.alerts import find_regions
from aim_ros.perception.alerts import Tracker
from aim_ros.perception.decode import decode
from aim_ros.perception.decode import Modulation
from aim_ros.perception.frame import Frame
from aim_ros.perception.geometry import GroundCamera
from aim_ros.perception.segmenter import Segmenter

STAGES = ('preprocess', 'network', 'decode', 'alerts')
"""The stages whose time is measured, in order."""


@dataclass(frozen=True)
class Settings:
    """
    All that may change while the node runs, as one immutable value.

    :param revision: counts the changes; 1 at start.
    :param profile: the driver profile's name, or ``custom``.
    :param modulation: what is done to the logits.
    :param alerts: what is alerted, and when.
    """

    revision: int
    profile: str
    modulation: Modulation
    alerts: AlertSettings


@dataclass(frozen=True)
class Perception:
    """
    What was perceived in one frame.

    :param frame: the frame.
    :param settings: the settings that it was perceived under.
    :param mask: class ids (H, W), uint8, or uint16 over 255 classes.
    :param base: class ids of the unmodulated logits, (H, W), of the mask's type.
    :param focused: class ids of the deterministic decision, (H, W), of the mask's type.
    :param confidence: float32 (H, W) in 0..1, or None if it was not asked for.
    :param changed_share: share of pixels whose class the modulation changed, 0..1.
    :param report: the alerts.
    :param latency_ms: milliseconds a stage of `STAGES`; those of a batch count for each frame.
    """

    frame: Frame
    settings: Settings
    mask: np.ndarray = field(repr=False)
    base: np.ndarray = field(repr=False)
    focused: np.ndarray = field(repr=False)
    confidence: np.ndarray | None = field(repr=False)
    changed_share: float
    report: AlertReport
    latency_ms: dict[str, float]


class LogitsError(RuntimeError):
    """The network gave logits that are not finite."""


def frame_key(seed: int, camera: str, stamp_ns: int) -> int:
    """
    Return the noise key of a frame, 0..2**64-1.

    It depends on nothing but the seed, the camera and the stamp, so a frame's draws are the same
    in every replay, whatever was dropped before.
    """
    text = f'{seed}/{camera}/{stamp_ns}'.encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), 'little')


class Pipeline:
    """
    Perceives the frames of any number of cameras with one network.

    :param segmenter: the network.
    :param seed: seed of all noise, any integer.
    """

    def __init__(self, segmenter: Segmenter, seed: int = 0):
        self._segmenter = segmenter
        self._seed = seed
        self._trackers: dict[str, Tracker] = {}

    @property
    def segmenter(self) -> Segmenter:
        """The network that this pipeline runs."""
        return self._segmenter

    @torch.inference_mode()
    def process(
        self,
        frames: Sequence[Frame],
        settings: Settings,
        *,
        confidence: frozenset[str] = frozenset(),
        ground: dict[str, GroundCamera] | None = None,
    ) -> list[Perception]:
        """
        Perceive one batch: at most one frame of each camera, through the network together.

        :param confidence: the cameras for which the confidence image is wanted.
        :param ground: the calibration of each camera that has one.
        :raises LogitsError: the network gave logits that are not finite.
        """
        watch = _Stopwatch(self._segmenter.device)
        pixels = self._segmenter.preprocess(frames)
        watch.lap('preprocess')
        batch = self._segmenter.forward(pixels)
        if not torch.isfinite(batch).all():
            raise LogitsError('the network gave logits that are not finite')
        watch.lap('network')
        shared = dict(watch.laps)

        results = []
        for frame, logits in zip(frames, batch, strict=True):
            decoded = decode(
                logits, frame.size, settings.modulation,
                key=frame_key(self._seed, frame.camera, frame.stamp_ns),
                confidence=frame.camera in confidence,
                temperature=self._segmenter.temperature)
            base = _class_ids(decoded.base)
            focused = base if decoded.focused is decoded.base else _class_ids(decoded.focused)
            mask = focused if decoded.mask is decoded.focused else _class_ids(decoded.mask)
            certainty = (None if decoded.confidence is None
                         else decoded.confidence.cpu().numpy())
            watch.lap('decode')

            class_ids = list(settings.alerts.class_ids)
            probability = (logits / self._segmenter.temperature).softmax(0)[class_ids]
            regions = find_regions(base, focused, probability.cpu().numpy(), settings.alerts)
            report = self._trackers.setdefault(frame.camera, Tracker()).update(
                regions, frame.time_ns, frame.size, settings.alerts,
                (ground or {}).get(frame.camera))
            watch.lap('alerts')
            results.append(Perception(
                frame, settings, mask, base, focused, certainty, decoded.changed_share, report,
                {**shared, 'decode': watch.laps['decode'], 'alerts': watch.laps['alerts']}))
        return results


def _class_ids(ids: torch.Tensor) -> np.ndarray:
    """Bring class ids to the host, as uint8 or, from the wider type, as uint16."""
    array = ids.cpu().numpy()
    return array if array.dtype == np.uint8 else array.astype(np.uint16)


class _Stopwatch:
    """Measures the stages of one batch on a steady clock."""

    def __init__(self, device: torch.device):
        self._device = device
        self._last = time.perf_counter()
        self.laps: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        """Note the milliseconds since the last lap as those of `stage`."""
        # CUDA works in the background: without this, its time would count for a later stage.
        if self._device.type == 'cuda':
            torch.cuda.synchronize(self._device)
        now = time.perf_counter()
        self.laps[stage] = (now - self._last) * 1e3
        self._last = now
