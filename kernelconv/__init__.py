"""Convolutional representations whose behaviour is understood."""
