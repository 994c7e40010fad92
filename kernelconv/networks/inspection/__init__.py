"""What a fitted network looks for and at: its filters, the fields of its units, the patches that excite them most."""
