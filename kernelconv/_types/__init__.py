"""Types of what callers give: arrays, sizes, values a layer, random states, borders. A leaf of the import graph."""
