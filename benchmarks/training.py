"""
A step of training whose crops are made on the device, part by part.

drawing         a batch of crops, with pasted people, unblended
teacher         EfficientViT-Seg-B0, random weights, on the share of a batch that is blended
teacher, plain  the same with its weights as they lie in memory by default, not channels last
teacher, fp16   the same in half precision
step            forward, backward and optimizers of SegFormer-B0 in bf16, on such a batch

    python -m benchmarks.training --device cuda [--batch 128] [--crop 256 512]

The crops are cut out of a rendered street. Without a GPU, try a smaller --batch and --crop.
"""

from itertools import count
from tempfile import TemporaryDirectory

from rich.progress import Progress
from rich.progress import TextColumn
import torch

from aim_ros.media.street import Street
from aim_ros.training import efficientvit
from aim_ros.training.config import AugmentConfig
from aim_ros.training.config import Config
from aim_ros.training.config import ModelConfig
from aim_ros.training.config import SourceConfig
from aim_ros.training.config import TrainConfig
from aim_ros.training.device_crops import DeviceCrops
from aim_ros.training.loop import Trainer
from aim_ros.training.sources import LabelledFrame
from aim_ros.training.sources import Source
from benchmarks._common import Case
from benchmarks._common import measure
from benchmarks._common import parser
from benchmarks._common import prepare
from benchmarks._common import report

FRAMES = 8
BLENDED = 0.5
ZOOM = 2


def source() -> Source:
    """Return frames of the rendered street, as a source that a teacher is shown."""
    street = Street(seed=5, frames=120)
    frames = tuple(
        LabelledFrame(str(number), frame.image, frame.labels)
        for number, frame in enumerate(street.frames(0, 120 // FRAMES)))
    return Source(SourceConfig('rendered', 'images', 'labels'), frames)


def main() -> None:
    """Time the parts in turns and print the table."""
    options = parser(__doc__)
    options.add_argument('--batch', type=int, default=128, help='crops of a step (128)')
    options.add_argument('--crop', type=int, nargs=2, default=(256, 512),
                         metavar=('HEIGHT', 'WIDTH'), help='of each, in pixels (256 512)')
    options = options.parse_args()
    device = prepare(options)
    torch.set_float32_matmul_precision('high')
    augment = AugmentConfig(crop=tuple(options.crop), cutmix_probability=0.3,
                            mixup_probability=BLENDED, on_device=True)
    config = Config(ModelConfig(size='b0'), augment=augment, train=TrainConfig(
        device=options.device, batch=options.batch, muon=True, loss_stride=2, dice=0.5))
    plain = efficientvit.Probabilities(efficientvit.EfficientViTSegmenter().eval()).to(device)
    teacher = efficientvit.Probabilities(efficientvit.EfficientViTSegmenter().eval()).to(
        device, memory_format=torch.channels_last)
    half = efficientvit.Probabilities(efficientvit.EfficientViTSegmenter().eval()).to(
        device, torch.float16, memory_format=torch.channels_last)
    frames = [source()]
    crops = DeviceCrops(frames, augment, 1, options.batch, device)
    taught = DeviceCrops(frames, augment, 1, options.batch, device, teacher=teacher, zoom=ZOOM)
    blended = 255 * torch.rand(max(1, round(BLENDED * options.batch)), 3, *taught.size,
                               device=device)
    steps = count()
    with TemporaryDirectory() as folder, Progress(
            TextColumn('{task.description}'), transient=True) as progress:
        trainer, batch = Trainer(config, folder), taught(0)
        task = progress.add_task('')
        timings = measure(
            {'drawing': lambda: crops(next(steps)),
             'teacher': lambda: teacher(blended),
             'teacher, plain': lambda: plain(blended),
             'teacher, fp16': lambda: half(blended.half()),
             'step': lambda: trainer.train_step(batch)},
            rounds=options.rounds, device=device,
            notify=lambda text: progress.update(task, description=text))
    each = sum(timings[name].median_ms for name in ('drawing', 'teacher', 'step'))
    name = f'{options.batch} crops of {options.crop[0]}x{options.crop[1]}'
    shares = {f'{part} / all': timings[part].median_ms / each
              for part in ('drawing', 'teacher', 'step')}
    report('training', [Case(name, timings, shares, details={
        'crops_a_second': 1e3 * options.batch / each})], device, options.json)
    print(f'{1e3 * options.batch / each:.1f} crops a second')


if __name__ == '__main__':
    main()
