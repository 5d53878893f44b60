import { createHash } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ProtocolError } from '../../../src/core/errors.ts'
import { infoHashOf } from '../../../testnet/peers/bittorrent.ts'

test('the info hash is that of the bytes of the dictionary', () => {
  const info = 'd6:lengthi3e4:name5:image12:piece lengthi262144e6:pieces20:01234567890123456789e'
  const torrent = Buffer.from(`d8:announce13:http://t:6969${'4:info'}${info}e`)
  assert.equal(infoHashOf(torrent), createHash('sha1').update(info).digest())
})

test('a torrent without one is refused', () => {
  assert.throws(
    () => infoHashOf(Buffer.from('de')),
    (error: unknown) => error instanceof ProtocolError,
  )
})

test.run()
