import numpy as np
from PIL import Image
from segformer_training.config import DataConfig
from segformer_training.config import SourceConfig


def make_data(folder, *, frames=4, leave_out=True, scale=(0.5, 1.0), pack_scale=1.0):
    """Write labelled frames in which every class has one colour; return their configuration."""
    rng = np.random.default_rng(3)
    for kind in ('images', 'labels'):
        (folder / kind).mkdir(exist_ok=True)
    for index in range(frames):
        labels = np.full((96, 160), 2, np.uint8)
        labels[40:] = 0
        x, y = rng.integers(4, 140), rng.integers(20, 50)
        labels[y:y + 30, x:x + 12] = 11
        labels[50:60, 60 + 5 * index:80 + 5 * index] = 13
        image = np.repeat(10 * labels[..., None], 3, 2)
        Image.fromarray(image).save(folder / 'images' / f'f{index}.png')
        Image.fromarray(labels).save(folder / 'labels' / f'f{index}.png')
    (folder / 'val.txt').write_text('f2\n')
    source = SourceConfig(
        name='made', images='images', labels='labels', weight=0.5, scale=scale,
        leave_out='val.txt' if leave_out else None, pack_scale=pack_scale)
    return DataConfig(root=str(folder), sources=(source,), validation_list='val.txt',
                      validation=SourceConfig(name='made', images='images', labels='labels'))
