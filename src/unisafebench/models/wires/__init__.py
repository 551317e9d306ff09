"""Wires: how each API is asked for text and pictures, and how its answers are read."""
