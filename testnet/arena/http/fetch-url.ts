/** Fetches a URL into a file: `fetch-url.ts URL FILE`. Prints seconds from the connection on, and bytes. */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'

const [url = '', file = ''] = process.argv.slice(2)
const begin = performance.now()
const [response] = (await once(get(url, { agent: false }), 'response')) as [IncomingMessage]
const target = createWriteStream(file)
await pipeline(response, target)
process.stdout.write(
  `${JSON.stringify({ seconds: (performance.now() - begin) / 1000, bytes: target.bytesWritten })}\n`,
)
