"""Classifiers on features, each choosing its parameters by three-fold cross-validation inside the training set."""
