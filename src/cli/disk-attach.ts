import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import type { AttachRequest, DiskObject, OnLoss } from '../api/disk-schemas.ts'
import { ON_LOSS } from '../api/disk-schemas.ts'
import type { NodeClient } from '../api/node-client.ts'
import { BootswarmError } from '../core/errors.ts'
import { parseReference } from '../core/reference.ts'
import { withNode } from './connect.ts'
import { addDelegateOptions, type DelegateFlags, delegationFor } from './delegation.ts'
import { libvirtXml, nbdUri, qemuArguments } from './disk-connection.ts'
import { checkOverlayPath, makeOverlay } from './disk-overlay.ts'
import { imageOf } from './disk-text.ts'
import { teach } from './help.ts'
import { FORMATS, type Format, printItem } from './output.ts'
import { addSettingOptions, NODE_KEYS, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { formatBytes, printable } from './units.ts'

const CONSUMERS = ['qemu', 'libvirt', 'nbd'] as const

interface Flags extends SettingFlags, DelegateFlags {
  readonly name?: string
  readonly overlay?: string
  readonly fill?: boolean
  readonly onLoss?: OnLoss
  readonly format: (typeof CONSUMERS)[number]
  readonly output: Format
}

/** A disk with everything that a machine may want to know of it. */
interface AttachedDisk extends DiskObject {
  readonly uri: string
  readonly qemu: readonly string[]
  readonly libvirt: string
  readonly overlay?: string
}

/** Libvirt's own schema says what it understands. */
const LIBVIRT_SCHEMA = '/usr/share/libvirt/schemas/storagecommon.rng'

export function addDiskAttach(disk: Command, shell: Shell): void {
  const command = disk
    .command('attach')
    .argument('<image>', 'namespace/name, namespace/name:tag or namespace/name@version')
    .description('give machines an image as a disk at once; what they read is fetched first')
    .option(
      '--overlay <file>',
      'a qcow2 file over the disk that the machine can write to; made where there is none',
    )
    .option('--name <disk>', 'name of the disk on this machine; by default that of the image version')
    .option(
      '--fill',
      'fetch the rest of the image in the background, as a new disk does unless told otherwise',
    )
    .option('--no-fill', 'fetch what is read and no more')
    .addOption(
      new Option(
        '--on-loss <what>',
        'what reads do when nobody has the bytes: wait, as usual, or error',
      ).choices(ON_LOSS),
    )
    .addOption(
      new Option('--format <what>', 'print arguments of QEMU, a disk element of libvirt, or a URI of NBD')
        .choices(CONSUMERS)
        .default('qemu'),
    )
    .addOption(
      new Option('-o, --output <format>', 'how data is printed; table is the text of --format')
        .choices(FORMATS)
        .default('table'),
    )
  addDelegateOptions(command)
  addSettingOptions(command, [...NODE_KEYS, ...TRACKER_KEYS])
  teach(command, [
    ['bootswarm disk attach site/debian:12 --overlay vm1.qcow2', 'a disk that a new machine can write to'],
    [
      'bootswarm disk attach site/debian:12 --overlay /var/lib/libvirt/images/vm1.qcow2 --format libvirt',
      'for a domain',
    ],
    ['bootswarm disk attach alice/private --delegate', 'an image that you may read and this node may not'],
    ['bootswarm disk attach site/debian@3 --no-fill -o json', 'for a script'],
  ])
  command.action((text: string, flags: Flags) => {
    parseReference(text)
    return interruptible('run it again', (signal) =>
      withNode(shell, flags, async (client) => {
        const attached = await attach(shell, client, { text, flags, signal })
        report(shell, attached, flags)
        const canReconnect = await libvirtReconnects()
        printItem(shell, completed(attached, { flags, canReconnect }), {
          ...{ format: flags.output, name: ({ name }) => name },
          text: (item) => textFor(item, flags.format),
        })
        if (flags.format === 'libvirt' && !canReconnect) shell.terminal.stderr.write(NO_RECONNECT)
      }),
    )
  })
}

const NO_RECONNECT = `this libvirt cannot have QEMU connect again: a machine that reads while the node restarts, or afterwards, is stopped; bootswarm disk resume lets it go on, which bootswarm-resume.service does by itself\n`

/** What was attached for an overlay that could not be made is detached again, unless it was there before or somebody else has it by now. */
async function attach(
  shell: Shell,
  client: NodeClient,
  { text, flags, signal }: { text: string; flags: Flags; signal: AbortSignal },
): Promise<DiskObject> {
  const { name, fill, onLoss } = flags
  const overlay = flags.overlay === undefined ? undefined : resolve(flags.overlay)
  if (overlay !== undefined) await checkOverlayPath(parseReference(text), overlay, { signal })
  const request: AttachRequest = {
    reference: text,
    ...(name === undefined ? {} : { name }),
    ...(fill === undefined ? {} : { fill }),
    ...(onLoss === undefined ? {} : { onLoss }),
    ...(await delegationFor(shell, client, { text, flags, signal })),
  }
  const { attachment, ...disk } = await client.disks.attach(request, { signal })
  if (overlay === undefined) return disk
  try {
    await makeOverlay(disk, overlay, { signal })
    return disk
  } catch (error) {
    await takeBack(shell, client, { name: disk.name, attachment })
    throw error
  }
}

/** Does not throw: why the overlay could not be made is what has to be said. */
async function takeBack(
  shell: Shell,
  client: NodeClient,
  { name, attachment }: { name: string; attachment: string | undefined },
): Promise<void> {
  if (attachment === undefined) return
  try {
    await client.disks.detach(name, { attachment })
  } catch (error) {
    // Somebody has taken it away meanwhile.
    if (error instanceof BootswarmError && error.code === 'E_NOT_FOUND') return
    const reason = error instanceof Error ? error.message : String(error)
    shell.terminal.stderr.write(`disk ${name} stays attached: ${printable(reason)}\n`)
  }
}

function report(shell: Shell, disk: DiskObject, { overlay }: Flags): void {
  const over = overlay === undefined ? '' : `, with the overlay ${resolve(overlay)}`
  shell.terminal.stderr.write(
    `attached ${imageOf(disk)}, ${formatBytes(disk.size)}, as disk ${disk.name}${over}\n`,
  )
}

function completed(disk: DiskObject, init: { flags: Flags; canReconnect: boolean }): AttachedDisk {
  const { flags, canReconnect } = init
  const overlay = flags.overlay === undefined ? undefined : resolve(flags.overlay)
  return {
    ...disk,
    uri: nbdUri(disk),
    qemu: qemuArguments(disk, overlay),
    libvirt: libvirtXml(disk, { overlay, canReconnect }),
    ...(overlay === undefined ? {} : { overlay }),
  }
}

function textFor({ uri, qemu, libvirt }: AttachedDisk, format: Flags['format']): string {
  if (format === 'nbd') return `${uri}\n`
  return format === 'libvirt' ? libvirt : `${qemu.map(shellWord).join(' ')}\n`
}

/** As a shell reads it. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

async function libvirtReconnects(): Promise<boolean> {
  const schema = await readFile(LIBVIRT_SCHEMA, 'utf8').catch(() => '')
  return /<attribute name=["']delay["']/.test(schema)
}
