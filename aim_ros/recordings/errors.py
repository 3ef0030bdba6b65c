"""The error of this room."""


class RecordingError(Exception):
    """What the user asked for cannot be done; the text says why and what would do."""
