"""Answers that are on disk already: JSON Lines, JSON, CSV or TSV, from any tool.

The file is checked as a whole before a run starts, and only where each answer lies is kept in
memory. An answer belongs to a sample by its task, id and epoch, never by its place in the file.
"""

from unisafebench.models.recorded.model import RecordedModel, create

__all__ = ["SUMMARY", "RecordedModel", "create"]

SUMMARY = "Answers on disk: our format, the authors', UniSAFE's, or any JSON Lines, JSON or CSV"
