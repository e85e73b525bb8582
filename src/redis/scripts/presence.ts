import { Script } from './script.js';

/** ARGV: the process, how long what it holds stays its own without another sign of it. */
export const signScript = new Script(`return redis.call('SET', aliveKey(ARGV[1]), '1', 'PX', ARGV[2])`);

/** ARGV: the process. It is gone. */
export const signOffScript = new Script(`return redis.call('DEL', aliveKey(ARGV[1]))`);

/** ARGV: processes. Gives those of which there was no sign for too long. */
export const goneScript = new Script(`
local gone = {}
for _, node in ipairs(ARGV) do
  if redis.call('EXISTS', aliveKey(node)) == 0 then gone[#gone + 1] = node end
end
return gone
`);
