import type { Lifecycle } from '../../src/core/lifecycle.ts'
import type { Log } from '../../src/core/log.ts'
import type { ListenAddress } from '../../src/util/config-file.ts'
import type { NbdExports } from './nbd/export.ts'
import type { NbdServer } from './nbd/server.ts'

export interface TcpDisksComponents {
  readonly server: Pick<NbdServer, 'listenOnTcp'>
  readonly exports: NbdExports
  readonly log: Log
}

/** Offers disks of a node over TCP, with TLS, under the names of their exports. Does nothing where the configuration does not ask for it. */
export class TcpDisks implements Lifecycle {
  readonly #components: TcpDisksComponents
  readonly #address: ListenAddress | undefined

  constructor(components: TcpDisksComponents, init: { address: ListenAddress | undefined }) {
    this.#components = components
    this.#address = init.address
  }

  /** Throws ConfigError when the address cannot be had. */
  async start(): Promise<void> {
    if (this.#address === undefined) return
    const { server, exports, log } = this.#components
    const { port } = await server.listenOnTcp(this.#address, exports)
    log.info({ host: this.#address.host, port }, 'disks are offered over TCP')
  }

  /** The server hangs up when the disks stop; to take them away before would be an error for machines. */
  async stop(): Promise<void> {}
}
