import type { TamperedError } from '../../src/core/errors.ts'
import type { Log } from '../../src/core/log.ts'

/** What happens when something signed was found changed: it is logged and counted, each time that it is asked for. */
export function tamperAlarm(components: {
  log: Log
  metrics: { tampered: { inc(): void } }
}): (error: TamperedError) => void {
  return (error) => {
    components.metrics.tampered.inc()
    components.log.error({ ...error.data }, error.message)
  }
}
