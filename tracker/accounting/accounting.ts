import type { Clock } from '../../src/core/clock.ts'
import type { Log } from '../../src/core/log.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { AccessCounter } from './access-counter.ts'
import { type QuotaCheck, QuotaMeter } from './quota-meter.ts'

export interface Accounting {
  /** Counts who asks for the bytes of an image. */
  readonly accesses: Pick<AccessCounter, 'count'>
  readonly quota: QuotaCheck
}

/** What counts; `opened` writes the rest down at the end. */
export function openAccounting(components: {
  opened: AsyncDisposableStack
  catalog: Catalog
  clock: Clock
  log: Log
}): Accounting {
  const { opened, catalog, clock, log } = components
  const counter = new AccessCounter({ accesses: catalog.accesses, clock, log })
  const accesses = opened.adopt(counter, () => counter.stop())
  return { accesses, quota: new QuotaMeter({ usage: catalog.usage, clock }) }
}
