"""Puts this directory on the path: its tests share what reads the pages."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
