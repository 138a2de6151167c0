"""The performance history: what asv has recorded over the versions, on one page."""
