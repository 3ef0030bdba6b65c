"""
Decoding on the CPU: one pass over the grid of the logits, compiled by Numba.

The image falls into cells, the areas between four neighbouring points of the logit grid. A
bilinear value lies between its cell's corners, so bounds on the corners rule out most classes in
most cells, exactly:

- A class's value lies in [smallest corner + lowest shift, largest corner + highest shift]. The
  shift of a decision is 0 (base), the expected shift (focused), or for the mask whatever the
  noise can add: up to sigma * `LARGEST_DRAW` for a target, of the target's sign.
- A class is out where its upper bound is below some class's lower bound, in each of the three
  decisions. Utility noise moves both by up to utility_sigma * `LARGEST_DRAW`.
- Both bounds are widened by `SLACK` of their size, beyond what float32 can add by rounding.

Where one class is left, its cell is filled; elsewhere those that are left are interpolated and
compared pixel by pixel: first those without a target, whose best is the same in all decisions
but for utility noise, then the suppressed targets, which can only fall, then the others. Noise is
drawn only for pixels at which the class that it acts on may still win with it. A class that is
kept for nothing changes no result, so masks do not depend on any of this.

In the order in which a frame passes them: `entry` (called from Python, threads, working memory),
`rows` (the compiled loop), `bounds` (which classes are left where), `upsample`, `draw` (noise),
`confidence`. Their arguments are `records`; `arithmetic` says how all of them are compiled.
"""

from aim_ros.decoding.cpu.entry import fill

__all__ = ['fill']
