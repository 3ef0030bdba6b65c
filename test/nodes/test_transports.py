"""Which variables make Fast DDS carry large images, and that they are the user's to override."""

from pathlib import Path
import subprocess
import sys

import pytest

from aim_ros.nodes.launching.transports import large_images
from aim_ros.nodes.launching.transports import transport_advice
from aim_ros.nodes.launching.transports import TRANSPORT_VARIABLES

OF_VERSION_2, OF_VERSION_3, _ = TRANSPORT_VARIABLES


@pytest.mark.parametrize('variable', TRANSPORT_VARIABLES)
def test_the_users_transports_win(variable):
    assert large_images({variable: 'x'}, 'fastdds.xml') == {}


@pytest.mark.parametrize(('environment', 'variables'), [
    ({'ROS_DISTRO': 'jazzy', 'FASTDDS_BUILTIN_TRANSPORTS': ''}, {OF_VERSION_2}),
    ({'ROS_DISTRO': 'kilted'}, {OF_VERSION_3}),
    ({'ROS_DISTRO': 'lyrical'}, {OF_VERSION_3}),
    ({}, {OF_VERSION_2, OF_VERSION_3})])
def test_large_images_by_the_variable_that_the_distribution_reads(environment, variables):
    assert large_images(environment, 'fastdds.xml') == dict.fromkeys(variables, 'fastdds.xml')
    # What people are asked to set is the same.
    advice = transport_advice(environment)
    assert {name for name in (OF_VERSION_2, OF_VERSION_3) if name in advice} == variables


def test_the_profile_that_ships_is_taken_where_none_is_given():
    path, = set(large_images({}).values())
    assert '<segment_size>' in Path(path).read_text()


def test_nothing_of_ros_is_imported():
    """Fast DDS reads the variables when rclpy is initialised: setting them comes before."""
    script = ('import sys, aim_ros.nodes.launching.transports; '
              'sys.exit(any(name.startswith(("rclpy", "rcl_", "torch")) for name in sys.modules))')
    assert subprocess.run([sys.executable, '-c', script], check=False).returncode == 0
