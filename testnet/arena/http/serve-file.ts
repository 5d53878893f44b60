/** Serves one file over plain HTTP: `serve-file.ts ADDRESS PORT FILE`. Says "ready" when it listens. */
import { createReadStream, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { pipeline } from 'node:stream/promises'

const [address = '', port = '', file = ''] = process.argv.slice(2)
const { size } = statSync(file)

const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-length': size, 'content-type': 'application/octet-stream' })
  pipeline(createReadStream(file, { highWaterMark: 1024 * 1024 }), response).catch(() => response.destroy())
})
server.listen({ host: address, port: Number(port) }, () => process.stdout.write('ready\n'))
