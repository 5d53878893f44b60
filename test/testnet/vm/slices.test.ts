import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ownGroup, processorHierarchy } from '../../../testnet/arena/cgroups.ts'
import { openSlices, slicesText } from '../../../testnet/vm/slices.ts'
import { testsThatNeed } from '../../fixtures/programs.ts'

const test = suite('slices')
const hierarchy = processorHierarchy()
const probe = openSlices()
probe?.close()
const withGroups = testsThatNeed(
  test,
  probe === undefined ? 'no control groups for the processor can be made here' : undefined,
)

const groupsOf = (pid: number) => readFileSync(`/proc/${pid}/cgroup`, 'utf8')

withGroups('guests are in groups of their own, this process beside them, and nothing is left', async () => {
  if (hierarchy === undefined) return assert.unreachable('no hierarchy')
  const before = ownGroup(hierarchy)
  const slices = openSlices({ guestCores: 0.25 })
  if (slices === undefined) return assert.unreachable('no slices')
  const own = ownGroup(hierarchy)
  const guest = spawn('sleep', ['60'])
  try {
    assert.match(own, /system$/)
    assert.match(slicesText(slices), /daemons get 10 times.*0\.25 of a core/)
    assert.match(groupsOf(guest.pid ?? 0), /bsa-\S+\/system$/m, 'what it starts is with it')
    slices.admit(guest.pid ?? 0)
    assert.match(groupsOf(guest.pid ?? 0), /bsa-\S+\/machines\/guest-1$/m)
    const quota =
      hierarchy.version === 2
        ? readFileSync(join(own, '../machines/guest-1/cpu.max'), 'utf8')
        : readFileSync(join(own, '../machines/guest-1/cpu.cfs_quota_us'), 'utf8')
    assert.match(quota, /^2500\b/)
  } finally {
    guest.kill('SIGKILL')
    await once(guest, 'exit')
    slices.close()
  }
  assert.is(ownGroup(hierarchy), before)
  assert.not(existsSync(join(own, '..')))
})

test('without them, that is said', () => {
  assert.match(slicesText(undefined), /no control groups can be made here/)
})

test.run()
