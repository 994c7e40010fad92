"""What must be set before scikit-learn is imported."""

import os
from importlib.metadata import version

if version("scikit-learn").startswith("1.6."):
    # with array-api-compat installed, the test module of scikit-learn 1.6 refuses to be imported without this
    os.environ.setdefault("SCIPY_ARRAY_API", "1")
