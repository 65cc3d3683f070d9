"""The Lua scripts: each is one indivisible step that may be repeated with the same outcome.

They use nothing newer than Redis 6.2 and name every key in KEYS.
"""

from __future__ import annotations

APPEND = """
-- KEYS: pushes, deliveries, refused deliveries, then the dedupe key of each push
-- ARGV: caps of the three streams, oldest age in ms, dedupe seconds, number of pushes,
--   then id, JSON and digest ('' for none) of each push, then for each delivery: index of its
--   stream, JSON, how many of the pushes it brought (they follow each other in the same order)
-- Answers the stored id of each push: its own where it is new, and again when the call is repeated.
-- One of another digest than its key had last is new: a tag went on, or went back.
local count = tonumber(ARGV[6])
local answers = {}
for i = 1, count do
  local id, digest = ARGV[4 + 3 * i], ARGV[6 + 3 * i]
  local known, had = string.match(redis.call('GET', KEYS[3 + i]) or '', '^(%S+) ?(.*)$')
  if not known or (had ~= digest and had ~= '') then
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'push', ARGV[5 + 3 * i])
    redis.call('SET', KEYS[3 + i], id .. ' ' .. digest, 'EX', ARGV[5])
    known = id
  end
  answers[i] = known
end
local first = 1
for i = 7 + 3 * count, #ARGV, 3 do
  local last = first + tonumber(ARGV[i + 2]) - 1
  local new = 0
  for j = first, last do
    if answers[j] == ARGV[4 + 3 * j] then new = new + 1 end
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

HELD = """
-- KEYS: lease, fence. ARGV: our value, "TTL NUMBER": ttl in ms, the number of the call
-- Answers 0 and does nothing where the lease is not ours. It is ours while it holds our value, or
-- has run out and nobody has had one since.
-- Answers -1 and does nothing where a later call was here already: a call that its sender gave up,
-- for lack of an answer, may still be on its way when the network is back, and is out of date.
local held = redis.call('GET', KEYS[1])
local mine, last = string.match(held or '', '^(.*)\\n(%d+)$')
mine = mine or held
if mine ~= ARGV[1] and (held or redis.call('GET', KEYS[2]) ~= ARGV[1]) then return 0 end
local ttl, number = string.match(ARGV[2], '^(%d+) (%d+)$')
if tonumber(number) < tonumber(last or 0) then return -1 end
redis.call('SET', KEYS[1], ARGV[1] .. '\\n' .. number, 'PX', ttl)
"""

FENCED = (
    HELD
    + """
-- KEYS: then every key that is written
-- ARGV: then commands: name, index of the key, n, n arguments. Without any this is the renewal.
local i = 3
while i <= #ARGV do
  local last = i + 2 + tonumber(ARGV[i + 2])
  redis.call(ARGV[i], KEYS[tonumber(ARGV[i + 1])], unpack(ARGV, i + 3, last))
  i = last + 1
end
return 1
"""
)

RELEASE = """
-- KEYS: lease. ARGV: our value.
local held = redis.call('GET', KEYS[1])
local mine = string.match(held or '', '^(.*)\\n%d+$') or held
if mine == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""

