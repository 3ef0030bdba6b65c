"""
The tuner: a web page that shows a running segmentation node, and sets its parameters.

It is a process of its own and a user of the node like any other: it sees what the node publishes,
and calls its services. Nothing here can hold the node up.
"""
