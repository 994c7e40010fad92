"""The stability theorem of convolutional kernel networks: architectures, the bound, observations on images."""
