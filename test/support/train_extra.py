from importlib.util import find_spec

import pytest

# What `aim_ros.training` imports, without what only its teacher or crops on a GPU need.
PACKAGES = ('torch', 'transformers', 'torchmetrics', 'albumentations', 'cv2', 'safetensors',
            'PIL', 'rich', 'yaml')


def skip_where_missing(*others):
    """
    Skip the calling test, or while it is imported the module, where a package is missing.

    None is imported here: the tool first keeps albumentations from asking its server for news.
    """
    for name in (*PACKAGES, *others):
        if find_spec(name) is None:
            pytest.skip(f'{name} is not installed; requirements-train.txt brings it',
                        allow_module_level=True)
