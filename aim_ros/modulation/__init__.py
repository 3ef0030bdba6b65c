"""
Logits redistribution: control functions, their theory, and reproducible noise.

Torch and NumPy only.
"""

from aim_ros.modulation.control import expected_shift
from aim_ros.modulation.control import focus_modulation
from aim_ros.modulation.control import FocusModulation
from aim_ros.modulation.control import utility_modulation
from aim_ros.modulation.control import UtilityModulation
from aim_ros.modulation.focus_theory import focus_preserved_probability
from aim_ros.modulation.focus_theory import focus_target_preserved_probability
from aim_ros.modulation.gating import gate
from aim_ros.modulation.modulation import Modulation
from aim_ros.modulation.modulation import SAMPLINGS
from aim_ros.modulation.noise import FOCUS_STREAM
from aim_ros.modulation.noise import frame_key
from aim_ros.modulation.noise import LARGEST_DRAW
from aim_ros.modulation.noise import philox4x32
from aim_ros.modulation.noise import random_key
from aim_ros.modulation.noise import standard_normal
from aim_ros.modulation.noise import standard_normal_range
from aim_ros.modulation.noise import UTILITY_STREAM
from aim_ros.modulation.theory import order_preserved_derivative
from aim_ros.modulation.theory import order_preserved_probability
from aim_ros.modulation.theory import sigma_for_probability
from aim_ros.modulation.theory import stays_below_probability
from aim_ros.modulation.theory import top1_preserved_probability

__all__ = [
    'FOCUS_STREAM',
    'LARGEST_DRAW',
    'SAMPLINGS',
    'UTILITY_STREAM',
    'FocusModulation',
    'Modulation',
    'UtilityModulation',
    'expected_shift',
    'focus_modulation',
    'focus_preserved_probability',
    'focus_target_preserved_probability',
    'frame_key',
    'gate',
    'order_preserved_derivative',
    'order_preserved_probability',
    'philox4x32',
    'random_key',
    'sigma_for_probability',
    'standard_normal',
    'standard_normal_range',
    'stays_below_probability',
    'top1_preserved_probability',
    'utility_modulation',
]
