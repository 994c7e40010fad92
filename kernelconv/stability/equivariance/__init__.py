"""How far features are from invariant, and maps from equivariant: for a displacement, and for a small one (Lie)."""
