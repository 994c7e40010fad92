"""P: patch extraction, borders, image gradients, whitening."""
