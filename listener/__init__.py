"""listener: deploys the image that was just pushed, and takes it back when it is sick."""

__version__ = "0.1.0"
