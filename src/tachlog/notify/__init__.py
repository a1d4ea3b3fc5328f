"""Alerts: rules are asked of the archive, and who wants to know is told."""
