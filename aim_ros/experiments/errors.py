"""The error of this room."""


class ExperimentError(Exception):
    """What the user asked for cannot be done; the text says why and what would do."""
