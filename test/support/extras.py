"""The packages that not every installation has; tests that need one are skipped without it."""

EXTRAS = {
    'accelerate': 'text',
    'albumentations': 'train',
    'gguf': 'text',
    'hypothesis': 'test',
    'matplotlib': 'experiments',
    'motmetrics': 'experiments',
    'onnx': 'export',
    'onnxruntime': 'export',
    'onnxscript': 'export',
    'pyarrow': 'fleet',
    'ray': 'fleet',
    'torchmetrics': 'experiments',
    'triton': 'dev',
}
"""Name of the module to the requirements file, requirements-<name>.txt, that installs it."""
