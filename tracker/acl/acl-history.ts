import type { Acl, AclEntry } from '../../src/core/acl.ts'
import type { Db } from '../catalog/db.ts'
import { writeHistory } from '../catalog/history-catalog.ts'

/** Puts into the history of an image with whom it is shared from now on, and with whom no longer. */
export async function tellShares(trx: Db, init: { before: Acl; acl: Acl; nowMs: number }): Promise<void> {
  const { before, acl, nowMs } = init
  const { namespace, name, target, author } = acl
  if (name === null) return
  const image = { uuid: target.slice('image:'.length), namespace, name }
  const by = { author, nowMs }
  const said = new Map(before.entries.map((entry) => [keyOf(entry), entry.right]))
  const says = new Set(acl.entries.map(keyOf))
  for (const entry of acl.entries) {
    const { kind, subject, right } = entry
    if (said.get(keyOf(entry)) === right) continue
    await writeHistory(trx, image, { ...by, action: 'shared', details: { kind, subject, right } })
  }
  for (const entry of before.entries) {
    const { kind, subject } = entry
    if (says.has(keyOf(entry))) continue
    await writeHistory(trx, image, { ...by, action: 'unshared', details: { kind, subject } })
  }
}

const keyOf = ({ kind, subject }: AclEntry) => `${kind} ${subject}`
