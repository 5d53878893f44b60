import type { Static } from '@sinclair/typebox'
import type { GcAnswer } from '../../src/api/tracker-schemas.ts'
export interface Collector {
  collect(): Promise<Static<typeof GcAnswer>>
}
