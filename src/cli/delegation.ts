import type { Command } from 'commander'
import type { NodeClient } from '../api/node-client.ts'
import { DELEGATION_TYPE, type Delegation } from '../core/delegation.ts'
import { UsageError } from '../core/errors.ts'
import { DELEGATION_LIFETIME_S_MAX } from '../core/limits.ts'
import { parseReference } from '../core/reference.ts'
import { signJws } from '../identity/jws.ts'
import { withTracker } from './connect.ts'
import type { SettingFlags } from './settings.ts'
import type { Shell } from './shell.ts'

export interface DelegateFlags {
  readonly delegate?: true
  readonly delegateFor: string
}

/** Options of commands by which a node fetches an image. */
export function addDelegateOptions(command: Command): void {
  command
    .option('--delegate', 'let the node fetch it by your right to read it, not by its own')
    .option('--delegate-for <hours>', 'how long the node may, at most until your proxy ends', '24')
}

/**
 * Signs with the certificate or proxy of the settings that the node of this machine may fetch an image, if the flags say so. Errors: UsageError, those of the node and of the
 * settings.
 */
export async function delegationFor(
  shell: Shell,
  client: NodeClient,
  call: { text: string; flags: SettingFlags & DelegateFlags; signal: AbortSignal },
): Promise<{ delegation?: string }> {
  const { text, flags, signal } = call
  if (flags.delegate !== true) return {}
  const hours = Number(flags.delegateFor)
  if (!(hours > 0 && hours <= DELEGATION_LIFETIME_S_MAX / 3600))
    throw new UsageError(
      `--delegate-for takes more than 0 and up to ${DELEGATION_LIFETIME_S_MAX / 3600} hours`,
    )
  const { principal: node } = await client.status({ signal })
  return await withTracker(shell, flags, async ({ identity, name }) => {
    const iat = Math.floor(shell.clock.now() / 1000)
    const exp = Math.min(iat + Math.ceil(hours * 3600), Math.floor(identity.principal.notAfterMs / 1000))
    const { namespace, name: image } = parseReference(text)
    const claims: Delegation = { node, namespace, name: image, aud: name, iat, exp }
    return { delegation: await signJws(identity, { ...claims }, { typ: DELEGATION_TYPE }) }
  })
}
