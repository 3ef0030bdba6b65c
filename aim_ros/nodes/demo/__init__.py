"""
The demo: a drive through the two nodes, as processes over DDS, with a change of profile half way.

It is a user of the nodes like any other: it sees what they publish, and calls their services.
"""
