"""Streams: learning from what no memory holds, in one pass, in pieces, on many machines."""

__all__: list[str] = []
