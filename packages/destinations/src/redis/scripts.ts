import { createHash } from 'node:crypto';

/** A Lua script and the name under which a server caches it. */
export interface Script {
  readonly lua: string;
  readonly sha: string;
}

function script(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}

/**
 * Compares the checkpoint, writes, and moves the checkpoint: all or nothing.
 *
 *   KEYS  checkpoint, a key that never exists, keys to put, keys to delete
 *   ARGV  expected checkpoint ('' for none), next checkpoint, number of puts, values to put
 *   answers {'applied'} | {'elsewhere', checkpoint found or nil} | {'wrong type', index in KEYS, type}
 *
 * A script is isolated, but a command that fails in the middle takes nothing back. So whatever can be refused is asked
 * first. Types: SET and DEL would destroy somebody's list without a word. Memory, disk, rights and role: by a SET and a
 * DEL that change nothing (XX writes no checkpoint where there is none; a user may have +set without +del). Redis itself
 * looks at memory before a script's first write and never after it; deletes alone are let through: they free memory. So
 * is a checkpoint that follows upon another: what is in doubt must be fenced off at a full server, too.
 *
 * No `#!lua` line: its flags would refuse those deletes, and Redis 6 does not know it. No unpack: its stack is limited.
 */
export const APPLY = script(`
local call = redis.call
local checkpoint, puts = KEYS[1], tonumber(ARGV[3])
for i = 1, #KEYS do
  local kind = call('TYPE', KEYS[i]).ok
  if kind ~= 'string' and kind ~= 'none' then return {'wrong type', i, kind} end
end
local found = call('GET', checkpoint)
local expected = ARGV[1] ~= '' and ARGV[1]
if found ~= expected then return {'elsewhere', found} end

local refused = redis.pcall('SET', checkpoint, found or '', 'XX')
if type(refused) == 'table' and refused.err then
  local takesNoMemory = puts == 0 and (found or #KEYS > 2)
  if not (takesNoMemory and string.find(refused.err, 'OOM', 1, true)) then return refused end
end
call('DEL', KEYS[2])

for i = 1, puts do call('SET', KEYS[2 + i], ARGV[3 + i]) end
for i = 3 + puts, #KEYS do call('DEL', KEYS[i]) end
call('SET', checkpoint, ARGV[2])
return {'applied'}
`);

/**
 * Values of some keys, as many from the first on as fit; at least one.
 *
 *   KEYS  keys
 *   ARGV  bytes after which to stop
 *   answers values, nil where absent or of another type
 */
export const VALUES = script(`
local values, bytes = {}, 0
for i = 1, #KEYS do
  local value = redis.pcall('GET', KEYS[i])
  if type(value) == 'table' then value = false end
  values[i] = value
  bytes = bytes + (value and #value or 0)
  if bytes >= tonumber(ARGV[1]) then break end
end
return values
`);
