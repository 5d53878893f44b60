import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { StateError } from '../../src/core/errors.ts'
import type { ArenaHost } from '../arena/arena.ts'
import { PLACED_PORTS } from '../config-files.ts'
import type { Testnet } from '../handles.ts'
import { mint } from '../pki.ts'
import type { Behaviour, HostileInit } from './behaviours.ts'

/** Starts a hostile peer on a host of an arena, and resolves when it is in the swarm. It ends with the returned function. */
export async function startHostile(
  testnet: Testnet,
  init: { host: ArenaHost; behaviour: Behaviour; reference: string; file: string },
): Promise<() => void> {
  const { host, behaviour, reference, file } = init
  const identity = await mint(testnet.layout, { kind: 'node', commonName: behaviour })
  const told: HostileInit = {
    ...{ behaviour, reference, file, identity },
    tracker: { url: testnet.tracker.url, name: testnet.tracker.serverName },
    dn: `/O=Testnet/OU=nodes/CN=${behaviour}`,
    listen: `/ip4/${host.listenAddress}/tcp/${PLACED_PORTS.nodeP2p}`,
    announce: `/ip4/${host.address}/tcp/${PLACED_PORTS.nodeP2p}`,
  }
  await host.expose(PLACED_PORTS.nodeP2p)
  const suffix = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const program = fileURLToPath(new URL(`./hostile-peer.${suffix}`, import.meta.url))
  const child = host.start(process.execPath, [program, JSON.stringify(told)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit').then(() => {
    throw new StateError(`the hostile peer (${behaviour}) ended before it was in the swarm`)
  })
  ended.catch(() => {})
  if (child.stdout !== null) await Promise.race([once(child.stdout, 'data'), ended])
  return () => void child.kill('SIGKILL')
}
