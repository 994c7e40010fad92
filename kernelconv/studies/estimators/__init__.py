"""Estimators that studies need beside the library's: heads, each choosing inside the training set, and transformers."""
