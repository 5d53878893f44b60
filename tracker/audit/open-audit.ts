import { join } from 'node:path'
import type { Clock } from '../../src/core/clock.ts'
import type { Log } from '../../src/core/log.ts'
import { AUDIT_ROTATE_BYTES } from '../../src/core/registry-limits.ts'
import { onHangup } from '../../src/util/signals.ts'
import { AuditLog } from './audit-log.ts'

/**
 * The audit log in `dataDir/audit`, from the start of a tracker to its end; SIGHUP opens its file again. Errors: those of
 * AuditLog.open.
 */
export async function openAudit(
  components: { opened: AsyncDisposableStack; clock: Clock; log: Log },
  init: { dataDir: string; dn: string },
): Promise<AuditLog> {
  const { opened, clock, log } = components
  const { dn, dataDir } = init
  const audit = await AuditLog.open(
    { clock, log },
    { dir: join(dataDir, 'audit'), rotateBytes: AUDIT_ROTATE_BYTES },
  )
  audit.write({ action: 'tracker.started', result: 'done', dn })
  opened.defer(async () => {
    audit.write({ action: 'tracker.stopped', result: 'done', dn })
    await audit.close()
  })
  opened.defer(onHangup(() => void audit.reopen()))
  return audit
}
