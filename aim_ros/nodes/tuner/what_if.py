"""One frame under two profiles, and what other strengths of each would change in it."""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from aim_ros.decoding.decode import decode
from aim_ros.decoding.decode import prepare
from aim_ros.decoding.limit import changed_share
from aim_ros.decoding.limit import limit_sigma
from aim_ros.imaging.frame import Frame
from aim_ros.modulation import frame_key
from aim_ros.modulation import Modulation
from aim_ros.perception.overlay import OverlayAnnotator
from aim_ros.perception.profiles import DriverProfile
from aim_ros.segmentation.segmenter import Segmenter

NETWORK = ('model', 'device', 'engine', 'precision', 'input_size', 'input_pixels',
           'execution_providers', 'seed')
"""The parameters that say which network a node runs, and how."""

SWEEP = tuple(step / 4 for step in range(17))
"""The sigmas of the sweep, in logits."""


@dataclass(frozen=True)
class Side:
    """
    A frame under one profile.

    :param name: the profile's.
    :param sigma: effective sigma of its focus, logits.
    :param changed: share of pixels that it changes, 0..1.
    :param picture: the mask over the image, RGB uint8 (H, W, 3).
    :param sweep: for each sigma of `SWEEP`, the share of pixels, 0..1, that is expected to change.
    """

    name: str
    sigma: float
    changed: float
    picture: np.ndarray
    sweep: tuple[float, ...]


class WhatIf:
    """
    Runs the network of a node, in this process, on single frames.

    :param values: the node's parameters by their ROS names, of which those of `NETWORK` count.
    :raises ModelError: the network cannot be loaded here.
    """

    def __init__(self, values: Mapping[str, Any]):
        self._values = {name: values[name] for name in NETWORK}
        self._segmenter = Segmenter(
            values['model'], device=values['device'], engine=values['engine'],
            precision=values['precision'], input_size=values['input_size'],
            input_pixels=values['input_pixels'], providers=values['execution_providers'])
        prepare(self._segmenter.device, len(self._segmenter.labels))
        self._seed = values['seed']
        self._annotator = OverlayAnnotator(self._segmenter.labels)

    def is_of(self, values: Mapping[str, Any]) -> bool:
        """Return whether a node with these parameters runs this network."""
        return all(values[name] == value for name, value in self._values.items())

    @torch.inference_mode()
    def compare(self, frame: Frame, profiles: Sequence[DriverProfile]) -> list[Side]:
        """
        Return a frame under each profile; the network runs once.

        :raises UnknownClassError: a profile names a class that the network does not have.
        """
        logits = self._segmenter.forward(self._segmenter.preprocess([frame]))[0]
        return [self._side(frame, logits, profile) for profile in profiles]

    def _side(self, frame: Frame, logits: torch.Tensor, profile: DriverProfile) -> Side:
        modulation = Modulation(
            signs=profile.signs(self._segmenter.labels), sigma=profile.sigma,
            sampling=profile.sampling)
        if modulation.focuses and profile.max_changed is not None:
            modulation = replace(modulation, sigma=limit_sigma(
                logits, modulation, profile.max_changed))
        decoded = decode(
            logits, frame.size, modulation,
            key=frame_key(self._seed, frame.camera, frame.stamp_ns)).cpu()
        picture = self._annotator.annotate(frame.rgb(), decoded.mask.numpy())
        sweep = tuple(changed_share(logits, replace(modulation, sigma=sigma)) for sigma in SWEEP)
        return Side(profile.name, modulation.sigma if modulation.focuses else 0.0,
                    decoded.changed_share, picture, sweep)


def profile_as_set(name: str, values: Mapping[str, Any]) -> DriverProfile:
    """
    Return what is set now as a profile.

    :param values: the values in force by their ROS names, lists as tuples.
    """
    return DriverProfile(
        name=name,
        focus_classes=values['focus.classes'],
        suppress_classes=values['focus.suppress_classes'],
        sigma=values['focus.sigma'],
        sampling=values['focus.sampling'],
        max_changed=values['focus.max_changed'])
