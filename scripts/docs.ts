/** Writes docs/limits.md and docs/errors.md from the sources; `npm run docs`. The tidy test compares them. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as diskLimits from '../src/core/disk-limits.ts'
import { ERROR_TABLE } from '../src/core/errors.ts'
import * as limits from '../src/core/limits.ts'
import * as registryLimits from '../src/core/registry-limits.ts'
import { DEFAULT_HOST_LIMITS } from '../src/p2p/host-limits.ts'

process.chdir(join(import.meta.dirname, '..'))

/** The doc comment above each constant, by name. */
function reasons(path: string): Map<string, string> {
  const text = readFileSync(path, 'utf8')
  const pairs = text.matchAll(/\/\*\*((?:[^*]|\*(?!\/))*)\*\/\nexport const ([A-Z0-9_]+) =/g)
  return new Map(
    [...pairs].map(([, reason = '', name = '']) => [name, reason.replace(/\s*\n\s*\*?\s*/g, ' ').trim()]),
  )
}

/** The doc comment above each limit of the libp2p host, or above the group that it stands in. */
function hostReasons(): [string, string][] {
  const text = readFileSync('src/p2p/host-limits.ts', 'utf8')
  const body = text.slice(text.indexOf('export interface HostLimits'), text.indexOf('\n}\n'))
  const rows: [string, string][] = []
  let why = ''
  for (const [, reason, name] of body.matchAll(/\/\*\*((?:[^*]|\*(?!\/))*)\*\/|readonly (\w+): number/g)) {
    if (name === undefined) why = (reason ?? '').replace(/\s*\n\s*\*?\s*/g, ' ').trim()
    else rows.push([name, why])
  }
  return rows
}

function limitsPage(): string {
  // In the order of the file, where neighbours belong together; an import gives them by name.
  const values: Record<string, number> = { ...limits, ...diskLimits, ...registryLimits }
  const rowsOf = (path: string) =>
    [...reasons(path)].map(
      ([name, why]) => `| \`${name}\` | ${values[name]?.toLocaleString('en')} | ${why} |`,
    )
  const hostValues: Record<string, number> = { ...DEFAULT_HOST_LIMITS }
  const hostRows = hostReasons().map(
    ([name, why]) => `| \`${name}\` | ${hostValues[name]?.toLocaleString('en')} | ${why} |`,
  )
  return `# Limits

Everything that a remote can make us do has a bound in bytes, count or time. Those of Bootswarm's own protocols and formats are
constants of [src/core/limits.ts](../src/core/limits.ts), for disks of [src/core/disk-limits.ts](../src/core/disk-limits.ts) and, for the registry, of
[src/core/registry-limits.ts](../src/core/registry-limits.ts); those of the libp2p host below them, connections, streams, buffers and the DHT,
are in [src/p2p/host-limits.ts](../src/p2p/host-limits.ts). Figures that only shape our own work, sizes of
batches and numbers of workers, stay beside the code that they shape. The last word of a name is its unit, or the figure is a count. This page is
written by \`npm run docs\`; a test compares the two. Exceeding a bound is \`E_LIMIT\`, \`E_BUSY\` or \`E_TIMEOUT\`
([errors](errors.md)), or the peer is dropped.

| limit | value | why |
|---|---:|---|
${rowsOf('src/core/limits.ts').join('\n')}

## Limits of disks

| limit | value | why |
|---|---:|---|
${rowsOf('src/core/disk-limits.ts').join('\n')}

## Limits of the registry

| limit | value | why |
|---|---:|---|
${rowsOf('src/core/registry-limits.ts').join('\n')}

## Limits of the libp2p host

| limit | value | why |
|---|---:|---|
${hostRows.join('\n')}
`
}

function errorsPage(): string {
  const rows = Object.entries(ERROR_TABLE).map(
    ([code, { http, exit, meaning }]) => `| \`${code}\` | ${http} | ${exit} | ${meaning} |`,
  )
  return `# Errors

Every failure is one of these. The tracker and the node answer with a problem document (RFC 9457,
\`application/problem+json\`) that carries the code; the command line prints one line, says what to do and ends with the
exit code. Switch on codes, never on messages. \`data\` of a problem holds facts for a program: names, sizes, limits.
The table is [src/core/errors.ts](../src/core/errors.ts), written by \`npm run docs\`; a test compares the two.

| code | HTTP status | exit code | meaning |
|---|---:|---:|---|
${rows.join('\n')}

An error that Bootswarm does not recognise is never translated into one of these: the command line prints it as it is
and ends with 1, the tracker logs it and answers \`E_INTERNAL\`.

\`bootswarm help exit-codes\` prints the exit codes with what they mean. 0 is success, 130 is Ctrl-C.
\`--debug\` prints where an error comes from and what caused it.
`
}

writeFileSync('docs/limits.md', limitsPage())
writeFileSync('docs/errors.md', errorsPage())
