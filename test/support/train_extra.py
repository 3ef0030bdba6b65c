from importlib.util import find_spec

import pytest

# What `aim_ros.training` imports; the teacher's packages only where there is a teacher.
PACKAGES = ('torch', 'transformers', 'torchmetrics', 'albumentations', 'kornia', 'cv2',
            'safetensors', 'PIL', 'rich', 'yaml')


def skip_where_missing(*teachers):
    """
    Skip the calling test, or while it is imported the module, where a package is missing.

    None is imported here: the tool first keeps albumentations from asking its server for news.
    """
    for name in (*PACKAGES, *teachers):
        if find_spec(name) is None:
            pytest.skip(f'{name} is not installed; requirements-train.txt brings it',
                        allow_module_level=True)
