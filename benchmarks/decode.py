"""
Decoding: the plain recipe beside `aim_ros.decoding.decode`, on the same logits.

The recipe is what transformers' `post_process_semantic_segmentation` and the published AIM code
do, eager in float32: upsample all logits to the camera's resolution, add `torch.normal` noise to
the target channels (to all channels for utility noise), take the arg max. It gives the mask; ours
gives the mask, both deterministic decisions that alerts need, and the changed share.

Logits. 19 classes: the shipped model on the rendered street. 150 classes: a synthetic field, since
no such model ships: for each class a constant (standard deviation 1.5: some classes are common)
and a field that varies over about 12 points of the grid (standard deviation 2), both normal, and
normal noise of 0.15 between neighbouring points; then the leader of each point is raised by a
field of its own (mean 2, standard deviation 2, at least 0), as training does. So the gaps between
the best two classes are like the 19-class model's on the street (its medians are about 3; the
quantiles of the logits in use stand in the JSON). `--worst-case` takes independent normal logits
of standard deviation 0.3: no class can be ruled out anywhere.

    python -m benchmarks.decode --classes 150 --json decode.json
"""

import argparse
from collections.abc import Callable
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from aim_ros.decoding.decode import decode
from aim_ros.decoding.decode import prepare
from aim_ros.imaging.frame import Frame
from aim_ros.media.street import Street
from aim_ros.modulation import expected_shift
from aim_ros.modulation import Modulation
from aim_ros.segmentation.segmenter import Segmenter
from benchmarks._common import Case
from benchmarks._common import measure
from benchmarks._common import parser
from benchmarks._common import prepare as prepare_device
from benchmarks._common import ratio
from benchmarks._common import report

SIZES = {
    '1242x375, network 192x640': ((375, 1242), (192, 640)),
    '1242x375, network 384x1248': ((375, 1242), (384, 1248)),
    '1920x1200, network 512x512': ((1200, 1920), (512, 512)),
}
"""Camera and network sizes, each (height, width)."""

# Person, rider and bicycle up, vegetation down, in Cityscapes' ids.
TARGETS = ((8, -1), (11, 1), (12, 1), (18, 1))

MODES = {
    'off': Modulation(),
    'expected, 4 targets': Modulation(TARGETS, 1.0),
    'pixel, 4 targets': Modulation(TARGETS, 1.0, 'pixel'),
    'utility noise': Modulation(utility_sigma=0.5),
}


def recipe(logits: Tensor, size: tuple[int, int], modulation: Modulation) -> Tensor:
    """Return the mask (H, W) of logits (C, h, w) as the published code makes it."""
    scores = interpolate(logits[None], size=size, mode='bilinear', align_corners=False)[0]
    if modulation.utility_sigma > 0:
        scores = scores + torch.normal(
            0.0, modulation.utility_sigma, scores.shape, device=scores.device)
    for target, sign in modulation.signs:
        if modulation.sampling == 'pixel':
            noise = torch.normal(0.0, modulation.sigma, size, device=scores.device)
            scores[target] += sign * noise.abs()
        else:
            scores[target] += sign * expected_shift(modulation.sigma)
    return scores.argmax(0)


def street_logits(size: tuple[int, int], network: tuple[int, int]) -> Tensor:
    """Return the shipped model's logits (19, h, w) of one frame of the rendered street."""
    segmenter = Segmenter(
        'segformer-b0-street', device='cpu', engine='torch', input_size=network)
    frame = next(iter(Street(size=size).frames()))
    return segmenter.forward(segmenter.preprocess([Frame(frame.image)]))[0].contiguous()


def synthetic_logits(classes: int, grid: tuple[int, int]) -> Tensor:
    """Return a smooth random field (C, h, w); see the module's text."""
    generator = torch.Generator().manual_seed(0)

    def field(channels: int) -> Tensor:
        coarse = (grid[0] // 12 + 2, grid[1] // 12 + 2)
        return 2 * interpolate(
            torch.randn(1, channels, *coarse, generator=generator), size=grid, mode='bicubic',
            align_corners=False)[0]

    logits = field(classes) + 1.5 * torch.randn(classes, 1, 1, generator=generator)
    logits += 0.15 * torch.randn(classes, *grid, generator=generator)
    return logits.scatter_add(0, logits.argmax(0)[None], (2 + field(1)).clamp(min=0))


def close_logits(classes: int, grid: tuple[int, int]) -> Tensor:
    """Return independent logits (C, h, w) with small gaps everywhere."""
    return torch.randn(classes, *grid, generator=torch.Generator().manual_seed(0)) * 0.3


def make_logits(classes: int, name: str, worst_case: bool) -> Tensor:
    """Return the logits of one setting of `SIZES`."""
    size, network = SIZES[name]
    grid = (network[0] // 4, network[1] // 4)
    if worst_case:
        return close_logits(classes, grid)
    return street_logits(size, network) if classes == 19 else synthetic_logits(classes, grid)


def candidates(
    logits: Tensor, size: tuple[int, int], modulation: Modulation, confidence: bool,
) -> dict[str, Callable[[], object]]:
    """Return what is compared."""
    timed = {
        'recipe': lambda: recipe(logits, size, modulation),
        'ours': lambda: decode(logits, size, modulation, key=1).cpu(),
    }
    if confidence:
        timed['ours with confidence'] = lambda: decode(
            logits, size, modulation, key=1, confidence=True).cpu()
    return timed


def main() -> None:
    """Run the benchmark."""
    options = parser(__doc__)
    options.set_defaults(rounds=7)
    options.add_argument('--classes', type=int, nargs='+', default=[19, 150])
    options.add_argument('--sizes', nargs='+', choices=SIZES, default=list(SIZES))
    options.add_argument('--modes', nargs='+', choices=MODES, default=list(MODES))
    options.add_argument('--worst-case', action='store_true', help='small gaps everywhere')
    options.add_argument('--confidence', action='store_true',
                         help='time decoding with the confidence image too')
    options = options.parse_args()
    device = prepare_device(options)
    cases: list[Case] = []
    try:
        with torch.inference_mode():
            for case in _cases(options, device):
                cases.append(case)
    finally:
        # Also what there was before it failed, or was interrupted.
        report('decode', cases, device, options.json)


def _cases(options: argparse.Namespace, device: torch.device) -> Iterator[Case]:
    """Time every setting that is asked for."""
    for classes in options.classes:
        prepare(device, classes)
        for name in options.sizes:
            logits = make_logits(classes, name, options.worst_case).to(device)
            top = logits.topk(2, dim=0).values
            gaps = (top[0] - top[1]).flatten().cpu()
            quantiles = gaps.quantile(torch.tensor([0.1, 0.5, 0.9])).tolist()
            for mode in options.modes:
                timings = measure(
                    candidates(logits, SIZES[name][0], MODES[mode], options.confidence),
                    rounds=options.rounds, device=device)
                yield Case(
                    f'{classes} classes, {name}\n{mode}', timings,
                    {'recipe / ours': ratio(timings['recipe'], timings['ours'])},
                    details={'gap_quantiles_10_50_90': quantiles})


if __name__ == '__main__':
    main()
