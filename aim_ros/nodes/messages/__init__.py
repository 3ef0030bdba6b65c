"""The seam between ROS messages and what the package perceives."""
