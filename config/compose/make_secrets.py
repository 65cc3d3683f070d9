"""Makes the secrets that the services of docker-compose.yml share; what is there stays.

Run by the service `secrets` as the user of the program, with the directory to write to:

    redis         the address of Redis with its password
    users.acl     the same user for Redis itself, with the hash of the password alone
    admin         the token of the admin port
    hook          the token of the hook `private`
    grafana       the password of Grafana's user `admin`
    registry.yml  the demo's registry, which knows that token
"""

import hashlib
import os
import secrets
import sys
from pathlib import Path

# As docs/redis.md has it.
RIGHTS = (
    "resetchannels ~listener:* -@all +client|setname +config|get +del +eval +evalsha +exists "
    "+expire +get +hdel +hget +hgetall +hkeys +hset +hsetnx +hvals +info +mget +script|load "
    "+set +time +ttl +wait +xack +xadd +xdel +xgroup|create +xgroup|destroy +xinfo|groups "
    "+xinfo|stream +xlen +xpending +xrange +xread +xreadgroup +xrevrange +xtrim +zadd +zrange "
    "+zrangebyscore +zrem +zrevrangebylex"
)

GRAFANA = 10003
"""The group that Grafana is given in docker-compose.yml, and this service to hand its file on."""

REGISTRY = """\
version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: /var/lib/registry}, delete: {enabled: true}}
http: {addr: ":5000"}
notifications:
  endpoints:
    - name: listener
      url: http://serve:8080/hooks/private
      headers: {Authorization: ["Bearer TOKEN"]}
      timeout: 1s
      threshold: 5
      backoff: 1s
      ignore: {mediatypes: [application/octet-stream], actions: [pull]}
"""


def main(directory: Path) -> None:
    # Redis and the registry read theirs under other users; nobody can list what else is here.
    directory.chmod(0o711)
    password = secrets.token_urlsafe(24)
    made = once(directory / "redis", f"redis://listener:{password}@redis:6379/0\n", 0o600)
    password = made.partition("listener:")[2].partition("@")[0]
    digest = hashlib.sha256(password.encode()).hexdigest()
    acl = f"user default off\nuser listener on #{digest} {RIGHTS}\n"
    # A newer release may need other rights; Redis reads them when it starts.
    (directory / "users.acl").unlink(missing_ok=True)
    once(directory / "users.acl", acl, 0o644)
    # Prometheus and Grafana read theirs as members of a group each: neither reads the other's.
    for name, group in (("admin", -1), ("grafana", GRAFANA)):
        once(directory / name, f"{secrets.token_urlsafe(24)}\n", 0o640)
        os.chown(directory / name, -1, group)
        (directory / name).chmod(0o640)
    token = once(directory / "hook", f"{secrets.token_urlsafe(24)}\n", 0o600)
    once(directory / "registry.yml", REGISTRY.replace("TOKEN", token.strip()), 0o600)


def once(file: Path, text: str, mode: int) -> str:
    """Writes a file that is not there yet, whole or not at all; returns what it holds."""
    if not file.exists():
        new = file.with_suffix(".new")
        new.touch(mode)
        new.write_text(text)
        new.rename(file)
    return file.read_text()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
