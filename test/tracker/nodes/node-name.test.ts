import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RESERVED_NODES } from '../../../src/api/tracker-paths.ts'
import { NAME_CHARS_MAX } from '../../../src/core/limits.ts'
import { nodeNameOf } from '../../../tracker/nodes/node-name.ts'

const test = suite('names of nodes')

test('a host name stays as it is, other characters become dots', () => {
  assert.is(nodeNameOf('hv1.example.org'), 'hv1.example.org')
  assert.is(nodeNameOf('host/hv1.example.org'), 'host.hv1.example.org')
  assert.is(nodeNameOf('Rack 7: hv 1'), 'Rack.7.hv.1')
  assert.is(nodeNameOf('../etc'), 'etc')
})

test('any common name makes a name that a path can have', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (text) => {
      const name = nodeNameOf(text)
      assert.match(name, /^(?!\.+$)[a-zA-Z0-9_.-]+$/)
      assert.ok(name.length <= NAME_CHARS_MAX && !RESERVED_NODES.has(name))
    }),
  )
  assert.is(nodeNameOf('pass'), 'node-pass')
})

test.run()
