"""The demo: a push to a running container, and back again when it is sick, live."""
