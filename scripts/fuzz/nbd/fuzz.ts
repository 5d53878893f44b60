import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { seededRandom } from '../../../testnet/images/random.ts'
import { FUZZ_DISK, type FuzzSession, goData, makeSession, option } from './inputs.ts'
import type { Holdings } from './server.ts'

const MiB = 1024 * 1024
const AT_A_TIME = 16
/** A client that is hung up on after its last word waits no longer than this. */
const SESSION_MS = 20_000
/** Sessions between two looks whether it still serves. */
const LOOK_EVERY = 50
/** What a heap may grow by without holding on to clients: code that was compiled, caches of V8. */
const HEAP_GROWTH_MAX = 8 * MiB
const GONE_MS = 15_000

export interface NbdFuzzInit {
  readonly seed: number
  readonly sessions: number
  /** Clients that come at once. */
  readonly crowd: number
  /** Only this session, to see again what it did. */
  readonly session?: number | undefined
  readonly onDefect?: (defect: string) => void
}

export interface NbdFuzzReport {
  readonly sessions: number
  readonly bytesReceived: number
  readonly defects: readonly string[]
  readonly heapGrowthBytes: number
}

/** Plays hostile clients to a real server in a process of its own, and looks what is left of it. */
export async function fuzzNbd(init: NbdFuzzInit): Promise<NbdFuzzReport> {
  const dir = await mkdtemp(join(tmpdir(), 'bootswarm-fuzz-'))
  const path = join(dir, 'nbd.sock')
  const module = fileURLToPath(new URL('./server.ts', import.meta.url))
  const child = fork(module, [path], {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  try {
    await once(child, 'message')
    return await play(child, path, init)
  } finally {
    if (child.connected) child.disconnect()
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    await rm(dir, { recursive: true, force: true })
  }
}

async function play(child: ChildProcess, path: string, init: NbdFuzzInit): Promise<NbdFuzzReport> {
  const defects: string[] = []
  const defect = (text: string) => {
    defects.push(text)
    init.onDefect?.(text)
  }
  let bytesReceived = 0
  const session = async (index: number) => {
    const received = await playSession(path, makeSession(seededRandom(init.seed * 1_000_003 + index)))
    if (received === undefined) defect(`session ${index}: not ended after ${SESSION_MS / 1000} s`)
    else bytesReceived += received
  }
  const look = async (when: string) => {
    if (child.exitCode !== null || child.signalCode !== null) defect(`${when}: the server has ended`)
    else if (!(await serves(path))) defect(`${when}: the server does not serve`)
  }
  const [from, to] = init.session === undefined ? [0, init.sessions] : [init.session, init.session + 1]
  // what is compiled and cached by the first sessions is no leak
  await inParallel(Math.min(LOOK_EVERY, init.sessions), 0, session)
  const before = await holdings(child)
  for (let at = from; at < to && defects.length === 0; at += LOOK_EVERY) {
    await inParallel(Math.min(LOOK_EVERY, to - at), at, session)
    await look(`after session ${Math.min(to, at + LOOK_EVERY) - 1}`)
  }
  await crowd(path, init)
  await look(`after ${init.crowd} clients at once`)
  const after = await gone(child)
  const heapGrowthBytes = (after?.heapBytes ?? 0) - (before?.heapBytes ?? 0)
  if (after === undefined) defect('the server has ended')
  else if (after.connections > 0 || after.bytesInFlight > 0 || after.sockets > (before?.sockets ?? 0))
    defect(`something is left: ${JSON.stringify(after)}`)
  if (heapGrowthBytes > HEAP_GROWTH_MAX) defect(`the heap has grown by ${heapGrowthBytes} bytes`)
  return { sessions: to - from, bytesReceived, defects, heapGrowthBytes }
}

async function inParallel(
  count: number,
  first: number,
  play: (index: number) => Promise<void>,
): Promise<void> {
  let next = first
  const worker = async () => {
    while (next < first + count) await play(next++)
  }
  await Promise.all(Array.from({ length: Math.min(AT_A_TIME, count) }, worker))
}

/** Bytes that came; undefined when the connection has not ended in time. */
async function playSession(path: string, { input, cut, leaves }: FuzzSession): Promise<number | undefined> {
  const socket = connect({ path, allowHalfOpen: true })
  let received = 0
  socket.on('error', () => {})
  const closed = new Promise<true>((resolve) => socket.once('close', () => resolve(true)))
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length
  })
  socket.write(input.subarray(0, cut))
  await new Promise((resolve) => setImmediate(resolve))
  socket.write(input.subarray(cut))
  if (leaves === 'destroy') {
    await new Promise((resolve) => setImmediate(resolve))
    socket.destroy()
  } else {
    if (leaves === 'silent') socket.pause()
    socket.end()
    await new Promise((resolve) => setImmediate(resolve))
    socket.resume()
    socket.once('end', () => socket.destroy())
  }
  const late = new AbortController()
  const isClosed = await Promise.race([
    closed,
    sleep(SESSION_MS, false, { signal: late.signal }).catch(() => false),
  ])
  late.abort()
  socket.destroy()
  return isClosed ? received : undefined
}

/** All of them greet, send a part of a session, and go. */
async function crowd(path: string, { crowd: count, seed }: NbdFuzzInit): Promise<void> {
  const clients = await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const socket = connect({ path })
      socket.on('error', () => {}).resume()
      await Promise.race([once(socket, 'connect'), once(socket, 'close')]).catch(() => {})
      const { input, cut } = makeSession(seededRandom(seed * 7919 + i))
      socket.write(input.subarray(0, cut))
      return socket
    }),
  )
  for (const socket of clients) socket.destroy()
}

/** Whether a client that behaves reads what is there. */
async function serves(path: string): Promise<boolean> {
  const socket = connect({ path })
  const request = Buffer.alloc(28)
  request.writeUInt32BE(0x25609513)
  request.writeUInt32BE(9, 24)
  const goodbye = Buffer.from(request)
  goodbye.writeUInt16BE(2, 6)
  socket.on('error', () => {})
  socket.write(
    Buffer.concat([Buffer.from([0, 0, 0, 3]), option(7, goData(FUZZ_DISK.name)), request, goodbye]),
  )
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  const late = setTimeout(() => socket.destroy(), SESSION_MS)
  await once(socket, 'close').catch(() => {})
  clearTimeout(late)
  return Buffer.concat(chunks).subarray(-9).toString() === 'bootswarm'
}

async function holdings(child: ChildProcess): Promise<Holdings | undefined> {
  if (!child.connected) return undefined
  const answer = Promise.race([once(child, 'message'), once(child, 'exit').then(() => [undefined])])
  child.send('holdings')
  const [said] = await answer
  return said as Holdings | undefined
}

/** What is held when the clients are gone, or after some time. */
async function gone(child: ChildProcess): Promise<Holdings | undefined> {
  for (let waitedMs = 0; ; waitedMs += 100) {
    const held = await holdings(child)
    if (held === undefined || held.connections === 0 || waitedMs > GONE_MS) return held
    await sleep(100)
  }
}
