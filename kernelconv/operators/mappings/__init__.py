"""M: kernel mapping and what it is built from; pointwise nonlinearities."""
