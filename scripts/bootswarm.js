#!/usr/bin/env node
// Start of every Bootswarm program, in JavaScript that any Node.js from 12 on can read: finds a runtime that is
// new enough and hands over to bootswarm.ts (or, in an installed package, to its compiled form in dist/).

import { spawn } from 'child_process'
import { existsSync } from 'fs'
import { constants } from 'os'
import { dirname, join, sep } from 'path'
import { fileURLToPath, pathToFileURL } from 'url'

const MAJOR_MIN = 24
const here = dirname(fileURLToPath(import.meta.url))
const isNew = Number(process.versions.node.split('.')[0]) >= MAJOR_MIN

/** Type stripping does not reach into node_modules, so an installed package runs what `npm run build` made. */
function entryPath() {
  const installed = here.split(sep).indexOf('node_modules') >= 0
  const source = join(here, 'bootswarm.ts')
  return !installed && existsSync(source) ? source : join(here, '..', 'dist', 'scripts', 'bootswarm.js')
}

/** The Node.js that the package `node` brought, in our own node_modules or beside us. */
function ownRuntime() {
  const places = [join(here, '..', 'node_modules'), join(here, '..', '..')]
  for (const place of places) {
    const path = join(place, 'node', 'bin', 'node')
    if (existsSync(path)) return path
  }
  return undefined
}

function handOver(runtime) {
  const args = process.execArgv.concat([fileURLToPath(import.meta.url)], process.argv.slice(2))
  const child = spawn(runtime, args, {
    stdio: 'inherit',
    env: Object.assign({}, process.env, { BOOTSWARM_RUNTIME: runtime }),
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    // A terminal sends SIGINT to the child as well; a second one would mean "at once".
    process.on(signal, () => (signal !== 'SIGINT' || !process.stdin.isTTY ? child.kill(signal) : undefined))
  }
  child.on('error', (error) => fail('cannot start ' + runtime + ': ' + error.message))
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code))
}

/**
 * Settings that V8 and malloc read only at the start (docs/decisions/0005-memory.md). A node runs for months beside virtual
 * machines that want the memory. BUFFERS_COUNT: without it every 32 MB of buffers start a collection of everything.
 */
const BUFFERS_COUNT = '--external-memory-accounted-in-global-limit'
/** Waking helpers for a semi-space of 1 MiB costs more than it saves (docs/decisions/0014-entry.md). */
const ONE_SCAVENGER = '--no-parallel-scavenge'
/** By the first two words of the command line. */
const FLAGS = {
  'node serve': [
    '--max-semi-space-size=2',
    '--max-old-space-size=256',
    '--heap-growing-percent=20',
    BUFFERS_COUNT,
    ONE_SCAVENGER,
  ],
  // Without a step that is said, buffers and heap grow to four times what is in use before somebody looks.
  'tracker serve': ['--max-semi-space-size=2', '--heap-growing-percent=40', BUFFERS_COUNT],
  // Ten thousand nodes take 6 GB (docs/benchmarks/simulator.md).
  'testnet sim': ['--max-old-space-size=16000'],
}
const MALLOC = {
  'node serve': {
    MALLOC_ARENA_MAX: '1',
    MALLOC_MMAP_THRESHOLD_: '1048576',
    MALLOC_TRIM_THRESHOLD_: '8388608',
  },
  // What a tracker reads and sends is used again: new memory for each run took half of its system time (docs/decisions/0013).
  'tracker serve': {
    MALLOC_ARENA_MAX: '1',
    MALLOC_MMAP_THRESHOLD_: '2097152',
    MALLOC_TRIM_THRESHOLD_: '8388608',
  },
}
const TUNED = { BOOTSWARM_TUNED: '1' }

/** Keeps what type stripping and compiling made; never in a folder that others could write to. */
function compileCacheDir() {
  const home = process.env.XDG_CACHE_HOME || (process.env.HOME && join(process.env.HOME, '.cache'))
  return process.env.NODE_COMPILE_CACHE || (home && join(home, 'bootswarm', 'compiled'))
}

/** What the cache holds stays in memory beside what is made of it: 13 MB of a daemon. Only that types are stripped once is worth that to one that runs for months. */
function hasUseOfCache(command) {
  return !MALLOC[command] || entryPath().endsWith('.ts')
}

/** Becomes the same program with other flags and environment. */
function replaceSelf(flags, env) {
  const args = [process.execPath].concat(process.execArgv, flags, [fileURLToPath(import.meta.url)])
  process.removeAllListeners('warning')
  process.execve(
    process.execPath,
    args.concat(process.argv.slice(2)),
    Object.assign({}, env, process.env, TUNED),
  )
}

function run() {
  const command = process.argv.slice(2, 4).join(' ')
  const flags = FLAGS[command]
  const cache = hasUseOfCache(command) ? compileCacheDir() : undefined
  // Node.js would take it from there by itself: the unit of a service says it for those that run from sources.
  if (!cache) delete process.env.NODE_COMPILE_CACHE
  if (flags && process.execve && !process.env.BOOTSWARM_TUNED) {
    replaceSelf(flags, Object.assign({}, MALLOC[command], cache ? { NODE_COMPILE_CACHE: cache } : {}))
  }
  delete process.env.BOOTSWARM_RUNTIME
  delete process.env.BOOTSWARM_TUNED
  return import('module').then((module) => {
    if (cache) module.enableCompileCache(cache)
    return import(pathToFileURL(entryPath()).href)
  })
}

function fail(message) {
  process.stderr.write('bootswarm: ' + message + '\n')
  process.exit(1)
}

if (isNew) {
  run().catch((error) => fail((error && error.stack) || String(error)))
} else if (process.env.BOOTSWARM_RUNTIME) {
  fail(
    process.env.BOOTSWARM_RUNTIME +
      ' is Node.js ' +
      process.version +
      ', not ' +
      MAJOR_MIN +
      ' or newer: run `npm install` again.',
  )
} else {
  const runtime = ownRuntime()
  if (runtime) handOver(runtime)
  else {
    fail(
      'needs Node.js ' +
        MAJOR_MIN +
        ' or newer, and this is ' +
        process.version +
        '.\n' +
        'Either run `npm install` in ' +
        join(here, '..') +
        ', which brings one for Bootswarm alone,\n' +
        'or install Node.js ' +
        MAJOR_MIN +
        ' from https://nodejs.org/ and start again.',
    )
  }
}
