import pytest

# What tools/train_segformer.py imports; the teacher's packages only where there is a teacher.
PACKAGES = ('torch', 'transformers', 'torchmetrics', 'albumentations', 'cv2', 'safetensors',
            'PIL', 'rich', 'yaml')


def skip_where_missing(*teachers):
    """Skip the calling test, or while it is imported the module, where a package is missing."""
    for name in (*PACKAGES, *teachers):
        pytest.importorskip(name, reason=f'{name}, of requirements-train.txt, is not installed')
