"""Where the files that ship with the package lie: configuration, profiles and models."""

import os
from pathlib import Path
import sys
from xml.etree import ElementTree

PACKAGE = 'aim_ros'


def share_directory() -> Path:
    """
    Return the directory that holds `config`, `launch` and `models`.

    A source tree (also one installed with ``--symlink-install`` or ``pip install -e``) is its
    own share directory; otherwise it is the one of the index of ROS 2, which goes by
    ``AMENT_PREFIX_PATH``, and last, as without ROS 2, the one of the running Python.

    :raises FileNotFoundError: the package is not installed completely.
    """
    source = Path(__file__).resolve().parent.parent
    python = Path(sys.prefix, 'share', PACKAGE)
    for candidate in (source, *_indexed(), python):
        if (candidate / 'package.xml').is_file() and (candidate / 'config').is_dir():
            return candidate
    raise FileNotFoundError(
        f'the share directory of {PACKAGE} was not found; looked in {source}, in the prefixes of '
        f'AMENT_PREFIX_PATH ({os.environ.get("AMENT_PREFIX_PATH", "not set")}) and in {python}; '
        'build the package with colcon and source its setup file')


def _indexed() -> list[Path]:
    """Return the share directory that the index of ROS 2 has, if there are both."""
    try:
        from ament_index_python.packages import get_package_prefix
        return [Path(get_package_prefix(PACKAGE), 'share', PACKAGE)]
    # Not installed, not in the index, or AMENT_PREFIX_PATH is not set.
    except (ImportError, LookupError, OSError):
        return []


def package_version() -> str:
    """Return this package's version, as package.xml has it."""
    return ElementTree.parse(share_directory() / 'package.xml').findtext('version', '')
