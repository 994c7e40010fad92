"""What render.py writes: `results` reads the cells, `choice` compares rows, the others show them, a file each."""
