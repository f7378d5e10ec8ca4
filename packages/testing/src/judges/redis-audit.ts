import type { RedisServer } from '../servers/contract.js';

/** Names and values in turn, a line each, as hexadecimal digits: they may be any bytes. A value of another kind shows as its type. */
const DUMP = `
local function hex(bytes) return (bytes:gsub('.', function (byte) return string.format('%02x', byte:byte()) end)) end
local lines = {}
for _, name in ipairs(redis.call('KEYS', '*')) do
  local kind = redis.call('TYPE', name).ok
  lines[#lines + 1] = hex(name)
  lines[#lines + 1] = hex(kind == 'string' and redis.call('GET', name) or kind)
end
return lines`;

/** Below keyPrefix: where Tidemark keeps its checkpoint. */
const CHECKPOINTS = '__tidemark__/';

/**
 * Values by key below a `keyPrefix`, without the prefix and without checkpoints, through the real redis-cli: none of the
 * code under test takes part. Keys are latin1 strings (a character for each byte), as `readKeys` of etcd has them.
 */
export async function readRedisKeys(
  server: Pick<RedisServer, 'redisCli'>,
  keyPrefix: string,
): Promise<Map<string, Buffer>> {
  const lines = (await server.redisCli(['EVAL', DUMP, '0'])).split('\n').map((line) => Buffer.from(line, 'hex'));
  const found = new Map<string, Buffer>();
  for (let index = 0; index + 1 < lines.length; index += 2) {
    const name = lines[index]?.toString('latin1') ?? '';
    const key = name.slice(keyPrefix.length);
    if (name.startsWith(keyPrefix) && !key.startsWith(CHECKPOINTS)) found.set(key, lines[index + 1] ?? Buffer.alloc(0));
  }
  return found;
}
