import { Type } from '@sinclair/typebox'
import type { CallOptions } from '../core/blockstore.ts'
import { AttachAnswer, type AttachRequest, DiskObject, HandedIn } from './disk-schemas.ts'
import type { NodeCalls } from './node-calls.ts'
import { NODE_PATHS } from './node-paths.ts'

/** The disks of the node on this machine. Errors: as NodeClient's. */
export class DiskClient {
  readonly #calls: NodeCalls

  constructor(components: { calls: NodeCalls }) {
    this.#calls = components.calls
  }

  list(options: CallOptions = {}): Promise<DiskObject[]> {
    return this.#calls.json({ method: 'GET', path: NODE_PATHS.disks, ...options }, Type.Array(DiskObject))
  }

  get(name: string, options: CallOptions = {}): Promise<DiskObject> {
    return this.#calls.json({ method: 'GET', path: pathOf(name), ...options }, DiskObject)
  }

  /** Makes a disk of an image, or finds the one that was made before. */
  attach(request: AttachRequest, options: CallOptions = {}): Promise<AttachAnswer> {
    const call = { method: 'POST', path: NODE_PATHS.disks, json: request, ...options } as const
    return this.#calls.json(call, AttachAnswer)
  }

  /** Hands in what machines have read of a disk since it was attached, as a boot of its image. */
  recordBoot(name: string, options: CallOptions = {}): Promise<HandedIn> {
    const path = NODE_PATHS.diskProfile.replace(':name', encodeURIComponent(name))
    return this.#calls.json({ method: 'POST', path, ...options }, HandedIn)
  }

  /** Takes a disk away; with `force` from machines that use it as well; with `attachment` unless somebody has attached it since: ConflictError. */
  async detach(
    name: string,
    options: CallOptions & { force?: boolean; attachment?: string } = {},
  ): Promise<void> {
    const { force = false, attachment, ...call } = options
    const query = new URLSearchParams({ force: String(force), ...(attachment && { attachment }) })
    await this.#calls.text({ method: 'DELETE', path: `${pathOf(name)}?${query}`, ...call })
  }
}

function pathOf(name: string): string {
  return NODE_PATHS.disk.replace(':name', encodeURIComponent(name))
}
