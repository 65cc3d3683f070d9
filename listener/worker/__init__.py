"""The worker of one host: reads pushes, queues deployments, runs them on its engine."""

from listener.worker.worker import Worker

__all__ = ["Worker"]
