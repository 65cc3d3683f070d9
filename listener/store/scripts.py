"""The Lua scripts: each is one indivisible step that may be repeated with the same outcome.

They use nothing newer than Redis 6.2 and name every key in KEYS.
"""

from __future__ import annotations

APPEND = """
-- KEYS: pushes, deliveries, refused deliveries, then the dedupe key of each push
-- ARGV: caps of the three streams, oldest age in ms, dedupe seconds, number of pushes,
--   then id and JSON of each push, then for each delivery: index of its stream, JSON, how many of
--   the pushes it brought (they follow each other in the same order)
-- Answers the stored id of each push: its own where it is new, and again when the call is repeated.
local count = tonumber(ARGV[6])
local answers = {}
for i = 1, count do
  local id, body = ARGV[5 + 2 * i], ARGV[6 + 2 * i]
  local known = redis.call('GET', KEYS[3 + i])
  if not known then
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'push', body)
    redis.call('SET', KEYS[3 + i], id, 'EX', ARGV[5])
    known = id
  end
  answers[i] = known
end
local first = 1
for i = 7 + 2 * count, #ARGV, 3 do
  local last = first + tonumber(ARGV[i + 2]) - 1
  local new = 0
  for j = first, last do
    if answers[j] == ARGV[5 + 2 * j] then new = new + 1 end
  end
  local stream = tonumber(ARGV[i])
  redis.call('XADD', KEYS[stream], 'MAXLEN', '~', ARGV[stream], '*', 'delivery', ARGV[i + 1],
    'pushes', table.concat(answers, ' ', first, last), 'new', new)
  first = last + 1
end
local now = tonumber(redis.call('TIME')[1]) * 1000
local oldest = string.format('%.0f', now - tonumber(ARGV[4]))
for i = 1, 3 do redis.call('XTRIM', KEYS[i], 'MINID', '~', oldest) end
return answers
"""

SUBMIT = """
-- KEYS: commands, deployment, history, history of the target, events
-- ARGV: cap, deployment id, record ('' where it exists already), command, then the event of it
-- Answers 0 where the stream is full. A record that exists shows a repeated call.
if ARGV[3] ~= '' and redis.call('EXISTS', KEYS[2]) == 1 then return 1 end
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
if ARGV[3] ~= '' then
  redis.call('SET', KEYS[2], ARGV[3])
  redis.call('ZADD', KEYS[3], 0, ARGV[2])
  redis.call('ZADD', KEYS[4], 0, ARGV[2])
  redis.call('XADD', KEYS[5], unpack(ARGV, 5))
end
redis.call('XADD', KEYS[1], '*', 'command', ARGV[4])
return 1
"""

FIELD = """
-- KEYS: hash, events. ARGV: field, value ('' removes it), then the event of it
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
else redis.call('HDEL', KEYS[1], ARGV[1]) end
redis.call('XADD', KEYS[2], unpack(ARGV, 3))
return 1
"""

ACQUIRE = """
-- KEYS: lease, fence. ARGV: owner, details, ttl in ms, the highest fence that the caller had.
-- Answers {fence, value}, or 0 where another owner holds it. A repeated call takes it again.
-- The fence is the value of the last lease given. It begins with a number that grows; the rest
-- tells two leases apart that a failover gave the same number, by losing the first one.
local held = redis.call('GET', KEYS[1])
if held and string.match(held, '^%d+ (%S+) ') ~= ARGV[1] then return 0 end
local last = tonumber(string.match(redis.call('GET', KEYS[2]) or '0', '^%d+'))
local fence = math.max(last, tonumber(ARGV[4])) + 1
local value = string.format('%.0f', fence) .. ' ' .. ARGV[1] .. ' ' .. ARGV[2]
redis.call('SET', KEYS[2], value)
redis.call('SET', KEYS[1], value, 'PX', ARGV[3])
return {fence, value}
"""

FENCED = """
-- KEYS: lease, fence, then every key that is written
-- ARGV: our value, ttl in ms, then commands: name, index of the key, n, n arguments
-- Answers 0 and does nothing where the lease is not ours. It is ours while it holds our value, or
-- has run out and nobody has had one since. Without commands this is the renewal.
local held = redis.call('GET', KEYS[1])
if held ~= ARGV[1] and (held or redis.call('GET', KEYS[2]) ~= ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local i = 3
while i <= #ARGV do
  local last = i + 2 + tonumber(ARGV[i + 2])
  redis.call(ARGV[i], KEYS[tonumber(ARGV[i + 1])], unpack(ARGV, i + 3, last))
  i = last + 1
end
return 1
"""

RELEASE = """
-- KEYS: lease. ARGV: our value.
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""
