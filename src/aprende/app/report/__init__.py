"""The report of a run: one self-contained HTML file."""

from aprende.app.report.writing import render, write

__all__ = ["render", "write"]
