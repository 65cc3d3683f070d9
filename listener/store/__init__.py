"""The only package that touches Redis: pushes, lanes, journals, history, the lease, and a server
of our own where none is given.
"""

from listener.store.archive import Archive
from listener.store.changes import Change, Changes, Place, read_place
from listener.store.client import Store, connect
from listener.store.durability import Durability, durability
from listener.store.embedded import EmbeddedRedis, server_binary
from listener.store.errors import (
    AlreadyRunning,
    Backlog,
    EmbeddedError,
    LeaseLost,
    NewerSchema,
    Unavailable,
)
from listener.store.fleet import ALIVE_WITHIN, Fleet
from listener.store.incoming import Incoming, PushRecord
from listener.store.lanes import Lane
from listener.store.lease import Holder, Lease
from listener.store.ledger import Command, Ledger, PushAck
from listener.store.outbox import OutboxEntry
from listener.store.pushes import PushLog
from listener.store.queues import Queue
from listener.store.rollouts import Part, Rollouts, Stop, Turn
from listener.store.state_dir import WorkerLock, instance

__all__ = [
    "ALIVE_WITHIN",
    "AlreadyRunning",
    "Archive",
    "Backlog",
    "Change",
    "Changes",
    "Command",
    "Durability",
    "EmbeddedError",
    "EmbeddedRedis",
    "Fleet",
    "Holder",
    "Incoming",
    "Lane",
    "Lease",
    "LeaseLost",
    "Ledger",
    "NewerSchema",
    "OutboxEntry",
    "Part",
    "Place",
    "PushAck",
    "PushLog",
    "PushRecord",
    "Queue",
    "Rollouts",
    "Stop",
    "Store",
    "Turn",
    "Unavailable",
    "WorkerLock",
    "connect",
    "durability",
    "instance",
    "read_place",
    "server_binary",
]
