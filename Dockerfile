# aim_ros on ROS 2 Jazzy, by the steps of README, "With ROS 2". See docs/docker.md.
ARG ROS=jazzy
FROM ros:${ROS}-ros-base

# cpu, or the build of torch for a version of CUDA by the name of its index: cu128, cu130.
ARG TORCH=cpu
ARG TORCH_VERSION=2.13.0

SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        gcc python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /ws
# What apt gives comes first: numpy and OpenCV must be those that cv_bridge was built with.
COPY package.xml src/aim_ros/
RUN source "/opt/ros/$ROS_DISTRO/setup.bash" \
    && apt-get update && rosdep update --rosdistro "$ROS_DISTRO" \
    && DEBIAN_FRONTEND=noninteractive rosdep install --from-paths src --ignore-src -y \
    && rm -rf /var/lib/apt/lists/*

COPY requirements.txt src/aim_ros/
RUN python3 -m venv --system-site-packages .venv && touch .venv/COLCON_IGNORE \
    && .venv/bin/python -m pip install --no-cache-dir "torch==$TORCH_VERSION" \
        --index-url "https://download.pytorch.org/whl/$TORCH" \
    && .venv/bin/python -m pip install --no-cache-dir -r src/aim_ros/requirements.txt

COPY . src/aim_ros
RUN source "/opt/ros/$ROS_DISTRO/setup.bash" \
    && .venv/bin/python -m colcon build --packages-select aim_ros

# The only signal by which `ros2 launch` ends its nodes; `exec`, so that it gets it. In a terminal it
# takes for granted that the nodes got it, too, unless it is told that it is not interactive.
STOPSIGNAL SIGINT
ENTRYPOINT ["/bin/bash", "-c", "source /ws/install/setup.bash && exec \"$@\"", "entrypoint"]
CMD ["ros2", "launch", "--noninteractive", "aim_ros", "perception.launch.py"]
