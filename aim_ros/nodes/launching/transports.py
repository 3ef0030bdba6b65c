"""
The transports of Fast DDS by which large images arrive, as environment variables.

Its default loses best-effort images between processes: see ``config/fastdds.xml``. The variables
must be set before rclpy starts, by whoever starts the process; nothing of ROS is imported here.
"""

from collections.abc import Mapping
import os

from aim_ros.resources import share_directory

PROFILES_FILE_2 = 'FASTRTPS_DEFAULT_PROFILES_FILE'
"""The variable that Fast DDS 2 reads, which is Jazzy's. Version 3 warns about it."""

PROFILES_FILE_3 = 'FASTDDS_DEFAULT_PROFILES_FILE'
"""The variable that Fast DDS 3 reads, which is Kilted's and newer."""

TRANSPORT_VARIABLES = (PROFILES_FILE_2, PROFILES_FILE_3, 'FASTDDS_BUILTIN_TRANSPORTS')
"""By any of these, a user chooses transports."""

_WITH_FAST_DDS_2 = frozenset({'humble', 'iron', 'jazzy'})


def large_images(environment: Mapping[str, str], profile: str | None = None) -> dict[str, str]:
    """
    Return the variables that make Fast DDS carry large images, none where the user has chosen.

    :param environment: of the process that is to be started; see `profile_variables`.
    :param profile: path of the XML profile; None for the one that ships.
    """
    if any(environment.get(name) for name in TRANSPORT_VARIABLES):
        return {}
    if profile is None:
        profile = str(share_directory() / 'config' / 'fastdds.xml')
    return dict.fromkeys(profile_variables(environment), profile)


def profile_variables(environment: Mapping[str, str]) -> tuple[str, ...]:
    """
    Return the variables from which Fast DDS takes the path of an XML profile.

    :param environment: of which ``ROS_DISTRO`` tells the version of Fast DDS. Where it is not set,
        as with ROS from PyPI, they are both versions'.
    """
    distribution = environment.get('ROS_DISTRO')
    if not distribution:
        return (PROFILES_FILE_2, PROFILES_FILE_3)
    return (PROFILES_FILE_2,) if distribution in _WITH_FAST_DDS_2 else (PROFILES_FILE_3,)


def transport_advice(environment: Mapping[str, str]) -> str:
    """
    Return what somebody whose images get lost should do, as the end of a sentence.

    :param environment: see `profile_variables`.
    """
    return ('large images get lost in the default transports of Fast DDS: start the camera driver '
            f'with {" and ".join(profile_variables(environment))} set to config/fastdds.xml of '
            'aim_ros (docs/transports.md)')


def use_large_images() -> None:
    """Set the variables of `large_images` in this process, before rclpy starts."""
    os.environ.update(large_images(os.environ))
