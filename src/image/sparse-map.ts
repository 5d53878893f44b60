import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** Bytes from `start` up to, not including, `end`. */
export interface Range {
  readonly start: number
  readonly end: number
}

/** Time for finding holes. They only save reading zeros, so what is not found in time is read. */
const TIMEOUT_MS = 60_000
/** Ranges at most, 16 MB of them; what lies behind the last is read as data. */
const RANGES_MAX = 262_144
/** Shorter holes are read: a read costs less than a range. */
const HOLE_BYTES_MIN = 65_536

/**
 * Node.js has no lseek, but every Debian has Perl and most other machines Python: one of them walks over the file, which
 * it gets as its standard input, with SEEK_DATA (3) and SEEK_HOLE (4). Lines `start end` of data in order, then `end`.
 */
const FINDERS: readonly (readonly [command: string, ...args: string[]])[] = [
  [
    'perl',
    '-e',
    'my $o = 0; while (defined(my $d = sysseek(STDIN, $o, 3))) { $o = sysseek(STDIN, $d, 4); die unless $o; ' +
      'printf "%d %d\\n", $d, $o } die unless $!{ENXIO}; print "end\\n"',
  ],
  [
    'python3',
    '-c',
    'import errno, os\no = 0\ntry:\n  while True:\n    d = os.lseek(0, o, 3)\n    o = os.lseek(0, d, 4)\n    print(d, o)\n' +
      'except OSError as e:\n  assert e.errno == errno.ENXIO\nprint("end")',
  ],
]

/**
 * Ranges of a regular file of `size` bytes that hold data, in order; between them are holes. One range, the whole file, where
 * holes cannot be found. The file position of `fd` is lost.
 */
export async function dataRanges(fd: number, size: number): Promise<Range[]> {
  for (const finder of FINDERS) {
    const found = await run(finder, fd)
    if (found !== undefined) return coarse(found, size)
  }
  return [{ start: 0, end: size }]
}

/** What a finder printed; undefined when it is not there or failed before it found anything. */
async function run(
  [command, ...args]: readonly [string, ...string[]],
  fd: number,
): Promise<Range[] | undefined> {
  const child = spawn(command, args, {
    stdio: [fd, 'pipe', 'ignore'],
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
  })
  const failed = new Promise<void>((resolve) => {
    child.once('error', () => resolve())
    child.once('close', () => resolve())
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS)
  try {
    return child.stdout === null ? undefined : await parse(createInterface({ input: child.stdout }))
  } finally {
    clearTimeout(timer)
    child.kill('SIGKILL')
    await failed
  }
}

/** A list that does not end with `end` was cut short: everything behind its last range counts as data. */
async function parse(lines: AsyncIterable<string>): Promise<Range[] | undefined> {
  const ranges: Range[] = []
  for await (const line of lines) {
    if (line === 'end') return ranges
    const [start, end] = line.split(' ').map(Number)
    if (start === undefined || end === undefined || !(start >= (ranges.at(-1)?.end ?? 0) && end > start))
      break
    if (ranges.length >= RANGES_MAX) break
    ranges.push({ start, end })
  }
  const last = ranges.at(-1)
  if (last === undefined) return undefined
  ranges.push({ start: last.end, end: Number.POSITIVE_INFINITY })
  return ranges
}

/** Drops what lies behind the end of the file and short holes. */
function coarse(ranges: readonly Range[], size: number): Range[] {
  const kept: Range[] = []
  for (const range of ranges) {
    const end = Math.min(size, range.end)
    const before = kept.at(-1)
    if (before !== undefined && range.start - before.end < HOLE_BYTES_MIN) {
      kept[kept.length - 1] = { start: before.start, end: Math.max(before.end, end) }
    } else if (end > range.start) {
      kept.push({ start: range.start, end })
    }
  }
  return kept
}
