import { writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { withTracker } from './connect.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, printList } from './output.ts'
import { addSettingOptions, type SettingFlags, TRACKER_KEYS } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { changesOf, parsePlace } from './signed/acl-text.ts'
import { verifyAclChain } from './signed/chain.ts'
import { chainText } from './signed/files.ts'

type Flags = FormatFlags & SettingFlags & { readonly out?: string }

export function addAclHistory(acl: Command, shell: Shell): void {
  const command = acl
    .command('history')
    .argument('<place>', 'a namespace, or an image namespace/name')
    .description('list every version of an ACL, newest first, after checking all signatures')
    .option('--out <file>', 'also write the signed versions to a file, for acl verify')
  addFormatOption(command)
  addSettingOptions(command, TRACKER_KEYS)
  teach(command, [
    ['bootswarm acl history site/debian', 'who changed what, and when'],
    ['bootswarm acl history site --out site-acl.jws', 'keep it, to be verified without the tracker'],
  ])
  command.action((text: string, flags: Flags) =>
    interruptible('nothing was changed', async (signal) => {
      const place = parsePlace(text)
      await withTracker(shell, flags, async ({ client, identity, name }) => {
        const tokens = await client.signed.aclChain(place, { signal })
        const judge = { trust: identity.trust, name, nowMs: shell.clock.now() }
        const { statements } = await verifyAclChain(tokens, judge)
        if (flags.out !== undefined) await writeFile(flags.out, chainText(tokens))
        const rows = statements.map(({ statement }, i) => {
          const { version, author, iat } = statement
          const changes = changesOf(statements[i - 1]?.statement, statement)
          return { version, time: new Date(iat * 1000).toISOString(), author, changes }
        })
        printList(shell, rows.reverse(), {
          ...flags,
          columns: [
            { title: 'version', cell: (row) => `${row.version}`, right: true },
            { title: 'time', cell: (row) => row.time },
            { title: 'change', cell: (row) => row.changes.join(' ') },
            { title: 'by', cell: (row) => row.author },
          ],
          name: (row) => `${row.version}`,
        })
      })
    }),
  )
}
