"""The command line: `listener.cli.main` is the entry, one module for each family of verbs."""
