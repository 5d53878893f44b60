import { suite } from 'uvu'
import { testsThatNeed } from '../fixtures/programs.ts'
import { accessTests } from './catalog/access.ts'
import { accountRaceTests } from './catalog/account-races.ts'
import { accountingTests } from './catalog/accounting.ts'
import { accountTests } from './catalog/accounts.ts'
import { imageTests } from './catalog/images.ts'
import { mixTests } from './catalog/mix.ts'
import { namespaceTests } from './catalog/namespaces.ts'
import { nodeTests } from './catalog/nodes.ts'
import { placementTests } from './catalog/placements.ts'
import { profileTests } from './catalog/profiles.ts'
import { queryTests } from './catalog/queries.ts'
import { raceTests } from './catalog/races.ts'
import { sketchTests } from './catalog/sketches.ts'
import type { CatalogUnderTest, On } from './catalog/steps.ts'
import { trackerTests } from './catalog/trackers.ts'
import { uploadTests } from './catalog/uploads.ts'
import { userTests } from './catalog/users.ts'

export interface CatalogBackend {
  readonly name: string
  /** Why it cannot be tested here. */
  readonly missing?: string | undefined
  open(): Promise<CatalogUnderTest>
  end?(): Promise<void>
}

/** What every catalog does, whatever it is kept in. */
export function testCatalog(backend: CatalogBackend): void {
  const { name, missing } = backend
  const test = suite(`${name}, as every catalog`)
  const declare = testsThatNeed(test, missing)
  const on: On = (title, body) =>
    declare(title, async () => {
      const it = await backend.open()
      try {
        await body(it)
      } finally {
        await it.close()
      }
    })
  for (const tests of [
    imageTests,
    uploadTests,
    namespaceTests,
    userTests,
    accountTests,
    accountRaceTests,
    accountingTests,
    nodeTests,
    placementTests,
    sketchTests,
    profileTests,
    accessTests,
    trackerTests,
    queryTests,
    raceTests,
    mixTests,
  ])
    tests(on)
  if (missing === undefined) test.after(async () => await backend.end?.())
  test.run()
}
