import type { Log } from '../src/core/log.ts'

/** A log of plain lines on standard error: `message key=value …`. */
export function plainLog(write: (text: string) => void): Log {
  const line = (data: object, message: string) => {
    const pairs = Object.entries(data).map(([key, value]) => ` ${key}=${String(value)}`)
    write(`testnet: ${message}${pairs.join('')}\n`)
  }
  return { debug() {}, info: line, warn: line, error: line }
}

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 }

/** `512M`, `2G`, `1048576`, `64MiB` → bytes; undefined when it is none of these. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([KMG]?)(?:i?B)?$/i.exec(text.trim())
  if (match === null) return undefined
  return Math.floor(Number(match[1]) * (UNITS[(match[2] ?? '').toUpperCase()] ?? 1))
}
