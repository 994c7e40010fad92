"""Convolutional kernel networks, and their exact kernel."""
