import { type FileHandle, open } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { InternalError } from '../../src/core/errors.ts'
import { DHT_PROVIDES_PER_SECOND, PAGE_BYTES } from '../../src/core/limits.ts'
import type { NodeHandle, Testnet } from '../../testnet/handles.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import type { BenchOptions } from './bench.ts'
import { type Row, rowOf } from './row.ts'

const NODES = 4
const REFERENCE = 'site/disk'
/** Pages with bytes, each with a hole after it, so that each is a block: some 300 segments of the 1,024 blocks that one may have. */
const PAGES = 200_000
const PAGES_WRITTEN = 4096
/** Bytes of a page that are not zero: enough that no two are the same, few enough that nothing takes long. */
const FILLED_BYTES = 64
const MINUTE_S = 60
const PROVIDES = 'bootswarm_node_dht_provides_total'
const WAITING = 'bootswarm_node_dht_records_waiting'

/** What real nodes with an image of some hundred segments publish in the DHT, a second and node, over a minute, by their own metrics. */
export async function run(options: BenchOptions): Promise<Row[]> {
  const { dir, say, seed } = options
  const path = join(dir, 'disk.img')
  await writePages(path, seed)
  const testnet = await createTestnet({ nodes: NODES })
  try {
    say('announce: pushing')
    const { code, stderr } = await testnet.cli(['image', 'push', path, REFERENCE])
    if (code !== 0) throw new InternalError(`could not push: ${stderr}`)
    const rates = { pulling: await ratesOf(testnet, () => pullAll(testnet)), minute: [] as Rate[] }
    say(`announce: all nodes have the image; a minute of announcing`)
    rates.minute = await ratesOf(testnet, () => sleep(MINUTE_S * 1000))
    return [...rowsOf('while they pull', rates.pulling), ...rowsOf(`the ${MINUTE_S} s after`, rates.minute)]
  } finally {
    await testnet.destroy()
  }
}

async function writePages(path: string, seed: number): Promise<void> {
  const file: FileHandle = await open(path, 'w')
  try {
    const bytes = Buffer.alloc(2 * PAGE_BYTES * PAGES_WRITTEN)
    for (let done = 0; done < PAGES; done += PAGES_WRITTEN) {
      for (let page = 0; page < PAGES_WRITTEN; page++) {
        bytes.write(
          `${seed} ${done + page} `.repeat(FILLED_BYTES).slice(0, FILLED_BYTES),
          2 * PAGE_BYTES * page,
        )
      }
      await file.write(bytes, 0, bytes.length, 2 * PAGE_BYTES * done)
    }
  } finally {
    await file.close()
  }
}

async function pullAll(testnet: Testnet): Promise<void> {
  await Promise.all(
    testnet.nodes.map(async (node) => {
      const client = node.client()
      try {
        await client.pull(REFERENCE)
      } finally {
        await client.close()
      }
    }),
  )
}

/** Of one node: records published a second, and those that wait at the end. */
interface Rate {
  readonly perSecond: number
  readonly waiting: number
}

async function ratesOf(testnet: Testnet, work: () => Promise<unknown>): Promise<Rate[]> {
  const before = await Promise.all(testnet.nodes.map((node) => seriesOf(node)))
  const begin = performance.now()
  await work()
  const seconds = (performance.now() - begin) / 1000
  const after = await Promise.all(testnet.nodes.map((node) => seriesOf(node)))
  return after.map((series, i) => ({
    perSecond: (figureOf(series, PROVIDES) - figureOf(before[i], PROVIDES)) / seconds,
    waiting: figureOf(series, WAITING),
  }))
}

/** The metrics of a node, from its socket. */
function seriesOf({ socket }: NodeHandle): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const asked = request({ socketPath: socket, path: '/metrics' }, (answer) => {
    let text = ''
    answer.setEncoding('utf8').on('data', (piece: string) => {
      text += piece
    })
    answer.on('end', () => resolve(text)).on('error', reject)
  })
  asked.on('error', reject).end()
  return promise
}

function figureOf(series: string | undefined, name: string): number {
  const line = series?.split('\n').find((each) => each.startsWith(`${name} `))
  if (line === undefined) throw new InternalError(`a node does not tell ${name}`)
  return Number(line.split(' ')[1])
}

function rowsOf(when: string, rates: readonly Rate[]): Row[] {
  const most = Math.max(...rates.map(({ perSecond }) => perSecond))
  const waiting = Math.max(...rates.map((rate) => rate.waiting))
  return [
    rowOf({
      ...{ bench: 'announce', figure: `${when}: records published`, value: most, unit: 'a second' },
      goal: { atMost: DHT_PROVIDES_PER_SECOND },
      note: `of the node that publishes most, of ${rates.length}; up to ${waiting} wait`,
    }),
  ]
}
