/** The program that is the network of an arena on the loopback interface. It ends with whoever started it. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { BusyError, StateError } from '../../../src/core/errors.ts'
import { LOCK_PORT, LOOPBACK_SLOTS, lockAddress } from './addresses.ts'
import { Forwarder } from './forwarder.ts'
import type { ShaperAnswer, ShaperRequest } from './messages.ts'
import { ShapedNetwork } from './shaped-network.ts'

const groups = new Map<number, number>()
let opened: { network: ShapedNetwork; forwarder: Forwarder; lock: Server } | undefined

process.on('disconnect', () => process.exit(0))
process.on('message', (request: ShaperRequest) => {
  void answer(request).then(
    (more) => process.send?.({ id: request.id, ...more } satisfies ShaperAnswer),
    (error: unknown) => process.send?.({ id: request.id, error: String(error) } satisfies ShaperAnswer),
  )
})

async function answer(request: ShaperRequest): Promise<Omit<ShaperAnswer, 'id'>> {
  if (request.order === 'open') {
    const network = new ShapedNetwork(request.topology)
    const { slot, lock } = await takeSlot()
    opened = { network, forwarder: new Forwarder({ network, groups }, { slot }), lock }
    return { slot }
  }
  if (opened === undefined) throw new StateError('the network is not open')
  const { network, forwarder } = opened
  if (request.order === 'expose') await forwarder.expose(request.host, request.port)
  if (request.order === 'started') groups.set(request.group, request.host)
  if (request.order === 'cut') network.setCut(request.rack, request.isCut)
  return request.order === 'counters' ? { counters: network.counters() } : {}
}

/** The first addresses that no other arena of this machine has. */
async function takeSlot(): Promise<{ slot: number; lock: Server }> {
  for (let slot = 0; slot < LOOPBACK_SLOTS; slot++) {
    const lock = createServer()
    lock.listen({ host: lockAddress(slot), port: LOCK_PORT })
    try {
      await once(lock, 'listening')
      return { slot, lock }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    }
  }
  throw new BusyError('all addresses for arenas are taken')
}
