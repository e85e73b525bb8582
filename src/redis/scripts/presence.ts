import { Script } from './script.js';

/** ARGV: the process, how long what it holds stays its own without another sign of it. */
export const signScript = new Script(`
if redis.call('PEXPIRE', signsKey(), ARGV[2]) == 0 then redis.call('SET', signsKey(), text(now + ARGV[2]), 'PX', ARGV[2]) end
return redis.call('SET', aliveKey(ARGV[1]), '1', 'PX', ARGV[2])
`);

/** ARGV: the process, how long it would be waited for without this. It is gone. */
export const signOffScript = new Script(`return redis.call('SET', aliveKey(ARGV[1]), 'gone', 'PX', ARGV[2])`);

/** ARGV: processes. Gives those of which there was no sign for too long. */
export const goneScript = new Script(`
local gone = {}
for _, node in ipairs(ARGV) do
  if not isAlive(node) then gone[#gone + 1] = node end
end
return gone
`);
