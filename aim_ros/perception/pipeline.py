"""From camera frames to masks and alerts, under one snapshot of the settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
import time

import numpy as np
import torch

from aim_ros.decoding.decode import decode
from aim_ros.decoding.decode import prepare
from aim_ros.decoding.limit import limit_sigma
from aim_ros.hazards.alerts import AlertReport
from aim_ros.hazards.alerts import find_regions
from aim_ros.hazards.alerts import Tracker
from aim_ros.hazards.components import find_components
from aim_ros.hazards.components import Softmax
from aim_ros.hazards.geometry import GroundCamera
from aim_ros.imaging.frame import Frame
from aim_ros.modulation import frame_key
from aim_ros.modulation import Modulation
from aim_ros.perception.settings import Settings
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
    :param report: the alerts.
    :param latency_ms: milliseconds a stage of `STAGES`; those of a batch count for each frame.
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
    latency_ms: dict[str, float]


class LogitsError(RuntimeError):
    """The network gave logits that are not finite."""


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

    def warm_up(self, batch: int = 1) -> None:
        """
        Compile and run all that a frame needs, so that the first one finds everything in place.

        :param batch: the largest number of frames that will be processed together.
        :raises ModelError: the network can not be used, see `Segmenter.warm_up`.
        """
        self._segmenter.warm_up(batch)
        prepare(self._segmenter.device, len(self._segmenter.labels))
        nowhere = np.zeros((4, 4), np.uint8)
        for ids in (nowhere, nowhere.astype(np.uint16)):
            find_components(ids, ids, (0,), Softmax(np.zeros((1, 2, 2), np.float32), 1.0), 1)

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
        Perceive at most one frame of each camera.

        They go through the network together where that is faster, see `Segmenter.groups`.

        :param confidence: the cameras for which the confidence image is wanted.
        :param ground: the calibration of each camera that has one.
        :return: one for each of `frames`, in their order.
        :raises LogitsError: the network gave logits that are not finite.
        :raises ModelError: the network does not take frames of this size.
        """
        results: list[Perception | None] = [None] * len(frames)
        for group in self._segmenter.groups(frames):
            together = self._process_group(
                [frames[index] for index in group], settings, confidence, ground or {})
            for index, result in zip(group, together, strict=True):
                results[index] = result
        return results

    def _process_group(
        self, frames: Sequence[Frame], settings: Settings, confidence: frozenset[str],
        ground: dict[str, GroundCamera],
    ) -> list[Perception]:
        """Perceive frames that go through the network together."""
        watch = _Stopwatch(self._segmenter.device)
        pixels = self._segmenter.preprocess(frames)
        watch.lap('preprocess')
        batch = self._segmenter.forward(pixels)
        watch.lap('network')
        # Read only after the first wait for the device: one wait a frame is enough.
        extremes = torch.stack(batch.aminmax())

        results = []
        for frame, logits in zip(frames, batch, strict=True):
            modulation = settings.modulation
            if modulation.focuses and settings.max_changed < 1:
                _require_finite(extremes)
                modulation = replace(modulation, sigma=limit_sigma(
                    logits, modulation, settings.max_changed))
            decoded = decode(
                logits, frame.size, modulation,
                key=frame_key(self._seed, frame.camera, frame.stamp_ns),
                confidence=frame.camera in confidence,
                temperature=self._segmenter.temperature)
            probability = self._probability(logits, settings.alerts.class_ids)
            decoded = decoded.cpu()
            _require_finite(extremes)
            base = _class_ids(decoded.base)
            focused = base if decoded.focused is decoded.base else _class_ids(decoded.focused)
            mask = focused if decoded.mask is decoded.focused else _class_ids(decoded.mask)
            certainty = None if decoded.confidence is None else decoded.confidence.numpy()
            watch.lap('decode')

            regions = find_regions(base, focused, probability, settings.alerts)
            report = self._trackers.setdefault(frame.camera, Tracker()).update(
                regions, frame.time_ns, frame.size, settings.alerts,
                ground.get(frame.camera))
            watch.lap('alerts')
            results.append(Perception(
                frame, settings, modulation, mask, base, focused, certainty,
                decoded.changed_share, report, watch.laps()))
        return results

    def _probability(self, logits: torch.Tensor, class_ids: tuple[int, ...]
                     ) -> np.ndarray | Softmax:
        """Return the probabilities of some classes; from CUDA they are there after a wait."""
        temperature = self._segmenter.temperature
        if not logits.is_cuda:
            return Softmax(logits.numpy(), temperature)
        # The device has them in no time, and a few classes come down faster than all logits.
        values = (logits / temperature).softmax(0)[list(class_ids)]
        return values.to('cpu', non_blocking=True).numpy()


def _require_finite(extremes: torch.Tensor) -> None:
    if not torch.isfinite(extremes).all():
        raise LogitsError('the network gave logits that are not finite')


def _class_ids(ids: torch.Tensor) -> np.ndarray:
    """View class ids on the host as uint8 or, from the wider type, copy them to uint16."""
    array = ids.numpy()
    return array if array.dtype == np.uint8 else array.astype(np.uint16)


class _Stopwatch:
    """
    Measures the stages of one batch.

    On CUDA it takes the device's own events, since the host runs ahead; on the CPU a steady clock.
    """

    def __init__(self, device: torch.device):
        self._device = device
        self._cuda = device.type == 'cuda'
        self._last = self._now()
        self._intervals: dict[str, tuple] = {}

    def lap(self, stage: str) -> None:
        """End a stage, which began where the last one ended."""
        now = self._now()
        self._intervals[stage] = self._last, now
        self._last = now

    def laps(self) -> dict[str, float]:
        """Return the milliseconds of each stage's last lap; waits for the device."""
        if self._cuda:
            self._last.synchronize()
            return {stage: start.elapsed_time(end)
                    for stage, (start, end) in self._intervals.items()}
        return {stage: (end - start) * 1e3 for stage, (start, end) in self._intervals.items()}

    def _now(self) -> 'torch.cuda.Event | float':
        if not self._cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        return event
