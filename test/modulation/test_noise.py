import hashlib
import math

import numpy as np
import pytest
import torch

from aim_ros.modulation.noise import box_muller
from aim_ros.modulation.noise import FOCUS_STREAM
from aim_ros.modulation.noise import frame_key
from aim_ros.modulation.noise import LARGEST_DRAW
from aim_ros.modulation.noise import philox4x32
from aim_ros.modulation.noise import random_key
from aim_ros.modulation.noise import standard_normal
from aim_ros.modulation.noise import standard_normal_range
from aim_ros.modulation.noise import UTILITY_STREAM

KEY = 0x0123456789ABCDEF
MANY = 1_000_000
PAIRS = 250_000

# Fixed keys make every statistical test below pass or fail for good; a correct generator would
# exceed this many standard errors with one key in 15,000.
STANDARD_ERRORS = 4


def plain_philox(counter, key):
    """Philox4x32-10 as its paper writes it, on Python's unbounded integers."""
    k0, k1 = key % 2**32, key // 2**32
    c = list(counter)
    for _ in range(10):
        product_0, product_1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [
            product_1 // 2**32 ^ c[1] ^ k0,
            product_1 % 2**32,
            product_0 // 2**32 ^ c[3] ^ k1,
            product_0 % 2**32,
        ]
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return tuple(c)


