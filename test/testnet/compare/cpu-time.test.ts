import { spawnSync } from 'node:child_process'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { descendantsCpuSeconds } from '../../../testnet/compare/cpu-time.ts'
import { testsThatNeed } from '../../fixtures/programs.ts'

const onLinux = testsThatNeed(test, process.platform === 'linux' ? undefined : '/proc is of Linux')

onLinux('what a child of a child spent counts, also when both have ended', () => {
  const before = descendantsCpuSeconds()
  const burn = 'const end = process.cpuUsage().user + 3e5; while (process.cpuUsage().user < end);'
  spawnSync('sh', ['-c', '"$0" -e "$1"; true', process.execPath, burn])
  const spent = descendantsCpuSeconds() - before
  assert.ok(spent >= 0.29 && spent < 5, `${spent} s`)
})

test.run()
