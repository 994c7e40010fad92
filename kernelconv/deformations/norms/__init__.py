"""How large a field is: norms of its Jacobians, suprema over the image, the Hölder norm."""
