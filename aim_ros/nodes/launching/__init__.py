"""Starting the executables: launch files, processes, transports."""
