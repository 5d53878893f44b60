import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { StateError } from '../../src/core/errors.ts'
import type { ArenaHost } from '../arena/arena.ts'
import { logTail } from '../daemon.ts'
import { PEER_PORT } from './bittorrent.ts'
import { environment } from './programs.ts'

/** Settings of libtorrent's session, by the names of its reference. */
export type SessionSettings = Readonly<Record<string, number | boolean | string>>

export interface LibtorrentInit {
  readonly torrent: string
  /** Where the file is, or comes to be. */
  readonly dir: string
  /** Has the whole file already. */
  readonly seed: boolean
  readonly superSeeding: boolean
  readonly settings: SessionSettings
  /** Addresses to connect to at once, beside those that the tracker tells. */
  readonly peers: readonly string[]
}

interface Said {
  readonly ready?: true
  readonly seeding?: true
  readonly complete?: true
  readonly redundantBytes?: number
  readonly failedBytes?: number
}

/** Debian's Python, which its libtorrent is for, also where another one comes first on the path. */
export const PYTHON = '/usr/bin/python3'

/** One client of libtorrent on a host: our script, which is spoken to by lines. */
export class LibtorrentPeer {
  readonly #child: ChildProcess
  readonly #what: string
  readonly #logPath: string
  readonly #said: Said[] = []
  readonly #waiting = new Set<() => void>()
  #over = false

  constructor(host: ArenaHost, init: LibtorrentInit, logPath: string) {
    this.#what = `libtorrent on ${host.name}`
    this.#logPath = logPath
    const script = fileURLToPath(new URL('libtorrent-peer.py', import.meta.url))
    const argument = JSON.stringify({ ...init, address: host.listenAddress, port: PEER_PORT })
    const log = openSync(logPath, 'a', 0o600)
    this.#child = host.start(PYTHON, [script, argument], { env: environment, stdio: ['pipe', 'pipe', log] })
    closeSync(log)
    this.#listen()
  }

  #listen(): void {
    const { stdin, stdout } = this.#child
    const wake = () => {
      for (const waiting of this.#waiting) waiting()
    }
    const over = () => {
      this.#over = true
      wake()
    }
    stdin?.on('error', over)
    this.#child.once('error', over).once('close', over)
    if (stdout === null) return over()
    createInterface({ input: stdout }).on('line', (line) => {
      this.#said.push(JSON.parse(line) as Said)
      wake()
    })
  }

  /** Resolves with the first line that has `key`. Errors: StateError when the script ends without one. */
  async #hear(key: keyof Said): Promise<Said> {
    const { promise, resolve, reject } = Promise.withResolvers<Said>()
    const look = () => {
      const found = this.#said.find((said) => said[key] !== undefined)
      if (found !== undefined) resolve(found)
      else if (this.#over) reject(new StateError(`${this.#what} ended${logTail(this.#logPath)}`))
    }
    this.#waiting.add(look)
    look()
    return await promise.finally(() => this.#waiting.delete(look))
  }

  /** The session is there; no torrent yet. */
  async ready(): Promise<void> {
    await this.#hear('ready')
  }

  /** Adds the torrent. Resolves when a seed serves it, or another has the whole file. */
  async run(until: 'seeding' | 'complete'): Promise<void> {
    this.#child.stdin?.write('go\n')
    await this.#hear(until)
  }

  /** Ends it and gives the bytes that it received and threw away. */
  async duplicateBytes(): Promise<number> {
    this.#child.stdin?.write('end\n')
    const { redundantBytes = 0, failedBytes = 0 } = await this.#hear('redundantBytes')
    return redundantBytes + failedBytes
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}
