import { type Transferable, Worker } from 'node:worker_threads'
import {
  AbortedError,
  BusyError,
  errorFromCode,
  InternalError,
  InvalidError,
  StateError,
} from '../core/errors.ts'
import type { WorkerAnswer, WorkerRequest } from './worker-messages.ts'

/** Requests that one worker has before it: the second hides the main thread's latency. */
const DEPTH = 2
/** Requests that wait for a worker before `run` refuses: callers bound their own concurrency well below. */
const QUEUE_MAX = 1024
/** Heap of one worker. Buffers do not count against it, and what we run in workers keeps little else, 5 MB in all; with more, garbage waits until half of it is full. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 2 }

export interface WorkerPoolInit {
  /** Module that calls `serveWorker` (see `workerModule`). */
  module: URL
  /** Threads at most; they start when there is work for them and cost 10 to 15 MB each. */
  workers: number
  /** Requests that may wait; the next one is refused with BusyError. */
  queueMax?: number
}

export interface RunOptions {
  /** Buffers to move to the worker instead of copying them; the caller loses them. */
  transfer?: readonly Transferable[]
  /** Takes the request out of the queue. One that a worker has begun ends there, its answer is dropped. */
  signal?: AbortSignal
}

interface Task<Answer> {
  readonly request: unknown
  readonly transfer: readonly Transferable[]
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
}

interface Thread<Answer> {
  readonly worker: Worker
  readonly tasks: Map<number, Task<Answer>>
}

/**
 * URL of a worker's module beside the caller's: `workerModule(import.meta.url, './frame-worker')` is the `.ts` file when the
 * caller runs from sources and the `.js` file when it was built.
 */
export function workerModule(callerUrl: string, name: string): URL {
  const extension = /\.[cm]?[jt]s$/.exec(new URL(callerUrl).pathname)?.[0]
  if (extension === undefined) throw new InternalError(`no module: ${callerUrl}`)
  return new URL(name + extension, callerUrl)
}

/**
 * Threads that answer requests one after the other, in no order across threads. An idle pool does not keep the process
 * alive. Errors of the handler come back as what they were (by `code`); whatever else a worker throws is an InternalError.
 */
export class WorkerPool<Request, Answer> {
  readonly #module: URL
  readonly #workersMax: number
  readonly #queueMax: number
  readonly #threads = new Set<Thread<Answer>>()
  #queue: Task<Answer>[] = []
  #nextId = 0
  #closed = false

  constructor(init: WorkerPoolInit) {
    if (!(Number.isInteger(init.workers) && init.workers > 0))
      throw new InvalidError('a pool needs at least one worker')
    this.#module = init.module
    this.#workersMax = init.workers
    this.#queueMax = init.queueMax ?? QUEUE_MAX
  }

  /** Threads that run at most. */
  get workers(): number {
    return this.#workersMax
  }

  /** Threads that run now. */
  get running(): number {
    return this.#threads.size
  }

  /** Starts every thread now, so that the first requests do not wait for it. */
  startAll(): void {
    while (!this.#closed && this.#threads.size < this.#workersMax) this.#start()
  }

  /** Errors: what the handler threw; BusyError when the queue is full; AbortedError; StateError after `close`. */
  run(request: Request, options: RunOptions = {}): Promise<Answer> {
    const { signal, transfer = [] } = options
    if (this.#closed) return Promise.reject(new StateError('the worker pool is closed'))
    if (signal?.aborted) return Promise.reject(new AbortedError('stopped', { cause: signal.reason }))
    if (this.#queue.length >= this.#queueMax)
      return Promise.reject(new BusyError('too much work for the workers'))
    return new Promise<Answer>((resolve, reject) => {
      const abort = () => {
        this.#queue = this.#queue.filter((other) => other !== task)
        reject(new AbortedError('stopped', { cause: signal?.reason }))
      }
      const settle = () => signal?.removeEventListener('abort', abort)
      const task: Task<Answer> = {
        request,
        transfer,
        resolve: (answer) => {
          settle()
          resolve(answer)
        },
        reject: (error) => {
          settle()
          reject(error)
        },
      }
      signal?.addEventListener('abort', abort, { once: true })
      this.#queue.push(task)
      this.#feed()
    })
  }

  /** Stops every thread, whatever it does; requests that are not answered yet fail with AbortedError. */
  async close(): Promise<void> {
    this.#closed = true
    const error = new AbortedError('the worker pool was closed')
    for (const task of this.#queue.splice(0)) task.reject(error)
    const threads = [...this.#threads]
    for (const thread of threads) this.#drop(thread, error)
    await Promise.all(threads.map(({ worker }) => worker.terminate()))
  }

  #feed(): void {
    while (this.#queue.length > 0) {
      const thread = this.#freeThread()
      if (thread === undefined) return
      const task = this.#queue.shift()
      if (task !== undefined) this.#send(thread, task)
    }
  }

  /** The least busy thread that has room; a new one while all are busy and there may be more. */
  #freeThread(): Thread<Answer> | undefined {
    let best: Thread<Answer> | undefined
    for (const thread of this.#threads)
      if (best === undefined || thread.tasks.size < best.tasks.size) best = thread
    if (best !== undefined && best.tasks.size === 0) return best
    if (this.#threads.size < this.#workersMax) return this.#start()
    return best !== undefined && best.tasks.size < DEPTH ? best : undefined
  }

  #send(thread: Thread<Answer>, task: Task<Answer>): void {
    const id = this.#nextId++
    try {
      const message: WorkerRequest = { id, request: task.request }
      thread.worker.postMessage(message, task.transfer)
    } catch (cause) {
      task.reject(new InternalError('a request cannot be sent to a worker', { cause }))
      return
    }
    if (thread.tasks.size === 0) thread.worker.ref()
    thread.tasks.set(id, task)
  }

  #start(): Thread<Answer> {
    const worker = new Worker(this.#module, { execArgv: [], resourceLimits: RESOURCE_LIMITS })
    const thread: Thread<Answer> = { worker, tasks: new Map() }
    worker.unref()
    worker.on('message', (answer: WorkerAnswer) => this.#settle(thread, answer))
    worker.on('error', (cause) => this.#drop(thread, new InternalError('a worker failed', { cause })))
    worker.on('exit', () => this.#drop(thread, new InternalError('a worker ended')))
    this.#threads.add(thread)
    return thread
  }

  #settle(thread: Thread<Answer>, answer: WorkerAnswer): void {
    const task = thread.tasks.get(answer.id)
    if (task === undefined) return
    thread.tasks.delete(answer.id)
    if (thread.tasks.size === 0) thread.worker.unref()
    this.#feed()
    if ('error' in answer)
      task.reject(errorFromCode(answer.error.code, answer.error.message, answer.error.data))
    else task.resolve(answer.answer as Answer)
  }

  #drop(thread: Thread<Answer>, error: Error): void {
    if (!this.#threads.delete(thread)) return
    for (const task of thread.tasks.values()) task.reject(error)
    thread.tasks.clear()
    if (!this.#closed) this.#feed()
  }
}
