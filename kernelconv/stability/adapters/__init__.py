"""Adapters from models to functions of NumPy images: PyTorch modules, ONNX sessions, classifiers."""
