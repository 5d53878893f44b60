import { Registry } from 'prom-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Disk } from '../../../node/disk/disk.ts'
import { DiskMetrics } from '../../../node/disk/disk-metrics.ts'
import type { DiskRoutesComponents } from '../../../node/disk/disk-routes.ts'
import { NODE_PATHS } from '../../../src/api/node-paths.ts'
import { ConflictError, NotFoundError } from '../../../src/core/errors.ts'
import { controlApi } from '../../fixtures/control-api.ts'
import { recordingLog } from '../../fixtures/recording-log.ts'

const test = suite('routes of disks')

function fakes(calls: unknown[]): DiskRoutesComponents['disks'] {
  const disk = { name: 'vm' } as Awaited<ReturnType<DiskRoutesComponents['disks']['attach']>>['disk']
  return {
    list: () => [disk],
    get: () => disk,
    attach: async (request) => {
      calls.push(request)
      return { disk, attachment: request.name === 'new' ? 'first' : undefined }
    },
    detach: async (name, init) => void calls.push([name, init]),
    opened: (name) => {
      if (name !== 'vm') throw new NotFoundError('no such disk')
      return disk as unknown as Disk
    },
  }
}

const READS = [
  [0, 4096, 0],
  [8192, 12288, 7],
] as const

const boots = { send: async () => ({ reads: READS, durationMs: 120_000 }) }

interface Routes {
  readonly app: ReturnType<typeof controlApi>
  /** What the disks were asked to do. */
  readonly calls: unknown[]
  readonly lines: ReturnType<typeof recordingLog>['lines']
}

/** The routes as a node has them, with its error handler. */
async function withRoutes(task: (routes: Routes) => Promise<void>): Promise<void> {
  const calls: unknown[] = []
  const { log, lines } = recordingLog()
  const app = controlApi({
    log,
    disks: fakes(calls),
    boots: boots as unknown as DiskRoutesComponents['boots'],
  })
  try {
    await task({ app, calls, lines })
  } finally {
    await app.close()
  }
}

test('a boot is handed in when that is asked for, and only of a disk that is there', () =>
  withRoutes(async ({ app }) => {
    const post = (name: string) =>
      app.inject({ method: 'POST', url: NODE_PATHS.diskProfile.replace(':name', name) })
    assert.equal((await post('vm')).json(), { reads: 2, bytes: 16_384, durationMs: 120_000 })
    assert.is.not((await post('other')).statusCode, 200)
  }))

test('a new disk is 201 and can be taken back, one that was there is 200', () =>
  withRoutes(async ({ app }) => {
    for (const [name, status, attachment] of [
      ['new', 201, 'first'],
      ['old', 200, undefined],
    ] as const) {
      const payload = { reference: 'site/debian', name }
      const answer = await app.inject({ method: 'POST', url: NODE_PATHS.disks, payload })
      assert.equal([answer.statusCode, answer.json().attachment], [status, attachment])
    }
  }))

test('a request of a wrong form is refused before anything is done', () =>
  withRoutes(async ({ app, calls, lines }) => {
    const bad = [
      {},
      { reference: 'site/debian', name: '../etc' },
      { reference: 'site/debian', name: '..' },
      { reference: 'site/debian', name: '' },
      { reference: 'site/debian', name: 'x'.repeat(65) },
      { reference: 'site/debian', onLoss: 'zeros' },
      { reference: 'site/debian', fill: 'yes' },
      { reference: 'site/debian', overlay: '/etc/passwd' },
      { reference: 'x'.repeat(513) },
    ]
    for (const payload of bad) {
      const answer = await app.inject({ method: 'POST', url: NODE_PATHS.disks, payload })
      assert.equal([answer.statusCode, answer.json().code], [400, 'E_INVALID'], JSON.stringify(payload))
    }
    assert.equal([calls, lines], [[], []])
  }))

test('a name that no disk can have is refused with the rule for names, wherever it stands', () =>
  withRoutes(async ({ app, calls, lines }) => {
    const odd = ['x y', 'a/b', 'ä', 'x'.repeat(65), 'x'.repeat(300)]
    for (const name of odd) {
      const attach = {
        method: 'POST' as const,
        url: NODE_PATHS.disks,
        payload: { reference: 'site/debian', name },
      }
      const requests = [
        { method: 'GET' as const, url: NODE_PATHS.disk },
        { method: 'DELETE' as const, url: NODE_PATHS.disk },
        { method: 'POST' as const, url: NODE_PATHS.diskProfile },
      ]
      const named = requests.map(({ method, url }) => ({
        method,
        url: url.replace(':name', encodeURIComponent(name)),
      }))
      for (const request of [attach, ...named]) {
        const answer = await app.inject(request)
        const { status, code, detail, data } = answer.json()
        assert.equal([status, code], [400, 'E_INVALID'], `${request.method} ${name}`)
        assert.match(detail, 'the request is malformed: /name: ')
        assert.match(data.advice, 'The name of a disk has 1 to 64 of a-z A-Z 0-9 _ . -')
      }
    }
    assert.equal([calls, lines], [[], []])
  }))

