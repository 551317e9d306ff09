"""Pictures: checked before use, stored by content hash. The only room that touches pixels."""
