"""One frame in, a mask and its alerts out, under one snapshot of the settings."""

from collections.abc import Callable
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace

import numpy as np
import torch

from aim_ros.decoding.decode import decode
from aim_ros.decoding.decode import prepare
from aim_ros.decoding.limit import limit_sigma
from aim_ros.hazards import preparation
from aim_ros.hazards.alerts import AlertReport
from aim_ros.hazards.colours import Picture
from aim_ros.hazards.components import Scores
from aim_ros.hazards.emphasis_filter import EmphasisFilter
from aim_ros.hazards.geometry import GroundCamera
from aim_ros.hazards.groups import RoadUserClasses
from aim_ros.hazards.monitor import AlertMonitor
from aim_ros.hazards.monitor import Hazards
from aim_ros.hazards.sight import perceive
from aim_ros.imaging.frame import Frame
from aim_ros.modulation import frame_key
from aim_ros.modulation import Modulation
from aim_ros.perception.group_scores import group_scores
from aim_ros.perception.settings import Settings
from aim_ros.perception.stopwatch import Stopwatch
from aim_ros.segmentation.segmenter import Segmenter

STAGES = ('preprocess', 'network', 'decode', 'alerts')
"""The stages whose time is measured, in order."""


@dataclass(frozen=True)
class Perception:
    """
    What was perceived in one frame.

    :param frame: the frame.
    :param settings: the settings that it was perceived under.
    :param modulation: what was done to its logits: that of the settings, but with a smaller sigma
        where `Settings.max_changed` asks for it.
    :param mask: class ids (H, W), uint8, or uint16 over 255 classes.
    :param base: class ids of the unmodulated logits, (H, W), of the mask's type.
    :param focused: class ids of the deterministic decision, (H, W), of the mask's type.
    :param confidence: float32 (H, W) in 0..1, or None if it was not asked for.
    :param changed_share: share of pixels whose class the modulation changed, 0..1.
    :param report: the alerts, as they are published.
    :param neutral: the alerts of `base` under the owner's settings, which no profile changes.
    :param latency_ms: milliseconds a stage of `STAGES`; those of a batch count for each frame.
    :param ground: the calibration that it was perceived with; None without.
    """

    frame: Frame
    settings: Settings
    modulation: Modulation
    mask: np.ndarray = field(repr=False)
    base: np.ndarray = field(repr=False)
    focused: np.ndarray = field(repr=False)
    confidence: np.ndarray | None = field(repr=False)
    changed_share: float
    report: AlertReport
    neutral: AlertReport = field(repr=False)
    latency_ms: dict[str, float]
    ground: GroundCamera | None = None

    def blocking(self, drivable: Sequence[int]) -> np.ndarray:
        """
        Return class ids (H, W) in which only that is drivable which both decisions find so.

        Of the unmodulated one and the deterministic one, so that no profile opens a road, and
        noise neither opens nor blocks one.

        :param drivable: ids of the classes that one can drive on.
        """
        if self.focused is self.base:
            return self.base
        table = np.zeros(np.iinfo(self.base.dtype).max + 1, bool)
        table[list(drivable)] = True
        return np.where(table[self.base], self.focused, self.base)


class LogitsError(RuntimeError):
    """The network gave logits that are not finite."""


@dataclass(frozen=True)
class Logits:
    """
    What the network gave for one batch.

    :param frames: the frames.
    :param batch: their logits (B, C, h, w), on the network's device.
    :param extremes: the least and the largest of each, (B, 2).
    :param watch: measures the stages.
    """

    frames: tuple[Frame, ...]
    batch: torch.Tensor = field(repr=False)
    extremes: torch.Tensor = field(repr=False)
    watch: Stopwatch = field(repr=False)


