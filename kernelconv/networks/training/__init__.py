"""Training of networks by gradient descent."""
