"""Parts with weights, and what joins or normalises them."""
