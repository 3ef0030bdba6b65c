"""The error of this room, and the system's in words."""


class RecordingError(Exception):
    """What the user asked for cannot be done; the text says why and what would do."""


def of_file(error: OSError) -> str:
    """Return what the system says of which file."""
    return f'{error.filename or "a file"}: {error.strerror or error}'
