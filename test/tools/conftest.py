import importlib.util
from pathlib import Path
import sys

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1] / 'tools'), str(HERE)]

# The tool's tests need requirements-train.txt; the shipped model's test does not.
MISSING = [name for name in ('torch', 'transformers', 'torchmetrics', 'albumentations', 'cv2',
                             'rich', 'yaml') if importlib.util.find_spec(name) is None]


def pytest_collection_modifyitems(items):
    if MISSING:
        skip = pytest.mark.skip(reason=f'requirements-train.txt: {", ".join(MISSING)} missing')
        for item in items:
            if item.path.parent == HERE and 'training' in item.path.name:
                item.add_marker(skip)
