"""
Writes a checkpoint's network as ONNX, and holds the file to torch before it is there.

The file names its classes and its preprocessing, so that ``model:=network.onnx`` is all that the
node needs. It appears only if on every class that the frames show it agrees with torch in fp32
for at least 99.9 % of the pixels.
"""

import argparse
from collections.abc import Sequence
from itertools import islice
import math
from pathlib import Path
import sys
import tempfile

import torch

from aim_ros.deployment.agreement import Agreement
from aim_ros.deployment.agreement import compare
from aim_ros.imaging.frame import Frame
from aim_ros.media.frames import MediaError
from aim_ros.media.sources import open_source
from aim_ros.segmentation import checkpoint
from aim_ros.segmentation.description import ModelError
from aim_ros.segmentation.export import OPSET
from aim_ros.segmentation.export import trtexec_line
from aim_ros.segmentation.export import write_onnx
from aim_ros.segmentation.segmenter import Segmenter
from aim_ros.segmentation.shape import fitting_size
from aim_ros.segmentation.shape import INPUT_PIXELS

_TOGETHER = 0.01
"""By how much logits may differ between images together and each alone: other sums, rounded."""


def _parse(args: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='export', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example:\n  ros2 run aim_ros export --output network.onnx --precision fp16')
    parser.add_argument('--model', default='segformer-b0-street',
                        help='folder of a checkpoint, name of a shipped one, or a hub id '
                             '(default: %(default)s)')
    parser.add_argument('--output', type=Path, default=Path('network.onnx'),
                        help='file to write (default: %(default)s)')
    parser.add_argument('--input-size', type=int, nargs=2, metavar=('HEIGHT', 'WIDTH'),
                        help="of the network's input (default: the shape of the frames)")
    parser.add_argument('--precision', choices=('fp32', 'fp16'), default='fp32',
                        help='fp16 leaves the head and the normalisations in fp32 '
                             '(default: %(default)s)')
    parser.add_argument('--dynamic-batch', action='store_true',
                        help='let any number of images go together, not one alone')
    parser.add_argument('--opset', type=int, default=OPSET, help='(default: %(default)s)')
    parser.add_argument('--frames', default='street',
                        help='what the file is checked on: a KITTI drive, a folder of images, a '
                             'rosbag2 folder, or street (rendered; the default)')
    parser.add_argument('--count', type=int, default=8, help='how many frames (%(default)s)')
    options = parser.parse_args(args)
    if options.opset < 17:
        parser.error(f'--opset must be 17 or more, got {options.opset}')
    if options.count < 1:
        parser.error(f'--count must be 1 or more, got {options.count}')
    if options.output.suffix != '.onnx':
        parser.error(f'--output must end in .onnx, got {options.output}')
    return options


def read_frames(source: str, count: int) -> list[Frame]:
    """
    Read some frames, evenly spread.

    :raises MediaError: there are none.
    """
    opened = open_source(source)
    every = max(1, len(opened) // count)
    frames = list(islice(opened.frames(every=every), count))
    if not frames:
        raise MediaError(f'{source} has no frames to check the network on')
    return frames


def export(options: argparse.Namespace) -> Agreement:
    """
    Write the file that the options ask for, and move it to its place if it passes.

    :return: how far it agrees with torch.
    :raises ModelError: it cannot be written.
    :raises MediaError: there are no frames to check it on.
    """
    frames = read_frames(options.frames, options.count)
    size = tuple(options.input_size or fitting_size(frames[0].size, INPUT_PIXELS))
    reference = Segmenter(options.model, device='cpu', engine='torch', precision='fp32',
                          input_size=size)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.output.parent, prefix='.') as folder:
        path = Path(folder, 'network.onnx')
        network = checkpoint.load_network(options.model)
        if options.precision == 'fp16' and not checkpoint.is_foldable(options.model):
            raise ModelError('only SegFormers are exported in fp16; use --precision fp32')
        write_onnx(network, reference.description, path, size=size, precision=options.precision,
                   dynamic_batch=options.dynamic_batch, opset=options.opset)
        exported = Segmenter(str(path), device='cpu', engine='onnxruntime')
        agreement = compare(exported, reference, frames)
        if options.dynamic_batch:
            check_together(exported, frames)
        if not agreement.failing():
            path.replace(options.output)
    return agreement


@torch.inference_mode()
def check_together(exported: Segmenter, frames: Sequence[Frame]) -> None:
    """
    Hold a file for any number of images to what it gives for each of them alone.

    :raises ModelError: it gives something else, or does not take them.
    """
    pixels = torch.cat([exported.preprocess([frame]) for frame in (*frames, *frames)[:3]])
    alone = exported.forward(pixels)
    # On the CPU the engine would take them one by one.
    exported.engine.batched = True
    try:
        difference = float((exported.forward(pixels) - alone).abs().max())
        reason = (f'its logits for {len(pixels)} images differ by {difference:.2g} from those of '
                  'each')
    # ONNX Runtime's exceptions have no common type below this one.
    except Exception as error:
        difference, reason = math.inf, ' '.join(str(error).split())[:300]
    if not difference <= _TOGETHER:
        raise ModelError(f'the file does not take several images together: {reason}; export it '
                         'without --dynamic-batch')


def main(args: Sequence[str] | None = None) -> int:
    """Run the command; return 1 where no file was written."""
    options = _parse(args)
    try:
        agreement = export(options)
    except (ModelError, MediaError, OSError) as error:
        print(f'export: {error}', file=sys.stderr)
        return 1
    print(agreement.table())
    print(f'{agreement.same / agreement.pixels:.4%} of the pixels are as in '
          f'{agreement.reference}; logits differ by up to {agreement.largest:.2g}')
    failing = agreement.failing()
    if failing:
        print(f'export: {options.output} was not written: on {", ".join(failing)} it agrees with '
              'torch on less than 99.9 % of the pixels; use --precision fp32, or more frames '
              'with --count where the class has few pixels', file=sys.stderr)
        return 1
    size = Segmenter(str(options.output), device='cpu', engine='onnxruntime').input_size
    print(f'wrote {options.output}, checked on the CPU provider of ONNX Runtime')
    print('for TensorRT, which was not tried here: ' + trtexec_line(
        options.output, size, precision=options.precision, dynamic_batch=options.dynamic_batch))
    return 0
