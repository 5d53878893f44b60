import { type Command, Option } from 'commander'
import type { AclView } from '../api/acl-schemas.ts'
import type { AclPlace, SignedClient } from '../api/signed-client.ts'
import type { CallOptions } from '../core/blockstore.ts'
import { UsageError } from '../core/errors.ts'
import { openAcl, printAcl } from './acl-show.ts'
import { withTracker } from './connect.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags } from './output.ts'
import { addSettingOptions, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { parseEntry, parsePlace, parseRight, parseSubject } from './signed/acl-text.ts'

type Flags = FormatFlags & SettingFlags & { readonly ifVersion?: number }

const PLACE = ['<place>', 'a namespace, or an image namespace/name'] as const
const SUBJECT = ['<subject>', 'user:NAME, group:NAME, node:NAME or anyone'] as const

/** `acl grant`, `acl revoke` and `acl set`. */
export function addAclChanges(acl: Command, shell: Shell): void {
  const grant = changing(acl, 'grant', 'give somebody a right: read, write (with read) or admin (with both)')
    .argument(...SUBJECT)
    .argument('<right>', 'read, write or admin; in the place of the one that there is')
  teach(grant, [
    ['bootswarm acl grant site/debian user:bob read', 'share an image'],
    ['bootswarm acl grant site group:nodes read', 'let every enrolled node fetch all images of a namespace'],
  ])
  grant.action((...[place, subject, right, flags]: [string, string, string, Flags]) => {
    const entry = { ...parseSubject(subject), right: parseRight(right) }
    return change(shell, place, {
      flags,
      call: (to, init) => to.changeAcl(init.place, { ...init, entry }, init),
    })
  })
  const revoke = changing(acl, 'revoke', 'take the right of somebody away').argument(...SUBJECT)
  teach(revoke, [['bootswarm acl revoke site/debian user:bob', 'in force at the tracker at once']])
  revoke.action((place: string, subject: string, flags: Flags) => {
    const entry = { ...parseSubject(subject), right: 'none' as const }
    return change(shell, place, {
      flags,
      call: (to, init) => to.changeAcl(init.place, { ...init, entry }, init),
    })
  })
  const set = changing(acl, 'set', 'write all entries anew').argument(
    '[entries...]',
    'user:bob=read and so on; none: only the owner',
  )
  teach(set, [['bootswarm acl set site/debian user:bob=write anyone=read', 'these two, and nobody else']])
  set.action((place: string, texts: string[], flags: Flags) => {
    const entries = texts.map(parseEntry)
    return change(shell, place, {
      flags,
      call: (to, init) => to.setAcl(init.place, { ...init, entries }, init),
    })
  })
}

function changing(acl: Command, name: string, meaning: string): Command {
  const command = acl
    .command(name)
    .argument(...PLACE)
    .description(meaning)
    .addOption(
      new Option('--if-version <number>', 'only if this is the version that there is').argParser(versionOf),
    )
  addFormatOption(command)
  addSettingOptions(command, TRACKER_KEYS)
  return command
}

function versionOf(text: string): number {
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text)
  throw new UsageError('--if-version is the number of a version, as acl show prints it')
}

type Init = CallOptions & { readonly place: AclPlace; readonly version: number | undefined }

async function change(
  shell: Shell,
  text: string,
  { flags, call }: { flags: Flags; call: (to: SignedClient, init: Init) => Promise<AclView> },
): Promise<void> {
  const place = parsePlace(text)
  await interruptible('look with acl show whether it was done', (signal) =>
    withTracker(shell, flags, async (session) => {
      const view = await call(session.client.signed, { place, version: flags.ifVersion, signal })
      await openAcl(session, view, { place, nowMs: shell.clock.now() })
      printAcl(shell, view, { place, flags })
    }),
  )
}
