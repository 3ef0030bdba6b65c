"""What all viewers of the page share."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any
from typing import TYPE_CHECKING

from aim_ros.imaging.frame import Frame
from aim_ros.nodes.tuner.saved_profile import shipped_file
from aim_ros.nodes.tuner.tuner_node import TunerNode
from aim_ros.perception.profiles import load_profiles
from aim_ros.perception.profiles import ProfileError

if TYPE_CHECKING:
    from aim_ros.nodes.tuner.what_if import Side
    from aim_ros.nodes.tuner.what_if import WhatIf

AS_SET = 'as set now'
"""What stands for the values in force among the profiles that are compared."""


@dataclass
class Workbench:
    """
    A segmentation node, and what can be done with what is seen of it.

    :param node: follows the segmentation node.
    :param users_file: where profiles are saved.
    """

    node: TunerNode
    users_file: Path
    _what_if: 'WhatIf | None' = None
    # The network of this process runs one frame at a time, for whoever asks.
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))

    @property
    def profiles_file(self) -> Path:
        """The file of profiles that the node uses."""
        named = self.node.parameters.values.get('profiles_file')
        return Path(named).expanduser() if named else shipped_file()

    async def compare(self, frame: Frame, names: tuple[str, ...]) -> 'list[Side]':
        """
        Return a frame under profiles of these names, or under `AS_SET`.

        :raises ModelError: the node's network cannot be loaded here.
        :raises ProfileError: its file of profiles cannot be read here, or one is out of range.
        :raises UnknownClassError: a profile names a class that the network does not have.
        """
        values = self.node.parameters.values
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, self._compare, frame, names, values)

    def _compare(self, frame: Frame, names: tuple[str, ...], values: Mapping[str, Any]
                 ) -> 'list[Side]':
        # Takes seconds to import, and most who tune never ask.
        from aim_ros.nodes.tuner.what_if import profile_as_set
        from aim_ros.nodes.tuner.what_if import WhatIf

        if self._what_if is None or not self._what_if.is_of(values):
            self._what_if = WhatIf(values)
        file = load_profiles(self.profiles_file)
        profiles = [profile_as_set(name, values) if name == AS_SET else file.get(name)
                    for name in names]
        for mistake in filter(None, (profile.mistake() for profile in profiles)):
            raise ProfileError(mistake)
        return self._what_if.compare(frame, profiles)

    def end(self) -> None:
        """End the thread of the comparisons."""
        self._pool.shutdown(wait=False, cancel_futures=True)
