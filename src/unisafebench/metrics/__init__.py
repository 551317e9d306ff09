"""Pure functions from counts to rates with intervals; knows nothing of files."""
