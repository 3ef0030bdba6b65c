"""The kinds of cars, and their paints."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class CarModel:
    """Sizes in metres; `profile` lists, from nose to tail, (share of length, belt, roof).

    `belt` and `roof` are heights as shares of the car's: of the edge below the windows, and of the
    top, which is the bonnet or boot where it is below 0.75.
    """

    length: float
    width: float
    height: float
    profile: tuple[tuple[float, float, float], ...]


HATCH = ((0.0, 0.36, 0.40), (0.03, 0.47, 0.50), (0.12, 0.54, 0.585), (0.25, 0.60, 0.655),
         (0.44, 0.62, 0.96), (0.56, 0.625, 1.0), (0.585, 0.63, 1.0), (0.78, 0.64, 0.98),
         (0.88, 0.655, 0.93), (0.965, 0.66, 0.66), (1.0, 0.36, 0.40))
SEDAN = ((0.0, 0.36, 0.40), (0.03, 0.46, 0.50), (0.12, 0.54, 0.58), (0.27, 0.60, 0.65),
         (0.43, 0.62, 0.96), (0.54, 0.625, 1.0), (0.565, 0.63, 1.0), (0.68, 0.64, 0.97),
         (0.83, 0.655, 0.71), (0.97, 0.64, 0.685), (1.0, 0.36, 0.42))
ESTATE = ((0.0, 0.36, 0.40), (0.03, 0.47, 0.50), (0.12, 0.54, 0.58), (0.25, 0.60, 0.65),
          (0.41, 0.62, 0.95), (0.53, 0.625, 1.0), (0.555, 0.63, 1.0), (0.76, 0.64, 0.99),
          (0.93, 0.65, 0.95), (0.985, 0.66, 0.68), (1.0, 0.36, 0.40))
VAN = ((0.0, 0.34, 0.38), (0.02, 0.46, 0.50), (0.10, 0.52, 0.56), (0.17, 0.56, 0.60),
       (0.33, 0.58, 0.97), (0.45, 0.58, 1.0), (0.475, 0.58, 1.0), (0.72, 0.58, 1.0),
       (0.95, 0.58, 0.98), (0.985, 0.60, 0.62), (1.0, 0.30, 0.36))
MODELS = (
    CarModel(4.05, 1.76, 1.46, HATCH), CarModel(4.6, 1.8, 1.44, SEDAN),
    CarModel(4.65, 1.8, 1.48, ESTATE), CarModel(4.45, 1.84, 1.66, ESTATE),
    CarModel(4.75, 1.88, 1.92, VAN), CarModel(3.7, 1.66, 1.5, HATCH),
)
PAINTS = (
    (224, 226, 228), (196, 200, 204), (168, 172, 176), (120, 124, 130), (72, 76, 82), (36, 38, 42),
    (30, 32, 34), (28, 40, 74), (44, 66, 118), (128, 28, 30), (160, 40, 36), (54, 70, 58),
    (150, 130, 100), (214, 210, 196), (96, 52, 40),
)


def draw_model(rng: np.random.Generator) -> tuple[CarModel, tuple[int, int, int]]:
    """Draw a kind of car and its paint."""
    model = MODELS[rng.choice(len(MODELS), p=(0.3, 0.2, 0.2, 0.14, 0.06, 0.1))]
    return model, PAINTS[rng.integers(len(PAINTS))]
