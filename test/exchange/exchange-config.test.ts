import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ConfigError } from '../../src/core/errors.ts'
import { resolveExchange } from '../../src/exchange/exchange-config.ts'

const test = suite('exchange config')

test('without a configuration nothing is limited', () => {
  const { upload, download, fallbackBytesPerSecond } = resolveExchange(undefined, 'node.yaml').rates
  for (const rates of [upload, download])
    assert.equal(Object.values(rates ?? {}), [undefined, undefined, undefined])
  assert.is(fallbackBytesPerSecond, undefined)
})

test('rates are numbers or texts with units, overall and by class', () => {
  const { rates } = resolveExchange(
    {
      rates: {
        uploadBytesPerSecond: '50 MB',
        requested: { downloadBytesPerSecond: 1000 },
        background: { uploadBytesPerSecond: '1MiB' },
        fallbackBytesPerSecond: 0,
      },
    },
    'node.yaml',
  )
  assert.is(rates.upload?.bytesPerSecond, 50e6)
  assert.is(rates.upload?.backgroundBytesPerSecond, 1024 ** 2)
  assert.is(rates.download?.requestedBytesPerSecond, 1000)
  assert.is(rates.fallbackBytesPerSecond, 0)
})

test('a rate that is none names its key', () => {
  for (const value of ['fast', '0', '-1 MB']) {
    assert.throws(
      () => resolveExchange({ rates: { background: { uploadBytesPerSecond: value } } }, 'node.yaml'),
      (error: unknown) =>
        error instanceof ConfigError &&
        error.message.includes('node.yaml: exchange.rates.background.uploadBytesPerSecond'),
    )
  }
})

test.run()
