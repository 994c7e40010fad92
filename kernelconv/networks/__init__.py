"""Networks: composition, and the ready-made estimators."""
