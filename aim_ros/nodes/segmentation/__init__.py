"""The segmentation node: camera topics in, masks and alerts out."""
