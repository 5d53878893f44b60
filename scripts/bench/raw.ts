import { link, mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { StateError } from '../../src/core/errors.ts'
import type { Testnet } from '../../testnet/handles.ts'
import { writeRandomFile } from '../../testnet/images/random-file.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import type { BenchOptions } from './bench.ts'
import { MB, median, timed } from './measure.ts'
import { type Row, rowOf } from './row.ts'
import { writeSyntheticDisk } from './synthetic-disk.ts'
import { type Download, downloads } from './yardsticks/curl.ts'
import { type Nginx, nginxVersion, startNginx } from './yardsticks/nginx.ts'

const CLIENTS = [1, 9]
const GOAL = { atLeast: 0.7 }

interface Image {
  readonly name: string
  readonly what: string
  readonly path: string
}

/**
 * Whole images over HTTPS with curl from the tracker, and the same files from nginx with the same certificate and cipher, in turns. Of a
 * disk of programs, of bytes that do not compress, and of a disk full of what does. Everything is in the page cache; the
 * images are many times what the tracker keeps inflated.
 */
export async function run(options: BenchOptions): Promise<Row[]> {
  const images = await makeImages(options)
  const version = await nginxVersion()
  if (version === undefined) options.say('raw: nginx is not installed')
  const root = join(options.dir, 'www')
  await mkdir(root)
  const testnet = await createTestnet({ nodes: 0 })
  let nginx: Nginx | undefined
  try {
    if (version !== undefined)
      nginx = await startNginx({ dir: options.dir, root, identity: testnet.layout.identity('tracker') })
    const rows: Row[] = []
    for (const image of images) {
      await link(image.path, join(root, image.name))
      options.say(`raw: ${image.what}: push`)
      await push(testnet, image)
      for (const clients of CLIENTS)
        rows.push(await measure({ testnet, nginx, options }, { image, clients, version }))
    }
    return rows
  } finally {
    await nginx?.stop()
    await testnet.destroy()
  }
}

async function makeImages(options: BenchOptions): Promise<Image[]> {
  const { dir, seed, imageBytes: sizeBytes } = options
  const [random, full, disk] = ['random', 'full', 'disk'].map((name) => join(dir, name))
  options.say('raw: writing images')
  await writeRandomFile(random ?? '', { sizeBytes, seed })
  await writeSyntheticDisk(full ?? '', { sizeBytes, seed })
  await link((await options.images()).first, disk ?? '')
  return [
    { name: 'disk', what: 'disk of programs, 40 % full', path: disk ?? '' },
    { name: 'random', what: 'incompressible', path: random ?? '' },
    { name: 'full', what: 'full disk, 2 to 1', path: full ?? '' },
  ]
}

async function push(testnet: Testnet, image: Image): Promise<void> {
  const done = await testnet.cli(['image', 'push', image.path, `bench/${image.name}:latest`])
  if (done.code !== 0) throw new StateError(`push failed: ${done.stderr}`)
}

async function measure(
  parts: { testnet: Testnet; nginx: Nginx | undefined; options: BenchOptions },
  what: { image: Image; clients: number; version: string | undefined },
): Promise<Row> {
  const { testnet, nginx, options } = parts
  const { image, clients, version } = what
  const { size } = await stat(image.path)
  const identity = testnet.layout.identity('publisher')
  const ours: Download = {
    port: Number(new URL(testnet.tracker.url).port),
    path: `/api/images/raw/bench/${image.name}`,
    ...{ bytes: size, identity },
  }
  const theirs = nginx === undefined ? undefined : { ...ours, port: nginx.port, path: `/${image.name}` }
  const speeds: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] }
  const speed = async (one: Download) =>
    (clients * size) / MB / (await timed(() => downloads(clients, () => one)))
  for (let i = -1; i < options.runs; i++) {
    options.say(`raw: ${image.what}: ${clients} clients, ${i < 0 ? 'warming up' : `run ${i + 1}`}`)
    const mine = await speed(ours)
    const its = theirs === undefined ? Number.NaN : await speed(theirs)
    if (i < 0) continue
    speeds.ours.push(mine)
    speeds.theirs.push(its)
  }
  const yardstick = { name: `${version} (sendfile, TLS 1.3)`, value: median(speeds.theirs) }
  return rowOf({
    ...{ bench: 'raw', figure: `${image.what}, ${clients} client${clients === 1 ? '' : 's'}` },
    ...{ value: median(speeds.ours), unit: 'MB/s', note: 'all clients together' },
    ...(theirs === undefined ? {} : { yardstick, goal: GOAL }),
  })
}
