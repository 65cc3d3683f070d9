"""Lets ``python -m listener`` do what the ``listener`` command does."""

from listener.cli.main import main

if __name__ == "__main__":
    main()
