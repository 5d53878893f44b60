import { NotAuthorisedError } from '../../src/core/errors.ts'
import type { Namespace } from '../../src/core/reference.ts'

/** What somebody asks to do. */
export type Question =
  | { readonly action: 'read' }
  | { readonly action: 'write'; readonly namespace: Namespace; readonly owner: string | undefined }
  | { readonly action: 'administer' }

export interface Asker {
  /** Distinguished name of a validated certificate. */
  readonly dn: string
}

/** Organizational units by which `bootswarm ca issue` marks the certificates of machines. */
const MACHINE_UNITS: ReadonlySet<string> = new Set(['OU=nodes', 'OU=trackers'])

/**
 * Who may do what: every valid certificate of the site reads; a namespace belongs to whom pushed into it first, and
 * only its owner and admins change it; nodes and trackers change nothing; only admins administer. An admin is who the
 * configuration lists, machines too. Throws NotAuthorisedError for everything else.
 */
export class Policy {
  readonly #admins: ReadonlySet<string>

  constructor(init: { admins: readonly string[] }) {
    this.#admins = new Set(init.admins)
  }

  isAdmin(asker: Asker): boolean {
    return this.#admins.has(asker.dn)
  }

  decide(asker: Asker, question: Question): void {
    if (question.action === 'read' || this.isAdmin(asker)) return
    if (question.action === 'administer')
      throw new NotAuthorisedError(`${asker.dn} is no admin of this tracker`)
    if (isMachine(asker.dn))
      throw new NotAuthorisedError(
        `${asker.dn} is a node or tracker and may not change images: use the certificate of a user`,
      )
    const { namespace, owner } = question
    if (owner !== undefined && owner !== asker.dn) {
      throw new NotAuthorisedError(`${asker.dn} may not change images in the namespace ${namespace}`)
    }
  }
}

/** Slash form: `\\` stands before a `/` or `+` that belongs to a value. */
function isMachine(dn: string): boolean {
  return dn.split(/(?<!\\)[/+]/).some((part) => MACHINE_UNITS.has(part))
}
