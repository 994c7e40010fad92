"""The stability theorem of convolutional kernel networks: what it reads of a network, its bound, what images show."""
