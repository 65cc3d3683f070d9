"""Requests that no registry sends, made from those that they do send; `make fuzz` runs it."""
