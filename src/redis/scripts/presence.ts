import { Script } from './script.js';

/** Heartbeat of a process. ARGV: the process, how long it keeps what it holds without another heartbeat. */
export const heartbeatScript = new Script(`
if redis.call('PEXPIRE', signsKey(), ARGV[2]) == 0 then redis.call('SET', signsKey(), text(now + ARGV[2]), 'PX', ARGV[2]) end
return redis.call('SET', aliveKey(ARGV[1]), '1', 'PX', ARGV[2])
`);

/** Reports that a process is gone. ARGV: the process, how long others would otherwise wait for it. */
export const signOffScript = new Script(`return redis.call('SET', aliveKey(ARGV[1]), 'gone', 'PX', ARGV[2])`);

/** ARGV: processes. Returns those whose heartbeat has expired. */
export const goneScript = new Script(`
local gone = {}
for _, node in ipairs(ARGV) do
  if not isAlive(node) then gone[#gone + 1] = node end
end
return gone
`);
