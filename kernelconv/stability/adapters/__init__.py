"""Models of every kind as functions of NumPy images: PyTorch's modules, ONNX sessions, classifiers."""
