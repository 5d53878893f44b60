import type { Command } from 'commander'
import type { AclView } from '../api/acl-schemas.ts'
import type { AclPlace } from '../api/signed-client.ts'
import { ACL_TYPE, type Acl, parseAcl } from '../core/acl.ts'
import { SignatureError } from '../core/errors.ts'
import { verifyJws } from '../identity/jws.ts'
import { type TrackerSession, withTracker } from './connect.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, printItem } from './output.ts'
import { addSettingOptions, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { formatEntry, formatPlace, parsePlace } from './signed/acl-text.ts'
import { formatFacts } from './table.ts'

type Flags = FormatFlags & SettingFlags

export function addAclShow(acl: Command, shell: Shell): void {
  const command = acl
    .command('show')
    .argument('<place>', 'a namespace, or an image namespace/name')
    .description('show who may do what')
  addFormatOption(command)
  addSettingOptions(command, TRACKER_KEYS)
  teach(command, [
    ['bootswarm acl show site', 'of a namespace, which holds for every image in it'],
    ['bootswarm acl show site/debian -o json', 'of one image, with the signed text'],
  ])
  command.action((text: string, flags: Flags) =>
    interruptible('nothing was changed', async (signal) => {
      const place = parsePlace(text)
      await withTracker(shell, flags, async (session) => {
        const view = await session.client.signed.acl(place, { signal })
        await openAcl(session, view, { place, nowMs: shell.clock.now() })
        printAcl(shell, view, { place, flags })
      })
    }),
  )
}

/**
 * What the tracker has signed of an ACL, which must be what it answers. Errors: SignatureError, CertificateError,
 * InvalidError.
 */
export async function openAcl(
  { identity, name }: TrackerSession,
  view: AclView,
  { place, nowMs }: { place: AclPlace; nowMs: number },
): Promise<Acl> {
  const { claims } = await verifyJws(view.token, { trust: identity.trust, typ: ACL_TYPE, nowMs, host: name })
  const acl = parseAcl(claims)
  const same =
    acl.namespace === place.namespace &&
    acl.name === (place.name ?? null) &&
    acl.version === view.version &&
    JSON.stringify(acl.entries) === JSON.stringify(view.entries) &&
    JSON.stringify(acl.owner) === JSON.stringify(view.owner)
  if (same) return acl
  throw new SignatureError(`the tracker answers something else of ${formatPlace(place)} than it has signed`)
}

export function printAcl(
  shell: Shell,
  view: AclView,
  { place, flags }: { place: AclPlace; flags: FormatFlags },
): void {
  const { token: _, statements: __, next: ___, ...rest } = view
  const item = flags.format === 'json' || flags.format === 'yaml' ? { ...rest, token: view.token } : rest
  printItem(shell, item, {
    ...flags,
    text: (one) => describe(one, place),
    name: ({ version }) => `${version}`,
  })
}

function describe(
  view: Pick<AclView, 'owner' | 'entries' | 'version' | 'author' | 'time'>,
  place: AclPlace,
): string {
  const { owner, entries, version, author, time } = view
  return formatFacts([
    [place.name === undefined ? 'namespace' : 'image', formatPlace(place)],
    ['owner', `${owner.kind}:${owner.subject}`],
    ...entries.map((entry, i) => [i === 0 ? 'entries' : '', formatEntry(entry)] as const),
    ['version', `${version}, ${time}`],
    ['by', author],
  ])
}
