import { rename, rm, truncate } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import type { DiskObject } from '../api/disk-schemas.ts'
import type { NodeClient } from '../api/node-client.ts'
import { ConflictError, NotAuthorisedError, NotFoundError, StateError, UsageError } from '../core/errors.ts'
import { withNode } from './connect.ts'
import { qemuFileName } from './disk-connection.ts'
import { exists } from './disk-overlay.ts'
import { imageOf } from './disk-text.ts'
import { teach } from './help.ts'
import { addProgressOption, openProgress, type Progress, type ProgressFlags } from './progress.ts'
import { qemuImg, readProgress } from './qemu-img.ts'
import { addSettingOptions, NODE_KEYS, type SettingFlags } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'

const FILE_FORMATS = ['raw', 'qcow2'] as const

type Flags = SettingFlags & ProgressFlags & { to?: (typeof FILE_FORMATS)[number] }

interface Work {
  readonly target: string
  readonly flags: Flags
  readonly progress: Progress
  readonly signal: AbortSignal
}

export function addDiskFlatten(disk: Command, shell: Shell): void {
  const command = disk
    .command('flatten')
    .argument('<source>', 'an overlay file whose machine does not run, or a disk as disk ls shows it')
    .argument('<file>', 'a new file')
    .description(
      'make an independent file of an overlay or a disk, which needs neither the other nor the node',
    )
    .addOption(
      new Option(
        '--to <format>',
        'format of the file; by default qcow2 for an overlay, raw for a disk',
      ).choices(FILE_FORMATS),
    )
  addProgressOption(command)
  addSettingOptions(command, NODE_KEYS)
  teach(command, [
    ['bootswarm disk flatten vm1.qcow2 vm1-whole.qcow2', 'the machine as it is now, in one file'],
    ['bootswarm disk flatten site-debian-3 /var/lib/libvirt/images/debian.img', 'the image as a raw file'],
  ])
  command.action((source: string, file: string, flags: Flags) =>
    interruptible('run it again; it begins anew', async (signal) => {
      if (file === '-') throw new UsageError('flatten writes a file: give its path, not -')
      const target = resolve(file)
      if (await exists(target)) throw new ConflictError(`${target} exists already`)
      const progress = openProgress(shell, flags)
      const work = { target, flags, progress, signal }
      try {
        if (await exists(resolve(source))) await flattenOverlay(resolve(source), work)
        else await withNode(shell, flags, (client) => flattenDisk(client, source, work))
      } finally {
        progress.end()
      }
      shell.terminal.stderr.write(`wrote ${target}\n`)
    }),
  )
}

async function flattenOverlay(overlay: string, work: Work): Promise<void> {
  const info = await qemuImg(['info', '-U', '-f', 'qcow2', '--output=json', overlay], work)
  const sizeBytes = (JSON.parse(info) as { 'virtual-size': number })['virtual-size']
  const init = { ...work, sizeBytes, format: work.flags.to ?? 'qcow2' }
  await convert(['-f', 'qcow2', overlay], init).catch((error: unknown) => {
    if (!(error instanceof StateError && /Failed to get .* lock/.test(error.message))) throw error
    const advice = `Stop the machine first. While it runs, its overlay takes in what is missing by: virsh blockpull MACHINE vda --wait --verbose`
    throw new StateError(`${overlay} is in use: a machine runs on it`, { cause: error, data: { advice } })
  })
}

/** By the node itself where it has everything and may write there, else by reading the disk. */
async function flattenDisk(client: NodeClient, name: string, work: Work): Promise<void> {
  const disk = await client.disks.get(name, { signal: work.signal })
  const format = work.flags.to ?? 'raw'
  if (format === 'raw' && disk.complete && (await isExported(client, disk, work))) return
  await convert([qemuFileName(disk)], { ...work, sizeBytes: disk.size, format })
}

async function isExported(client: NodeClient, disk: DiskObject, work: Work): Promise<boolean> {
  const { target, progress, signal } = work
  try {
    await client.export(
      { reference: imageOf(disk), path: target },
      {
        signal,
        onProgress: ({ bytes, bytesTotal }) =>
          progress.update({ label: 'writing', done: bytes, total: bytesTotal }),
      },
    )
    return true
  } catch (error) {
    // It may write into its export directories alone, and knows the names of images that were pulled.
    if (error instanceof NotAuthorisedError || error instanceof NotFoundError) return false
    throw error
  }
}

/** The file has its name when it is whole. */
async function convert(
  source: readonly string[],
  init: Work & { sizeBytes: number; format: string },
): Promise<void> {
  const { target, progress, signal, sizeBytes, format } = init
  const partial = `${target}.partial`
  const show = (share: number) =>
    progress.update({ label: 'writing', done: Math.floor(share * sizeBytes), total: sizeBytes })
  try {
    const onStdout = readProgress(show)
    await qemuImg(['convert', '-p', '-O', format, ...source, partial], { signal, onStdout })
    // QEMU counts in sectors of 512 bytes; an image may end within one.
    if (format === 'raw') await truncate(partial, sizeBytes)
    await rename(partial, target)
  } finally {
    await rm(partial, { force: true })
  }
}
