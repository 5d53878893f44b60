import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { HttpClient } from '../../src/api/http-client.ts'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { issueCertificate } from '../../src/identity/ca.ts'
import { validatePath } from '../../src/identity/path-validation.ts'
import { Trust } from '../../src/identity/trust.ts'
import type { Testnet } from '../../testnet/handles.ts'
import { TRACKER_NAME } from '../../testnet/layout.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import type { BenchOptions } from './bench.ts'
import { median, timed } from './measure.ts'
import { fillRegistry } from './registry-data.ts'
import { type Row, rowOf } from './row.ts'

const SIZE = { images: 1000, users: 200, groups: 50 }
/** Requests of each figure in one run. */
const REQUESTS = 20
const GOAL = { atMost: 50 }

interface Question {
  readonly figure: string
  readonly who: 'user' | 'admin'
  readonly path: string
  readonly query?: Record<string, string>
}

const QUESTIONS: readonly Question[] = [
  { figure: 'list, a user', who: 'user', path: TRACKER_PATHS.images },
  { figure: 'list, an admin', who: 'admin', path: TRACKER_PATHS.images },
  { figure: 'shared with a user', who: 'user', path: '/api/users/user7/shared' },
  { figure: 'sharing of a user', who: 'user', path: '/api/users/user7/sharing' },
  ...[
    ['all fields, a user', 'user', '*'] as const,
    ['all fields, an admin', 'admin', '*'] as const,
    [
      'three conditions',
      'admin',
      "name,size where os='Debian 12', arch=x86_64, property.key1='value 3' order by size desc",
    ] as const,
    ['public and not expired', 'admin', "* where access=public and expires=''"] as const,
    ['regular expression', 'admin', 'name where description~/year 1[0-9]$/'] as const,
    ['hostile regular expression', 'admin', 'name where description~/^(([a-z])+.)+[A-Z]([a-z])+$/'] as const,
  ].map(([figure, who, q]) => ({
    figure: `query, ${figure}`,
    who,
    path: TRACKER_PATHS.images,
    query: { q },
  })),
]

/** Lists and queries over HTTPS from a tracker with 1,000 images, 200 users and 50 groups. */
export async function run(options: BenchOptions): Promise<Row[]> {
  const testnet = await createTestnet({ nodes: 0 })
  const clients: HttpClient[] = []
  try {
    options.say(`registry: ${SIZE.images} images, ${SIZE.users} users, ${SIZE.groups} groups`)
    const admin = await clientOf(testnet, await publisherOf(testnet))
    clients.push(admin)
    await admin.bytes({ method: 'GET', path: TRACKER_PATHS.whoami })
    const catalog = join(testnet.layout.data('tracker'), 'catalog.sqlite')
    fillRegistry(catalog, SIZE)
    const user = await clientOf(testnet, await userOf(testnet, catalog))
    clients.push(user)
    const rows = [
      await measure(
        { options, client: user },
        { figure: 'who am I, for comparison', path: TRACKER_PATHS.whoami },
      ),
    ]
    for (const question of QUESTIONS)
      rows.push(await measure({ options, client: question.who === 'user' ? user : admin }, question, GOAL))
    return rows
  } finally {
    for (const client of clients) await client.close()
    await testnet.destroy()
  }
}

async function measure(
  parts: { options: BenchOptions; client: HttpClient },
  { figure, path, query }: Pick<Question, 'figure' | 'path' | 'query'>,
  goal?: typeof GOAL,
): Promise<Row> {
  const { options, client } = parts
  const request = { method: 'GET', path, ...(query === undefined ? {} : { query }) } as const
  let answer = await client.bytes(request)
  const seconds: number[] = []
  for (let i = 0; i < options.runs * REQUESTS; i++)
    seconds.push(
      await timed(async () => {
        answer = await client.bytes(request)
      }),
    )
  const sorted = seconds.toSorted((a, b) => a - b)
  const worst = sorted[Math.floor(sorted.length * 0.95)] ?? 0
  const note = `${countOf(answer)}, 95 % under ${(worst * 1000).toFixed(1)} ms`
  return rowOf({
    ...{ bench: 'registry', figure, value: median(seconds) * 1000, unit: 'ms', note },
    ...(goal === undefined ? {} : { goal }),
  })
}

function countOf(answer: Uint8Array): string {
  const value = JSON.parse(Buffer.from(answer).toString()) as unknown
  const list = Array.isArray(value) ? value : (value as { images?: unknown[] }).images
  return list === undefined ? `${answer.length} bytes` : `${list.length} images`
}

interface Pair {
  readonly certificatePem: string
  readonly keyPem: string
}

async function publisherOf(testnet: Testnet): Promise<Pair> {
  return await pairOf(testnet, 'publisher')
}

async function pairOf(testnet: Testnet, name: string): Promise<Pair> {
  const { certificate, key } = testnet.layout.identity(name)
  return { certificatePem: await readFile(certificate, 'utf8'), keyPem: await readFile(key, 'utf8') }
}

/** A certificate for one of the users of the catalog. */
async function userOf(testnet: Testnet, catalog: string): Promise<Pair> {
  const ca = await pairOf(testnet, 'ca')
  const issued = await issueCertificate(ca, { kind: 'user', commonName: 'user7' })
  const dn = validatePath([new X509Certificate(issued.certificatePem)], {
    trust: Trust.fromPem(ca.certificatePem),
    nowMs: Date.now(),
    purpose: 'client',
  }).dn
  const db = new DatabaseSync(catalog, { timeout: 10_000 })
  db.prepare('update users set dn = ? where name = ?').run(dn, 'user7')
  db.close()
  return issued
}

async function clientOf(testnet: Testnet, pair: Pair): Promise<HttpClient> {
  const caPem = await readFile(testnet.layout.identity('ca').ca, 'utf8')
  return new HttpClient({ url: testnet.tracker.url, name: TRACKER_NAME, caPem, ...pair })
}