test('what Fastify refuses by itself is no defect', () =>
  withRoutes(async ({ app, lines }) => {
    const post = (payload: string, type: string) =>
      app.inject({ method: 'POST', url: NODE_PATHS.disks, payload, headers: { 'content-type': type } })
    const answers = [
      await post('{', 'application/json'),
      await post('<a/>', 'application/xml'),
      await post(JSON.stringify({ reference: 'x'.repeat(70_000) }), 'application/json'),
      await app.inject({ method: 'GET', url: '/api/disks/%' }),
    ]
    assert.equal(
      answers.map((answer) => [answer.statusCode, answer.json().code]),
      [
        [400, 'E_INVALID'],
        [400, 'E_INVALID'],
        [413, 'E_LIMIT'],
        [400, 'E_INVALID'],
      ],
    )
    assert.equal(lines, [])
  }))

test('force is said, or it is none', () =>
  withRoutes(async ({ app, calls }) => {
    for (const query of ['', '?force=false', '?force=true&attachment=first'])
      assert.is((await app.inject({ method: 'DELETE', url: `/api/disks/vm${query}` })).statusCode, 204)
    assert.is((await app.inject({ method: 'DELETE', url: '/api/disks/vm?force=maybe' })).statusCode, 400)
    assert.equal(calls, [
      ['vm', { force: false, attachment: undefined }],
      ['vm', { force: false, attachment: undefined }],
      ['vm', { force: true, attachment: 'first' }],
    ])
  }))

test('what goes wrong is a problem document with its advice', async () => {
  const attach = async () => {
    throw new ConflictError('disk vm is one of a, not of b', { data: { advice: 'another --name' } })
  }
  const app = controlApi({ disks: { ...fakes([]), attach } })
  const payload = { reference: 'site/debian' }
  const answer = await app.inject({ method: 'POST', url: NODE_PATHS.disks, payload })
  await app.close()
  assert.is(answer.statusCode, 409)
  assert.equal([answer.json().code, answer.json().data], ['E_CONFLICT', { advice: 'another --name' }])
})

test('metrics count what machines ask, and disks by state', async () => {
  const metrics = new DiskMetrics()
  const registry = new Registry()
  const states = ['ready', 'ready', 'stalled'].map((state) => ({ state }))
  const waits = new Map([
    [0.0012, 3],
    [5.1, 1],
  ])
  const totals = {
    reads: 9,
    stalls: 1,
    damagedBlocks: 0,
    storeBytes: 7,
    fetchedBytes: 8,
    waitSeconds: 6,
    waits,
    boot: { profileBytes: 100, usedBytes: 70, fetchedBytes: 80, reads: 10, hits: 9 },
  }
  const wire = () => ({ fromOrigin: 5, fromPeers: 6 })
  metrics.addTo(registry, { list: () => states as never, totals: () => totals }, wire)
  metrics.connected()
  metrics.answered({ command: 'read', bytes: 4096, seconds: 0.002, error: 0 })
  metrics.answered({ command: 'read', bytes: 4096, seconds: 40, error: 5 })
  metrics.refused('crowded')
  const text = await registry.metrics()
  for (const line of [
    'bootswarm_node_nbd_connections 1',
    'bootswarm_node_nbd_request_duration_seconds_bucket{le="0.003",op="read"} 1',
    'bootswarm_node_nbd_request_duration_seconds_count{op="read"} 2',
    'bootswarm_node_nbd_requested_bytes_total{op="read"} 8192',
    'bootswarm_node_nbd_errors_total{op="read"} 1',
    'bootswarm_node_nbd_refusals_total{reason="crowded"} 1',
    'bootswarm_node_disks{state="ready"} 2',
    'bootswarm_node_disks{state="unavailable"} 0',
    'bootswarm_node_disk_reads_total 9',
    'bootswarm_node_disk_bytes_total{source="fetched"} 8',
    'bootswarm_node_disk_wire_bytes_total{source="origin"} 5',
    'bootswarm_node_disk_wire_bytes_total{source="peer"} 6',
    'bootswarm_node_disk_wait_seconds_bucket{le="0.003"} 3',
    'bootswarm_node_disk_wait_seconds_bucket{le="+Inf"} 4',
    'bootswarm_node_disk_wait_seconds_count 4',
    'bootswarm_node_disk_profile_bytes_total{kind="used"} 70',
    'bootswarm_node_disk_profile_reads_total{covered="no"} 1',
  ]) {
    assert.ok(text.includes(line), line)
  }
})

test.run()
