"""How fast aim_ros is, beside the plain recipe: ``python -m benchmarks.decode`` and so on."""
