"""Alerts: rules over measures of what agents did, and the life of what they find."""
