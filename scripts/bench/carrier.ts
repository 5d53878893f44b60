import type { Carrier, Channel, Landing } from '../../src/core/carrier.ts'
import { StateError } from '../../src/core/errors.ts'
import type { PeerAddress } from '../../src/core/router.ts'
import type { BenchOptions } from './bench.ts'
import { MB, median, timed } from './measure.ts'
import { type Row, rowOf } from './row.ts'
import { type CarrierPeer, startCarrierPeer, writeSite } from './yardsticks/carrier-peer.ts'
import { type Sender, startSender } from './yardsticks/sender-process.ts'
import { tlsSocketSeconds } from './yardsticks/tls-socket.ts'

const GiB = 1024 ** 3
const SENDERS = 8

interface Sent {
  readonly seconds: number
  readonly receiverCpuSeconds: number
  readonly senderCpuSeconds: number
}

/**
 * What carries the exchange: 1 GiB through channels of both carriers to one process, from one other process and from eight, thrown away on
 * arrival; in megabytes a second, and in CPU-seconds of both sides.
 */
export async function run(options: BenchOptions): Promise<Row[]> {
  const names = Array.from({ length: SENDERS }, (_, i) => `sender-${i}`)
  await writeSite(options.dir, ['receiver', ...names])
  const senders: Sender<PeerAddress>[] = []
  for (const name of names) senders.push(await startSender('carrier-sender', [options.dir, name]))
  const receiver = await startCarrierPeer(options.dir, 'receiver')
  try {
    return await measureAll(options, { receiver, senders })
  } finally {
    await receiver.stop()
    await Promise.all(senders.map((sender) => sender.stop()))
  }
}

async function measureAll(
  options: BenchOptions,
  { receiver, senders }: { receiver: CarrierPeer; senders: Sender<PeerAddress>[] },
): Promise<Row[]> {
  const { runs } = options
  const bare = GiB / MB / median(await tlsSocketSeconds({ bytes: GiB, runs }))
  const rows: Row[] = []
  for (const count of [1, SENDERS]) {
    for (const [name, carrier] of [
      ['libp2p stream', receiver.libp2p],
      ['TLS', receiver.tls],
    ] as const) {
      options.say(`carrier: ${name}, peers: ${count}`)
      const sent: Sent[] = []
      for (let i = 0; i < runs; i++) sent.push(await transfer(carrier, senders.slice(0, count)))
      rows.push(rowFor({ figure: `${name}, ${count} to 1`, sent, bare }))
    }
  }
  return rows
}

function rowFor({ figure, sent, bare }: { figure: string; sent: Sent[]; bare: number }): Row {
  const cpu = (of: 'receiverCpuSeconds' | 'senderCpuSeconds') => median(sent.map((one) => one[of])).toFixed(2)
  return rowOf({
    ...{ bench: 'carrier', figure, unit: 'MB/s' },
    value: GiB / MB / median(sent.map(({ seconds }) => seconds)),
    yardstick: { name: 'bare node:tls socket', value: bare },
    note: `CPU-s per GiB: receiver ${cpu('receiverCpuSeconds')}, senders ${cpu('senderCpuSeconds')}`,
  })
}

/** 1 GiB, in equal parts from each sender. */
async function transfer(carrier: Carrier, senders: readonly Sender<PeerAddress>[]): Promise<Sent> {
  const channels = await Promise.all(senders.map(({ ready }) => carrier.open(ready)))
  const before = process.cpuUsage()
  const bytes = GiB / senders.length
  const seconds = await timed(() => Promise.all(channels.map((channel) => receive(channel, bytes))))
  const { user, system } = process.cpuUsage(before)
  const reports = await Promise.all(senders.map((sender) => sender.next() as Promise<{ cpuSeconds: number }>))
  const senderCpuSeconds = reports.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0)
  return { seconds, receiverCpuSeconds: (user + system) / 1e6, senderCpuSeconds }
}

/** Asks for bytes, and lets them land where those of a run would. */
async function receive(channel: Channel, bytes: number): Promise<void> {
  const request = Buffer.alloc(8)
  request.writeBigUInt64BE(BigInt(bytes))
  channel.send(request)
  const memory = Buffer.allocUnsafeSlow(1024 ** 2)
  let received = 0
  const landing: Landing = {
    take: (piece) => {
      received += piece.length
      return true
    },
    room: () => memory,
    landed: (count) => {
      received += count
    },
    get waitingBytes() {
      return received >= bytes ? 1 : 0
    },
  }
  for await (const piece of channel.receive(landing)) {
    received += piece.length
    if (received >= bytes) return void (await channel.close())
  }
  throw new StateError(`the channel ended after ${received} of ${bytes} bytes`)
}
