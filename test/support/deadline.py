"""How long tests wait for what must come."""

DEADLINE = 600.0
"""
Seconds; for what hangs only.

On cores that are busy with other work, a start alone takes a minute, and one that finds nothing
compiled many.
"""
