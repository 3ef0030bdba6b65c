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
    own share directory; otherwise it is ``<prefix>/share/aim_ros`` of the first prefix in
    ``AMENT_PREFIX_PATH`` that has one, and last the one of the running Python.

    :raises FileNotFoundError: the package is not installed completely.
    """
    source = Path(__file__).resolve().parent.parent
    prefixes = [Path(p) for p in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep) if p]
    shares = [prefix / 'share' / PACKAGE for prefix in [*prefixes, Path(sys.prefix)]]
    for candidate in [source, *shares]:
        if (candidate / 'package.xml').is_file() and (candidate / 'config').is_dir():
            return candidate
    raise FileNotFoundError(
        f'the share directory of {PACKAGE} was not found; looked in '
        + ', '.join(str(path) for path in [source, *shares])
        + '; build the package with colcon and source its setup file')


def package_version() -> str:
    """Return this package's version, as package.xml has it."""
    return ElementTree.parse(share_directory() / 'package.xml').findtext('version', '')