def plain_draw(pixel, class_index, key, stream):
    """One draw by the documented layout; float32 uniforms, the functions in float64."""
    block = pixel // 4
    words = plain_philox((block % 2**32, block // 2**32, class_index, stream), key)
    a, b = words[0:2] if pixel % 4 < 2 else words[2:4]
    u_a, u_b = (float((np.float32(x) + np.float32(0.5)) * np.float32(2**-32)) for x in (a, b))
    radius = math.sqrt(-2 * math.log(u_a))
    turn = math.cos if pixel % 2 == 0 else math.sin
    return radius * turn(2 * math.pi * u_b)


# Lines 'philox4x32 10' of Random123's tests/kat_vectors: counter, key words, expected words.
@pytest.mark.parametrize(
    ('counter', 'key_words', 'expected'),
    [
        (
            (0, 0, 0, 0),
            (0, 0),
            (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8),
        ),
        (
            (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF),
            (0xFFFFFFFF, 0xFFFFFFFF),
            (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
        ),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
    ids=['zeros', 'ones', 'pi'],
)
def test_philox_gives_the_published_known_answers(counter, key_words, expected, device):
    key = key_words[1] << 32 | key_words[0]
    assert philox4x32(counter, key) == expected
    tensors = tuple(torch.full((3,), word, device=device) for word in counter)
    for words, word in zip(philox4x32(tensors, key), expected, strict=True):
        assert words.dtype == torch.int64
        assert words.tolist() == [word] * 3


def test_philox_in_int64_equals_unbounded_integers(device):
    extremes = [0, 1, 2**16 - 1, 2**16, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 2, 2**32 - 1]
    torch.manual_seed(1)
    counters = [[word] * 4 for word in extremes] + torch.randint(2**32, (200, 4)).tolist()
    for key in (0, KEY, 2**64 - 1):
        columns = torch.tensor(counters, device=device).unbind(dim=1)
        words = torch.stack(philox4x32(columns, key), dim=1).tolist()
        assert words == [list(plain_philox(counter, key)) for counter in counters]


def test_philox_broadcasts_words_and_mixes_ints_with_tensors():
    blocks, classes = torch.arange(5), torch.arange(3)[:, None]
    together = philox4x32((blocks, 0, classes, 1), KEY)
    assert together[0].shape == (3, 5)
    assert [int(word[2, 4]) for word in together] == list(plain_philox((4, 0, 2, 1), KEY))


@pytest.mark.parametrize(
    ('word_a', 'word_b', 'even', 'odd'),
    [
        (round(math.exp(-2) * 2**32), 0, 2, 0),  # u = e**-2, so the radius is 2
        (round(math.exp(-2) * 2**32), 2**30, 0, 2),  # a quarter turn
        (round(math.exp(-2) * 2**32), 2**31, -2, 0),
        (round(math.exp(-0.5) * 2**32), 2**29, math.sqrt(0.5), math.sqrt(0.5)),
        (0, 3 * 2**30, 0, -math.sqrt(66 * math.log(2))),  # the smallest u, 2**-33
        (2**32 - 1, 2**30, 0, 0),  # u rounds to 1
        (2**32 - 128, 12345, 0, 0),
    ],
)
def test_box_muller_by_hand(word_a, word_b, even, odd, device):
    pair = box_muller(torch.tensor([word_a], device=device), torch.tensor([word_b], device=device))
    assert [draw.item() for draw in pair] == pytest.approx([even, odd], abs=2e-6)


def test_draws_follow_the_documented_layout(device):
    pixels = [*range(12), 465_749, 2**31 + 3, 2**32, 2**34 - 1, 2**34 + 1, 2**40 + 2, 2**62 + 3]
    for class_index, key, stream in [(0, 0, 0), (18, KEY, 1), (2**32 - 1, 2**64 - 1, 0)]:
        draws = standard_normal(torch.tensor(pixels, device=device), class_index, key, stream)
        assert draws.dtype == torch.float32
        assert draws.device.type == device.type
        expected = [plain_draw(pixel, class_index, key, stream) for pixel in pixels]
        assert draws.tolist() == pytest.approx(expected, abs=5e-6)


@pytest.mark.parametrize('device', ['cuda'], indirect=True)
def test_devices_agree(device):
    here = standard_normal_range(5, 100_000, 3, KEY, FOCUS_STREAM, device).cpu()
    reference = standard_normal_range(5, 100_000, 3, KEY, FOCUS_STREAM)
    torch.testing.assert_close(here, reference, rtol=1e-5, atol=5e-6)


def test_a_range_equals_scattered_pixels_and_any_tiling(device):
    whole = standard_normal_range(0, 100_003, 7, KEY, UTILITY_STREAM, device)
    torch.manual_seed(2)
    for size in (1, 2, 7, 31, 64, 1001, 70_001):
        pixels = torch.randint(len(whole), (size,), device=device)
        assert torch.equal(standard_normal(pixels, 7, KEY, UTILITY_STREAM), whole[pixels])
    for start, count in [(0, 1), (1, 1), (2, 2), (3, 9), (6, 0), (4095, 4099), (99_999, 4)]:
        tile = standard_normal_range(start, count, 7, KEY, UTILITY_STREAM, device)
        assert torch.equal(tile, whole[start : start + count])
    image = whole[: 250 * 400].view(250, 400)
    grid = torch.arange(250 * 400, device=device).view(250, 400)
    window = standard_normal(grid[17:101, 33:350], 7, KEY, UTILITY_STREAM)
    assert torch.equal(window, image[17:101, 33:350])


def test_the_number_of_threads_makes_no_difference():
    threads = torch.get_num_threads()
    alone = standard_normal_range(0, 200_001, 7, KEY, UTILITY_STREAM)
    try:
        torch.set_num_threads(threads + 2)
        together = standard_normal_range(0, 200_001, 7, KEY, UTILITY_STREAM)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(together, alone)


def test_a_range_beyond_32_bits_equals_scattered_pixels(device):
    start = 2**34 - 6
    draws = standard_normal_range(start, 12, 1, KEY, FOCUS_STREAM, device)
    pixels = torch.arange(start, start + 12, device=device)
    assert torch.equal(draws, standard_normal(pixels, 1, KEY, FOCUS_STREAM))
    assert draws.unique().numel() == 12


def test_several_classes_at_once_equal_one_by_one(device):
    classes = [4, 0, 2**32 - 1, 4]
    together = standard_normal_range(3, 1001, classes, KEY, UTILITY_STREAM, device)
    assert together.shape == (4, 1001)
    for draws, class_index in zip(together, classes, strict=True):
        alone = standard_normal_range(3, 1001, class_index, KEY, UTILITY_STREAM, device)
        assert torch.equal(draws, alone)
    assert standard_normal_range(0, 8, [], KEY, UTILITY_STREAM, device).shape == (0, 8)


def test_shapes_of_scattered_pixels():
    for shape in [(), (0,), (2, 3), (2, 0, 4)]:
        pixels = torch.zeros(shape, dtype=torch.int64)
        assert standard_normal(pixels, 0, KEY, FOCUS_STREAM).shape == shape


def test_no_draw_is_larger_than_the_bound(device):
    exact = math.sqrt(-2 * math.log(2**-33))
    assert exact < LARGEST_DRAW < exact + 1e-3
    angles = torch.arange(0, 2**32, 2**12 + 1, device=device)
    assert angles.numel() > 1_000_000
    even, odd = box_muller(torch.zeros_like(angles), angles)  # word 0 is the smallest u
    largest = max(even.abs().max().item(), odd.abs().max().item())
    assert exact - 1e-5 < largest < LARGEST_DRAW
    # The radius falls as the word grows, also in float32.
    words = torch.cat([torch.arange(10_000), torch.arange(0, 2**32, 2**13)]).to(device)
    even, odd = box_muller(words, torch.zeros_like(words))
    assert torch.hypot(even, odd).max().item() <= largest


def test_the_largest_words_give_draws_of_zero_not_nan(device):
    words = torch.arange(2**32 - 400, 2**32, device=device)
    angles = torch.full_like(words, 2**29)
    for draws in box_muller(words, angles):
        assert torch.isfinite(draws).all()
        assert (draws[-128:] == 0).all()  # 2**32 - 128 and above: u rounds to 1
        assert (draws[:-128] > 0).all()


@pytest.mark.parametrize('stream', [UTILITY_STREAM, FOCUS_STREAM])
@pytest.mark.parametrize('key', [0, KEY])
def test_moments_of_the_normal_distribution(key, stream, device):
    draws = standard_normal_range(0, MANY, 11, key, stream, device).double()
    # Standard errors of the mean of z, z**2, z**3 and z**4: the variances of these are 1, 2, 15
    # and 96.
    for power, expected, variance in [(1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)]:
        error = (draws**power).mean().item() - expected
        assert abs(error) < STANDARD_ERRORS * math.sqrt(variance / MANY), f'moment {power}'


def test_kolmogorov_smirnov_against_the_normal_distribution(device):
    draws = standard_normal_range(0, MANY, 2, KEY, FOCUS_STREAM, device).double().sort().values
    distribution = torch.special.ndtr(draws)
    steps = torch.arange(MANY + 1, dtype=torch.float64, device=device) / MANY
    distance = max(
        (steps[1:] - distribution).max().item(), (distribution - steps[:-1]).max().item()
    )
    # The distance exceeds 1.95 / sqrt(n) with probability 0.001.
    assert distance < 1.95 / math.sqrt(MANY)


def test_tails_of_the_normal_distribution(device):
    draws = standard_normal_range(0, MANY, 2, KEY, UTILITY_STREAM, device)
    for limit in (2, 3, 4):
        expected = MANY * math.erfc(limit / math.sqrt(2))
        beyond = int((draws.abs() > limit).sum())
        assert abs(beyond - expected) < STANDARD_ERRORS * math.sqrt(expected)


def assert_independent(a, b):
    """Correlations of signs and of magnitudes are within their standard error."""
    for view in (lambda x: x, torch.abs, torch.square, torch.sign):
        pair = torch.stack([view(a.double()), view(b.double())])
        correlation = torch.corrcoef(pair)[0, 1].item()
        assert abs(correlation) < STANDARD_ERRORS / math.sqrt(len(a))


@pytest.mark.parametrize('distance', [1, 2, 3, 4, 5, 1242])
def test_neighbouring_pixels_are_independent(distance, device):
    draws = standard_normal_range(0, PAIRS, 11, KEY, FOCUS_STREAM, device)
    assert_independent(draws[:-distance], draws[distance:])


@pytest.mark.parametrize('pair', [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)])
def test_lanes_of_a_block_are_independent(pair, device):
    lanes = standard_normal_range(0, 4 * PAIRS, 11, KEY, FOCUS_STREAM, device).view(-1, 4)
    assert_independent(lanes[:, pair[0]], lanes[:, pair[1]])


def test_classes_are_independent(device):
    draws = standard_normal_range(0, PAIRS, [0, 1, 2, 256], KEY, UTILITY_STREAM, device)
    for a, b in [(0, 1), (1, 2), (0, 2), (0, 3)]:
        assert_independent(draws[a], draws[b])


def test_streams_are_independent(device):
    utility = standard_normal_range(0, PAIRS, 11, KEY, UTILITY_STREAM, device)
    focus = standard_normal_range(0, PAIRS, 11, KEY, FOCUS_STREAM, device)
    assert_independent(utility, focus)


@pytest.mark.parametrize('other', [KEY + 1, KEY ^ 1 << 32, KEY ^ 1 << 63])
def test_adjacent_keys_are_independent(other, device):
    one = standard_normal_range(0, PAIRS, 11, KEY, FOCUS_STREAM, device)
    two = standard_normal_range(0, PAIRS, 11, other, FOCUS_STREAM, device)
    assert_independent(one, two)


def test_random_keys_are_fresh_fill_64_bits_and_follow_the_seed():
    torch.manual_seed(3)
    keys = [random_key() for _ in range(64)]
    assert len(set(keys)) == 64
    either, both = 0, 2**64 - 1
    for key in keys:
        either |= key
        both &= key
    assert either == 2**64 - 1
    assert both == 0
    torch.manual_seed(3)
    assert [random_key() for _ in range(64)] == keys


@pytest.mark.parametrize(
    ('arguments', 'error', 'message'),
    [
        ({'key': -1}, ValueError, r'key must be in 0 .. 2\*\*64 - 1; got -1'),
        ({'key': 2**64}, ValueError, 'key must be in'),
        ({'key': 1.0}, TypeError, 'key must be an integer; got float'),
        ({'key': None}, TypeError, 'key must be an integer; got NoneType'),
        ({'class_index': -1}, ValueError, r'class_index must be in 0 .. 2\*\*32 - 1; got -1'),
        ({'class_index': 2**32}, ValueError, 'class_index must be in'),
        ({'stream': -1}, ValueError, 'stream must be in'),
        ({'stream': '0'}, TypeError, 'stream must be an integer; got str'),
    ],
)
def test_both_paths_refuse(arguments, error, message):
    good = {'class_index': 0, 'key': 0, 'stream': 0}
    with pytest.raises(error, match=message):
        standard_normal(torch.arange(3), **(good | arguments))
    with pytest.raises(error, match=message):
        standard_normal_range(0, 3, **(good | arguments))


def test_scattered_pixels_are_int64_and_not_negative():
    with pytest.raises(TypeError, match=r'int64 tensor; got torch\.int32'):
        standard_normal(torch.arange(3, dtype=torch.int32), 0, 0, 0)
    with pytest.raises(TypeError, match='int64 tensor; got list'):
        standard_normal([1, 2], 0, 0, 0)
    with pytest.raises(ValueError, match='0 or larger; got -2'):
        standard_normal(torch.tensor([3, -2]), 0, 0, 0)


@pytest.mark.parametrize(('start', 'count', 'name'), [(-1, 3, 'start'), (0, -1, 'count')])
def test_a_range_is_not_negative(start, count, name):
    with pytest.raises(ValueError, match=f'{name} must be in'):
        standard_normal_range(start, count, 0, 0, 0)
    with pytest.raises(ValueError, match='class_index must be in'):
        standard_normal_range(0, 3, [0, -1], 0, 0)


# Keys of frames


@pytest.mark.parametrize(('seed', 'camera', 'stamp', 'key'), [
    (0, 'camera', 0, 0xFC99495A46ED7306),
    (0, 'camera', 1317376155123456789, 0x8BEAFE9EE2A81507),
    (7, 'front_left', 100000000, 0x8BA7614E3F64D0DC),
    (-1, 'camera', 0, 0x4D1216E4FA532B08),
])
def test_frame_keys_never_change(seed, camera, stamp, key):
    """A replay in another process, on another machine or of another year draws the same noise."""
    assert frame_key(seed, camera, stamp) == key
    digest = hashlib.blake2b(f'{seed}/{camera}/{stamp}'.encode(), digest_size=8).hexdigest()
    assert key.to_bytes(8, 'little').hex() == digest


def test_frame_keys_differ_in_each_of_their_parts():
    keys = [frame_key(seed, camera, stamp) for seed in range(5)
            for camera in ('a', 'b', '1', '1/1') for stamp in (0, 1, 2, 11, 10**18)]
    assert len(set(keys)) == len(keys)
    assert all(0 <= key < 2**64 for key in keys)
