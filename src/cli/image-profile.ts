import type { Command } from 'commander'
import type { HandedIn } from '../api/disk-schemas.ts'
import type { ProfileView } from '../api/profile-schemas.ts'
import {
  BOOT_PROFILE_TYPE,
  type BootProfileStatement,
  type BootRead,
  checkBootProfile,
  parseBootProfile,
} from '../core/boot-profile.ts'
import type { ImageRecord } from '../core/record.ts'
import { formatReference, parseReference } from '../core/reference.ts'
import { verifyJws } from '../identity/jws.ts'
import { type TrackerSession, withNode, withTracker } from './connect.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, printItem } from './output.ts'
import { fetchRecord } from './records.ts'
import { addSettingOptions, NODE_KEYS, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { type Column, formatFacts, formatTable } from './table.ts'
import { formatBytes, formatSeconds } from './units.ts'

type Flags = FormatFlags & SettingFlags

/** A verified profile; the data of `-o json`. */
interface Shown extends ProfileView {
  readonly reference: string
  /** Bytes of the image. */
  readonly size: number
}

/** Reads that a person is shown. */
const FIRST_READS = 20

const READS: readonly Column<BootRead>[] = [
  { title: 'after', cell: ([, , ms]) => `${(ms / 1000).toFixed(3)} s`, right: true },
  { title: 'offset', cell: ([offset]) => String(offset), right: true },
  { title: 'length', cell: ([, length]) => String(length), right: true },
  { title: 'bytes', cell: ([, length]) => formatBytes(length), right: true },
]

export function addImageProfile(image: Command, shell: Shell): void {
  const profile = image
    .command('profile')
    .description('what machines read while they boot from an image: nodes fetch it first')
  addShow(profile, shell)
  addRecord(profile, shell)
  addDrop(profile, shell)
}

function addShow(profile: Command, shell: Shell): void {
  const command = profile
    .command('show')
    .argument('<image>', 'namespace/name, with :tag or @version')
    .description('show the boot profile of an image version, and verify who signed it')
  addFormatOption(command)
  addSettingOptions(command, TRACKER_KEYS)
  teach(command, [
    ['bootswarm image profile show site/debian:12', 'how much a boot reads, and what first'],
    ['bootswarm image profile show site/debian:12 -o json', 'every read: offset, length, milliseconds'],
  ])
  command.action((text: string, flags: Flags) =>
    interruptible('nothing was changed', async (signal) => {
      const asked = parseReference(text)
      const nowMs = shell.clock.now()
      const shown = await withTracker(shell, flags, async (session): Promise<Shown> => {
        const { record } = await fetchRecord(session, asked, { signal, nowMs })
        const { namespace, name, version, size } = record
        const view = await session.client.profiles.get({ namespace, name, version }, { signal })
        const { recordings, bytes, updated } = await verify(view, { session, record, nowMs })
        const updatedAt = new Date(updated * 1000).toISOString()
        const reference = formatReference({ namespace, name, version })
        return { reference, size, ...view, recordings, bytes, updatedAt }
      })
      printItem(shell, shown, { ...flags, text: describe, name: ({ reference }) => reference })
    }),
  )
}

/** What the tracker has signed of a profile, which must be of this version. Errors: SignatureError, CertificateError, InvalidError. */
async function verify(
  { token, reads }: ProfileView,
  { session, record, nowMs }: { session: TrackerSession; record: ImageRecord; nowMs: number },
): Promise<BootProfileStatement> {
  const { identity, name: host } = session
  const { claims } = await verifyJws(token, { trust: identity.trust, typ: BOOT_PROFILE_TYPE, nowMs, host })
  const statement = parseBootProfile(claims)
  checkBootProfile(statement, { ...record, reads })
  return statement
}

function describe({ reference, manifest, recordings, bytes, size, reads, updatedAt }: Shown): string {
  const facts = formatFacts([
    ['image', reference],
    ['manifest', manifest],
    ['recordings', `${recordings}, the last at ${updatedAt}`],
    ['covers', `${formatBytes(bytes)} of ${formatBytes(size)} in ${reads.length} reads`],
  ])
  const more = reads.length - FIRST_READS
  const rest = more > 0 ? `and ${more} more: -o json has all\n` : ''
  return `${facts}\n${formatTable(READS, reads.slice(0, FIRST_READS))}${rest}`
}

function addRecord(profile: Command, shell: Shell): void {
  const command = profile
    .command('record')
    .argument('<disk>', 'of this node, whose machine is up: bootswarm disk ls')
    .description('hand in what a machine has read of a disk while it booted, before two minutes are over')
  addFormatOption(command)
  addSettingOptions(command, NODE_KEYS)
  teach(command, [
    [
      'bootswarm image profile record site-debian-3',
      'as soon as its machine is up; nodes do it by themselves later',
    ],
    ['bootswarm disk attach site/debian:12 --overlay vm.qcow2', 'what is read from here on is recorded'],
  ])
  command.action((name: string, flags: Flags) =>
    interruptible('run it again', (signal) =>
      withNode(shell, flags, async (client) => {
        const recorded = await client.disks.recordBoot(name, { signal })
        const text = ({ reads, bytes, durationMs }: HandedIn) =>
          `handed in ${reads} reads of ${formatBytes(bytes)} in ${formatSeconds(durationMs / 1000)}\n`
        printItem(shell, recorded, { ...flags, text, name: () => name })
      }),
    ),
  )
}

function addDrop(profile: Command, shell: Shell): void {
  const command = profile
    .command('drop')
    .argument('<image>', 'namespace/name, with :tag or @version')
    .description('forget the boot profile of an image version; the next boots make another')
  addSettingOptions(command, TRACKER_KEYS)
  teach(command, [
    ['bootswarm image profile drop site/debian:12', 'where machines boot otherwise than they did'],
  ])
  command.action((text: string, flags: SettingFlags) =>
    interruptible('run it again', async (signal) => {
      const asked = parseReference(text)
      await withTracker(shell, flags, ({ client }) => client.profiles.drop(asked, { signal }))
      shell.terminal.stderr.write(`dropped the boot profile of ${formatReference(asked)}\n`)
    }),
  )
}
