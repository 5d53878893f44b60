import { lookup } from 'node:dns/promises'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Finding } from '../../src/api/finding.ts'
import { type Check, failure, messageOf, ok, warning } from './examination.ts'

const CONNECT_TIMEOUT_MS = 2_000

interface Endpoint {
  readonly kind: 'ip4' | 'ip6' | 'dns' | 'dns4' | 'dns6'
  readonly host: string
  readonly port: number
}

/** Whether `p2p.listen` is served, by the daemon when it runs and by nobody when it does not. */
export async function checkListening({ config, status }: Parameters<Check>[0]): Promise<Finding[]> {
  const runs = (await status) !== undefined
  // 0 is any free port: there is nothing to compare.
  const endpoints = config.p2p.listen.flatMap((text) => endpointOf(text) ?? []).filter(({ port }) => port > 0)
  if (endpoints.length === 0) return [ok('ports', 'any free port')]
  return await Promise.all(endpoints.map((endpoint) => portFinding(endpoint, runs)))
}

async function portFinding({ host, port }: Endpoint, runs: boolean): Promise<Finding> {
  const target = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  const taken = await answers(target, port)
  const where = `${host} port ${port}`
  if (runs && !taken)
    return failure('ports', `nobody listens at ${where}`, 'Restart the daemon; see its log.')
  if (!runs && taken)
    return failure('ports', `another program listens at ${where}`, `ss -ltnp sport = :${port}`)
  return ok('ports', runs ? `the daemon listens at ${where}` : `${where} is free`)
}

/** Whether others are told an address that leads here. */
export async function checkAnnounced({ config, status }: Parameters<Check>[0]): Promise<Finding[]> {
  const own = Object.values(networkInterfaces()).flatMap((all) => all ?? [])
  const { announce } = config.p2p
  if (announce.length > 0) {
    const addresses = new Set(own.map(({ address }) => address))
    return await Promise.all(announce.map((text) => announcedFinding(text, addresses)))
  }
  const told = (await status)?.addresses ?? []
  const outside = own.filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
  if (outside.length === 0) {
    return [
      warning(
        'address',
        'this host has no address but loopback',
        'Name one that others reach in p2p.announce.',
      ),
    ]
  }
  const found = told.length > 0 ? told.join(', ') : outside.map(({ address }) => address).join(', ')
  return [ok('address', `p2p.announce is not given; others are told ${found}`)]
}

async function announcedFinding(text: string, own: ReadonlySet<string>): Promise<Finding> {
  const endpoint = endpointOf(text)
  if (endpoint === undefined)
    return warning('address', `${text} is no TCP address`, 'As in /ip4/192.0.2.1/tcp/4002')
  const { kind, host } = endpoint
  let addresses: string[]
  try {
    const family = kind === 'dns4' ? 4 : kind === 'dns6' ? 6 : 0
    addresses = kind.startsWith('ip')
      ? [host]
      : (await lookup(host, { all: true, family })).map((it) => it.address)
  } catch (error) {
    return failure(
      'address',
      `${text}: ${messageOf(error)}`,
      'Others dial what p2p.announce says: correct it.',
    )
  }
  if (addresses.some((address) => own.has(address))) return ok('address', `${text} is this host`)
  const advice = 'Right behind NAT; else others dial another host: correct p2p.announce.'
  return warning('address', `${text} is no address of this host`, advice)
}

/** Host and port of a multiaddr of TCP. */
function endpointOf(text: string): Endpoint | undefined {
  const [, kind, host, port] = text.match(/^\/(ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d{1,5})(?:\/|$)/) ?? []
  if (kind === undefined || host === undefined) return undefined
  return { kind: kind as Endpoint['kind'], host, port: Number(port) }
}

function answers(host: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect({ host, port, timeout: CONNECT_TIMEOUT_MS })
  socket.once('connect', () => resolve(true))
  socket.once('timeout', () => resolve(false))
  socket.once('error', () => resolve(false))
  return promise.finally(() => socket.destroy())
}
