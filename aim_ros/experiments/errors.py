"""The error of this room."""


class ExperimentError(Exception):
    """What the user asked for can not be done; the text says why and what would do."""
