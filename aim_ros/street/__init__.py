"""A street that the package renders itself, with exact class labels for every pixel."""
