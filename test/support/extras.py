"""The packages that not every installation has; tests that need one are skipped without it."""

EXTRAS = {
    'accelerate': 'text',
    'albumentations': 'train',
    'anyio': 'live',
    'fastapi': 'live',
    'gguf': 'text',
    'hypothesis': 'test',
    'kornia': 'train',
    'matplotlib': 'experiments',
    'mcap_ros2': 'dev',
    'motmetrics': 'experiments',
    'nicegui': 'live',
    'onnx': 'export',
    'onnxruntime': 'export',
    'onnxscript': 'export',
    'pyarrow': 'fleet',
    'ray': 'fleet',
    'ruamel': 'live',
    'selenium': 'dev',
    'torchmetrics': 'experiments',
    'triton': 'dev',
    'uvicorn': 'live',
    'websockets': 'live',
}
"""Name of the module to the requirements file, requirements-<name>.txt, that installs it."""
