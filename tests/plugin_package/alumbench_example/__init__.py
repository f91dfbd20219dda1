"""Plug-ins for alumbench, one file each."""
