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

/** Daemons run for months beside virtual machines that want the memory: see docs/decisions/0004-memory.md. */
const DAEMON_FLAGS = ['--optimize-for-size']
const DAEMON_ENV = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '131072',
  MALLOC_TRIM_THRESHOLD_: '131072',
}

function isDaemon() {
  const noun = process.argv[2]
  return (noun === 'node' || noun === 'tracker') && process.argv[3] === 'serve'
}

/** Keeps what type stripping and compiling made; never in a folder that others could write to. */
function compileCache() {
  const home = process.env.XDG_CACHE_HOME || (process.env.HOME && join(process.env.HOME, '.cache'))
  return home ? { NODE_COMPILE_CACHE: join(home, 'bootswarm', 'compiled') } : {}
}

/** Becomes the same program with other flags and environment: malloc and V8 read them only at the start. */
function replaceSelf(flags, env) {
  const args = [process.execPath].concat(process.execArgv, flags, [fileURLToPath(import.meta.url)])
  process.removeAllListeners('warning')
  process.execve(
    process.execPath,
    args.concat(process.argv.slice(2)),
    Object.assign({}, env, process.env, TUNED),
  )
}

const TUNED = { BOOTSWARM_TUNED: '1' }

function fail(message) {
  process.stderr.write('bootswarm: ' + message + '\n')
  process.exit(1)
}

if (isNew && isDaemon() && process.execve && !process.env.BOOTSWARM_TUNED) {
  replaceSelf(DAEMON_FLAGS, Object.assign({}, DAEMON_ENV, compileCache()))
} else if (isNew) {
  delete process.env.BOOTSWARM_RUNTIME
  delete process.env.BOOTSWARM_TUNED
  import(pathToFileURL(entryPath()).href).catch((error) => fail((error && error.stack) || String(error)))
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
