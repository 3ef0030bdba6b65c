"""What the profile file that ships says; its values change with the model."""

from aim_ros.perception.profiles import load_profiles
from aim_ros.resources import share_directory


def shipped_sigma(profile: str) -> float:
    """Return the sigma of a profile that ships."""
    return load_profiles(share_directory() / 'config' / 'profiles.yaml').get(profile).sigma
