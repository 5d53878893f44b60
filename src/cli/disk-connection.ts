import { createHash } from 'node:crypto'
import { XMLBuilder } from 'fast-xml-parser'
import type { DiskObject } from '../api/disk-schemas.ts'

/** Where a disk is: what a machine needs to know of it. */
export type DiskPlace = Pick<DiskObject, 'name' | 'socket' | 'export'>

/** Seconds that QEMU keeps requests of a guest while the node is away: it gives a disk up after 30 s. */
const RECONNECT_DELAY_S = 30
/** Seconds that QEMU tries to reach the node when it opens a disk: a node needs less to start. */
const OPEN_TIMEOUT_S = 10
/** Names of block nodes in QEMU have 31 characters at most. */
const NODE_NAME_CHARS_MAX = 31
/** Of the digest at the end of a name that would be longer: two of a node's 1024 disks share it once in 8,000 hypervisors. */
const NODE_NAME_DIGEST_CHARS = 8

/** As the uri.md of the NBD protocol has it. */
export function nbdUri({ socket, export: name }: DiskPlace): string {
  const encoded = (text: string) => text.split('/').map(encodeURIComponent).join('/').replaceAll('%40', '@')
  return `nbd+unix:///${encoded(name)}?socket=${encoded(socket)}`
}

/**
 * The disk in QEMU's own words, as image files keep them. Unlike with the URI, a machine survives a restart of the node: QEMU connects
 * again and asks again.
 */
export function qemuFileName({ socket, export: name }: DiskPlace): string {
  const server = { type: 'unix', path: socket }
  const delays = { 'reconnect-delay': RECONNECT_DELAY_S, 'open-timeout': OPEN_TIMEOUT_S }
  return `json:${JSON.stringify({ driver: 'raw', file: { driver: 'nbd', server, export: name, ...delays } })}`
}

/** Arguments of QEMU for a machine with the disk, read-only, or with an overlay of it that can be written to. */
export function qemuArguments(place: DiskPlace, overlay: string | undefined): string[] {
  const comma = (text: string) => text.replaceAll(',', ',,')
  if (overlay !== undefined) return ['-drive', `file=${comma(overlay)},format=qcow2,if=virtio`]
  const node = nodeName(place.name)
  const nbd = [
    ...['file.driver=nbd', 'file.server.type=unix', `file.server.path=${comma(place.socket)}`],
    `file.export=${comma(place.export)}`,
    ...[`file.reconnect-delay=${RECONNECT_DELAY_S}`, `file.open-timeout=${OPEN_TIMEOUT_S}`],
  ]
  const blockdev = ['driver=raw', `node-name=${node}`, 'read-only=on', ...nbd].join(',')
  return ['-blockdev', blockdev, '-device', `virtio-blk-pci,drive=${node}`]
}

/** One for each disk: what is too long is told apart by a digest of the whole. */
function nodeName(disk: string): string {
  const whole = `bs-${disk}`
  if (whole.length <= NODE_NAME_CHARS_MAX) return whole
  const digest = createHash('sha256').update(disk).digest('hex').slice(0, NODE_NAME_DIGEST_CHARS)
  return `${whole.slice(0, NODE_NAME_CHARS_MAX - NODE_NAME_DIGEST_CHARS - 1)}-${digest}`
}

export interface LibvirtInit {
  /** A qcow2 file over the disk; without one the disk is read-only. */
  readonly overlay: string | undefined
  /** Whether this libvirt can tell QEMU to connect again. */
  readonly canReconnect: boolean
}

/**
 * The `disk` element of a domain (https://libvirt.org/formatdomain.html). Where libvirt cannot tell QEMU to connect again, the machine stops when the node
 * does, instead of giving its guest errors, and `virsh resume` lets it go on.
 */
export function libvirtXml(place: DiskPlace, { overlay, canReconnect }: LibvirtInit): string {
  const source = {
    ...{ '@protocol': 'nbd', '@name': place.export },
    host: { '@transport': 'unix', '@socket': place.socket },
    ...(canReconnect ? { reconnect: { '@delay': RECONNECT_DELAY_S } } : {}),
  }
  const policies = { '@error_policy': 'stop', '@rerror_policy': 'stop' }
  const target = { '@dev': 'vda', '@bus': 'virtio' }
  const network = { '@type': 'network', '@device': 'disk' }
  const disk =
    overlay === undefined
      ? {
          ...{ ...network, driver: { '@name': 'qemu', '@type': 'raw', ...policies } },
          ...{ source, target, readonly: '' },
        }
      : {
          ...{ '@type': 'file', '@device': 'disk' },
          driver: { '@name': 'qemu', '@type': 'qcow2', ...policies },
          source: { '@file': overlay },
          backingStore: { '@type': 'network', format: { '@type': 'raw' }, source, backingStore: '' },
          target,
        }
  return xml.build({ disk })
}

const xml = new XMLBuilder({
  ...{ ignoreAttributes: false, attributeNamePrefix: '@', format: true, suppressEmptyNode: true },
  suppressBooleanAttributes: false,
})
