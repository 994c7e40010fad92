"""What render.py writes, a file each: `results` reads the result files, `tables`, `figures` and `page` show them."""
