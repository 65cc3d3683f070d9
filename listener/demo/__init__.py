"""The demo, and the parts it stands on: an engine, a registry, a listener and a tiny app.

`listener demo` tells a push, a deployment and a rollback on this machine. The tests use the same
parts; nothing else of the program does.
"""
