"""Images that do not fit into memory: chunks of a stream, side by side on one machine or on many."""
