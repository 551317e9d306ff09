"""A run directory: manifest, journals, resume, and the pipeline that fills them."""
