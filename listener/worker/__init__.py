"""The workers of one host: they read pushes, queue deployments and run them.

One is for the containers of its engine, one for the services of the swarm that it may manage.
"""

from listener.worker.swarm_worker import SwarmWorker
from listener.worker.worker import Worker

__all__ = ["SwarmWorker", "Worker"]
