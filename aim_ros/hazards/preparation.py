"""What has to be in place before the first road user: loops compiled, libraries imported."""

from aim_ros.hazards import assignment
from aim_ros.hazards import colours
from aim_ros.hazards import contact
from aim_ros.hazards import motion
from aim_ros.hazards import pairs
from aim_ros.hazards import pixels
from aim_ros.hazards import regions
from aim_ros.hazards import splitting

MODULES = (assignment, colours, contact, motion, pairs, pixels, regions, splitting)
"""Those whose loops are compiled at their first call."""


def prepare() -> None:
    """Compile and import it all, so that nobody waits for it while driving."""
    for module in MODULES:
        module.prepare()