class Pipeline:
    """
    Perceives the frames of any number of cameras with one network.

    :param segmenter: the network.
    :param seed: seed of all noise, any integer.
    :param emphasis_filter: what road users that only the modulation sees have to pass, fitted for
        this network; None has them seen for longer.
    """

    def __init__(self, segmenter: Segmenter, seed: int = 0,
                 emphasis_filter: EmphasisFilter | None = None):
        self._segmenter = segmenter
        self._seed = seed
        self._filter = emphasis_filter
        self._classes = RoadUserClasses.of(segmenter.labels)
        self._monitors: dict[str, AlertMonitor] = {}

    @property
    def segmenter(self) -> Segmenter:
        """The network that this pipeline runs."""
        return self._segmenter

    def groups(self, frames: Sequence[Frame]) -> list[list[Frame]]:
        """Part frames into those that are to be processed together, see `Segmenter.groups`."""
        return [[frames[index] for index in group] for group in self._segmenter.groups(frames)]

    def warm_up(self, batch: int = 1) -> None:
        """
        Compile and run all that a frame needs, so that the first one finds everything in place.

        :param batch: the largest number of frames that will be processed together.
        :raises ModelError: the network cannot be used, see `Segmenter.warm_up`.
        """
        if self._segmenter.device.type == 'cuda':
            # While a graph is captured, nobody else may use the device.
            self._segmenter.warm_up(batch)
            self._warm_up_behind()
            return
        # The network compiles without Python's lock, in the time that the rest takes to load.
        with ThreadPoolExecutor(1) as beside:
            behind = beside.submit(self._warm_up_behind)
            self._segmenter.warm_up(batch)
            behind.result()

    def _warm_up_behind(self) -> None:
        """Load and run what comes behind the network."""
        prepare(self._segmenter.device, len(self._segmenter.labels))
        preparation.prepare()
        nowhere = np.zeros((4, 4), np.uint8)
        for ids in (nowhere, nowhere.astype(np.uint16)):
            scores = Scores.lazy(np.zeros((len(self._classes.names), 2, 2), np.float32), 1)
            perceive(ids, ids, scores, self._classes, (0,), 1)

    @torch.inference_mode()
    def process(
        self,
        frames: Sequence[Frame],
        settings: Settings,
        *,
        confidence: frozenset[str] = frozenset(),
        ground: dict[str, GroundCamera] | None = None,
        on_error: Callable[[Frame, Exception], None] | None = None,
    ) -> list[Perception]:
        """
        Perceive one batch of `groups`: at most one frame of each camera, together.

        :param confidence: the cameras for which the confidence image is wanted.
        :param ground: the calibration of each camera that has one.
        :param on_error: takes a frame that was lost after the network, and why; the others are
            perceived, once. None: the error is raised.
        :raises LogitsError: the network gave logits that are not finite.
        """
        with self._segmenter.threads():
            return self._decode(
                self._forward(frames), settings, confidence, ground or {}, on_error)

    @torch.inference_mode()
    def forward(self, frames: Sequence[Frame]) -> Logits:
        """Run the network alone, for one batch of `groups`."""
        with self._segmenter.threads():
            return self._forward(frames)

    @torch.inference_mode()
    def decode(self, logits: Logits, settings: Settings, *,
               ground: dict[str, GroundCamera] | None = None) -> list[Perception]:
        """
        Perceive what the network gave, maybe in another pipeline; see `process`.

        Several pipelines may take the same logits, each under settings of its own.
        """
        with self._segmenter.threads():
            return self._decode(logits, settings, frozenset(), ground or {}, None)

    def _forward(self, frames: Sequence[Frame]) -> Logits:
        watch = Stopwatch(self._segmenter.device)
        pixels = self._segmenter.preprocess(frames)
        watch.lap('preprocess')
        batch = self._segmenter.forward(pixels)
        watch.lap('network')
        # Read only after the first wait for the device: one wait a frame is enough.
        extremes = torch.stack(batch.flatten(1).aminmax(dim=1), dim=1)
        return Logits(tuple(frames), batch, extremes, watch)

    def _decode(self, logits: Logits, settings: Settings, confidence: frozenset[str],
                ground: dict[str, GroundCamera],
                on_error: Callable[[Frame, Exception], None] | None) -> list[Perception]:
        results = []
        for frame, *parts in zip(logits.frames, logits.batch, logits.extremes, strict=True):
            try:
                results.append(self._perceive(
                    frame, *parts, settings, frame.camera in confidence,
                    ground.get(frame.camera), logits.watch))
            except Exception as error:
                if on_error is None:
                    raise
                on_error(frame, error)
        return results

    def _perceive(self, frame: Frame, logits: torch.Tensor, extremes: torch.Tensor,
                  settings: Settings, confidence: bool, ground: GroundCamera | None,
                  watch: Stopwatch) -> Perception:
        """Perceive one frame of a batch from its logits (C, h, w) and their least and largest."""
        modulation = settings.modulation
        if modulation.focuses and settings.max_changed < 1:
            _require_finite(extremes)
            modulation = replace(modulation, sigma=limit_sigma(
                logits, modulation, settings.max_changed))
        decoded = decode(
            logits, frame.size, modulation,
            key=frame_key(self._seed, frame.camera, frame.stamp_ns),
            confidence=confidence,
            temperature=self._segmenter.temperature)
        scores = group_scores(logits, self._classes.search(settings.alerts.class_ids),
                              self._segmenter.temperature)
        decoded = decoded.cpu()
        _require_finite(extremes)
        base = _class_ids(decoded.base)
        focused = base if decoded.focused is decoded.base else _class_ids(decoded.focused)
        mask = focused if decoded.mask is decoded.focused else _class_ids(decoded.mask)
        certainty = None if decoded.confidence is None else decoded.confidence.numpy()
        watch.lap('decode')

        hazards = self._watch(frame, base, focused, scores, settings, ground)
        watch.lap('alerts')
        return Perception(
            frame, settings, modulation, mask, base, focused, certainty,
            decoded.changed_share, hazards.published, hazards.neutral, watch.laps(), ground)

    def _watch(self, frame: Frame, base: np.ndarray, focused: np.ndarray, scores: Scores,
               settings: Settings, ground: GroundCamera | None) -> Hazards:
        """Let a frame's camera's monitor take in what either decision shows."""
        alerts = settings.alerts
        owner = settings.owner
        monitor = self._monitors.setdefault(frame.camera, AlertMonitor(self._classes))
        # The owner's classes are among those in force, whose scores were computed.
        own = scores.of(self._classes.positions(owner.class_ids, alerts.class_ids))
        picture = Picture(frame.image, frame.rgb_channels)
        neutral = perceive(base, base, own, self._classes, owner.class_ids, owner.min_area,
                           picture=picture)
        added = None
        if focused is not base or owner != alerts:
            added = perceive(
                base, focused, scores, self._classes, alerts.class_ids, alerts.min_area,
                picture=picture)
        try:
            return monitor.update(
                neutral, added, frame.time_ns, frame.size, alerts, owner=owner,
                camera=ground, filter_=self._filter)
        except Exception:
            # What failed with this frame must not fail with every one that follows.
            monitor.restart()
            raise


def _require_finite(extremes: torch.Tensor) -> None:
    if not torch.isfinite(extremes).all():
        raise LogitsError('the network gave logits that are not finite')


def _class_ids(ids: torch.Tensor) -> np.ndarray:
    """View class ids on the host as uint8 or, from the wider type, copy them to uint16."""
    array = ids.numpy()
    return array if array.dtype == np.uint8 else array.astype(np.uint16)
