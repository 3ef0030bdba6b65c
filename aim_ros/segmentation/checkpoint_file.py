"""A JSON file of a checkpoint, before transformers reads it."""

from pathlib import Path
from typing import Any

from aim_ros.plain_data import BoundsError
from aim_ros.plain_data import IrregularFileError
from aim_ros.plain_data import parse_json
from aim_ros.plain_data import read_text
from aim_ros.segmentation.description import ModelError

_MOST_CLASSES = 65535


def read_file(path: Path) -> Any:
    """
    Return what a file of a checkpoint says; None where transformers is to say why it cannot be.

    :raises ModelError: it says what transformers would go astray with.
    """
    try:
        content = parse_json(read_text(path))
    except BoundsError as error:
        raise ModelError(f'{path} {error}') from error
    except IrregularFileError as error:
        raise ModelError(f'{path} cannot be read: {error.strerror}') from error
    except (OSError, ValueError):
        return None
    # It makes a name for each.
    number = content.get('num_labels') if isinstance(content, dict) else None
    if isinstance(number, int) and number > _MOST_CLASSES:
        raise ModelError(f'{path} has num_labels {number}; masks hold {_MOST_CLASSES} classes')
    return content
