import { join } from 'node:path'

/** Name in the tracker's certificate; the URL is an address of the loopback interface. */
export const TRACKER_NAME = 'tracker.testnet'
export const PUBLISHER_DN = '/O=Testnet/OU=users/CN=publisher'

/** The three files that an identity is. */
export interface IdentityPaths {
  readonly certificate: string
  readonly key: string
  readonly ca: string
}

/** Where everything of a testnet lies. Short names: a unix socket's path has at most 107 bytes. */
export function layoutOf(dir: string) {
  const identity = (name: string): IdentityPaths => ({
    certificate: join(dir, 'pki', `${name}.pem`),
    key: join(dir, 'pki', `${name}.key`),
    ca: join(dir, 'pki', 'ca.pem'),
  })
  return {
    dir,
    pki: join(dir, 'pki'),
    logs: join(dir, 'logs'),
    state: join(dir, 'testnet.json'),
    images: join(dir, 'images'),
    /** To be used as XDG_CONFIG_HOME. */
    cliHome: join(dir, 'cli'),
    cliConfig: join(dir, 'cli', 'bootswarm', 'config.yaml'),
    identity,
    log: (name: string) => join(dir, 'logs', `${name}.log`),
    config: (name: string) => join(dir, `${name}.yaml`),
    data: (name: string) => join(dir, 'data', name),
    exports: (name: string) => join(dir, 'exports', name),
    socket: (name: string) => join(dir, 'data', name, 's'),
  }
}

export type Layout = ReturnType<typeof layoutOf>

export function nodeName(index: number): string {
  return `node-${index + 1}`
}