# Of one digest on its way through the hosts of a rollout. Its hash has for each member, a name with
# an @: "asked MS", "running DEPLOYMENT", "done BEFORE", "back DEPLOYMENT" or "out"; and `began`,
# `stopped` (the sentence), `for_good` and `back` (1: those that were done go back).
TURN = (
    HELD
    + """
-- KEYS: then the rolling digest, turns
-- ARGV: then member, deployment, parallelism, ms after which one in its turn is lost, ms in which
--   members gather, seconds that the hash lives, 1 where a loss sends the others back, seconds that
--   a stop lasts, whom all to wait for: those before it
-- Answers {go}, {wait, member} or {stopped}. A repeated call has the same answer.
local rolling, turns, me = KEYS[3], KEYS[4], ARGV[3]
local gather, ttl = tonumber(ARGV[7]), tonumber(ARGV[8])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('HGET', rolling, 'stopped') then return {'stopped'} end
redis.call('HSETNX', rolling, 'began', string.format('%.0f', now))
redis.call('EXPIRE', rolling, ttl)
for _, one in ipairs(redis.call('ZRANGEBYSCORE', turns, '-inf', now)) do
  redis.call('ZREM', turns, one)
  local state = redis.call('HGET', rolling, one)
  if one ~= me and state and string.sub(state, 1, 8) == 'running ' then
    local lost = one .. ' was not heard of for ' .. tonumber(ARGV[6]) / 1000 .. ' s in its turn'
    redis.call('HSET', rolling, 'stopped', lost, 'back', ARGV[9], 'for_good', ARGV[9])
    redis.call('EXPIRE', rolling, ARGV[10])
    return {'stopped'}
  end
end
local running = 'running ' .. ARGV[4]
if redis.call('HGET', rolling, me) ~= running then
  redis.call('HSET', rolling, me, 'asked ' .. string.format('%.0f', now))
  local others = 0
  for _, one in ipairs(redis.call('ZRANGE', turns, 0, -1)) do
    if one ~= me then others = others + 1 end
    if others >= tonumber(ARGV[5]) then return {'wait', one} end
  end
  local began = tonumber(redis.call('HGET', rolling, 'began'))
  for i = 11, #ARGV do
    local state = redis.call('HGET', rolling, ARGV[i])
    local asked = state and tonumber(string.match(state, '^asked (%d+)$'))
    if (not state and now - began < gather) or (asked and now - asked < gather) then
      return {'wait', ARGV[i]}
    end
  end
  redis.call('HSET', rolling, me, running)
end
redis.call('ZADD', turns, now + tonumber(ARGV[6]), me)
redis.call('EXPIRE', turns, ttl)
return {'go'}
"""
)

KEEP_TURN = (
    HELD
    + """
-- KEYS: then the rolling digest, turns
-- ARGV: then member, deployment, ms after which it is lost, seconds that the hash lives
-- A renewal that comes after the end of the turn changes nothing: nobody would renew it again.
local state = redis.call('HGET', KEYS[3], ARGV[3]) or ''
local ended = state == 'out' or string.match(state, '^done ') or string.match(state, '^back ')
if ended then return 1 end
local time = redis.call('TIME')
local lost = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[5])
redis.call('HSET', KEYS[3], ARGV[3], 'running ' .. ARGV[4])
redis.call('ZADD', KEYS[4], lost, ARGV[3])
redis.call('EXPIRE', KEYS[4], ARGV[6])
if redis.call('TTL', KEYS[3]) < 0 then redis.call('EXPIRE', KEYS[3], ARGV[6]) end
return 1
"""
)

END_TURN = (
    HELD
    + """
-- KEYS: then the rolling digest, turns
-- ARGV: then member, its state, seconds that the hash lives, and where it stops the others: the
--   sentence, 1 where they go back, 1 where it is for good, seconds that a stop lasts
local rolling, me, state = KEYS[3], ARGV[3], ARGV[4]
redis.call('ZREM', KEYS[4], me)
local before = redis.call('HGET', rolling, me) or ''
if state ~= 'out' or not string.match(before, '^done ') and not string.match(before, '^back ') then
  redis.call('HSET', rolling, me, state)
end
if ARGV[6] ~= '' and not redis.call('HGET', rolling, 'stopped') then
  redis.call('HSET', rolling, 'stopped', ARGV[6], 'back', ARGV[7], 'for_good', ARGV[8])
  redis.call('EXPIRE', rolling, ARGV[9])
elseif redis.call('TTL', rolling) < 0 then
  redis.call('EXPIRE', rolling, ARGV[5])
end
return 1
"""
)

SEND_BACK = (
    HELD
    + """
-- KEYS: then the rolling digest, commands, deployment, history, history of the target, events
-- ARGV: then member, cap of commands, deployment id, record, command, then the event of it
-- Answers 2 where the stream is full. One that is not done, or was sent already, is left alone.
local state = redis.call('HGET', KEYS[3], ARGV[3])
if not state or not string.match(state, '^done ') then return 1 end
if redis.call('XLEN', KEYS[4]) >= tonumber(ARGV[4]) then return 2 end
redis.call('HSET', KEYS[3], ARGV[3], 'back ' .. ARGV[5])
redis.call('SET', KEYS[5], ARGV[6])
redis.call('ZADD', KEYS[6], 0, ARGV[5])
redis.call('ZADD', KEYS[7], 0, ARGV[5])
redis.call('XADD', KEYS[8], unpack(ARGV, 8))
redis.call('XADD', KEYS[4], '*', 'command', ARGV[7])
return 1
"""
)
