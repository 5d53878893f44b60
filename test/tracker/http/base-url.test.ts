import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { baseUrls } from '../../../tracker/http/base-url.ts'
import { Site } from '../../fixtures/site.ts'

const test = suite('base url')
const init = {
  kind: 'tracker',
  commonName: 'tracker.example',
  dnsNames: ['tracker.example'],
  ipAddresses: ['10.0.0.1'],
}
const identity = await (await Site.create()).issue({ ...init, kind: 'tracker' })
const request = (host?: string) =>
  ({ headers: { host }, raw: { socket: { localPort: 8443 } } }) as Parameters<ReturnType<typeof baseUrls>>[0]

test('is the host of the request when the certificate is for it', () => {
  const baseUrl = baseUrls(identity, { publicUrl: undefined })
  assert.is(baseUrl(request('tracker.example:1234')), 'https://tracker.example:1234')
  assert.is(baseUrl(request('Tracker.Example')), 'https://tracker.example')
  assert.is(baseUrl(request('10.0.0.1:8443')), 'https://10.0.0.1:8443')
})

test('is the own name when the host says anything else', () => {
  const baseUrl = baseUrls(identity, { publicUrl: undefined })
  const own = 'https://tracker.example:8443'
  for (const host of ['evil.example', 'tracker.example@evil', 'tracker.example/../x', '[::1]', '', undefined])
    assert.is(baseUrl(request(host)), own)
  for (let i = 0; i < 200; i++) assert.is(baseUrl(request(`h${i}.example`)), own)
})

test('is what the configuration says', () => {
  const baseUrl = baseUrls(identity, { publicUrl: 'https://images.example' })
  assert.is(baseUrl(request('tracker.example')), 'https://images.example')
})

test.run()
