import { XMLValidator } from 'fast-xml-parser'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { bytesSvg } from '../../../testnet/plots/bytes.ts'
import { coloursOf, OWN_COLOUR } from '../../../testnet/plots/colours.ts'
import { completionSvg } from '../../../testnet/plots/completion.ts'
import { comparedRun, comparedSystem, comparison } from '../../fixtures/comparison.ts'

const report = comparison([
  comparedSystem({ name: 'bootswarm', runs: [comparedRun([1, 1.5])] }),
  comparedSystem(),
  comparedSystem({ name: 'casync', runs: [], failure: 'ill' }),
])

test('the completion curve is well-formed SVG with a line for every system that finished', async () => {
  const svg = await completionSvg(report)
  assert.is(XMLValidator.validate(svg), true)
  assert.match(svg, />bootswarm</)
  assert.match(svg, />nginx</)
  assert.not.match(svg, />casync</)
  assert.match(svg, />one HTTP GET</)
  assert.match(svg, /10\.0 MiB to 2 nodes at the same moment/)
})

test('the bytes by source are well-formed SVG with their figures', async () => {
  const svg = await bytesSvg(report)
  assert.is(XMLValidator.validate(svg), true)
  assert.match(svg, /from the origin/)
  assert.match(svg, /origin sent 1\.50 copies/)
})

test('a plot of an update says so', async () => {
  const svg = await completionSvg(comparison([comparedSystem()], { update: true }))
  assert.match(svg, /A changed image of 10\.0 MiB to 2 nodes/)
})

test('a system has the same colour whoever else takes part, as long as the order stays', () => {
  const colours = coloursOf(['bootswarm', 'nginx', 'rsync'])
  assert.is(colours.get('bootswarm'), OWN_COLOUR)
  assert.is.not(colours.get('nginx'), colours.get('rsync'))
  assert.is(colours.get('nginx'), coloursOf(['nginx']).get('nginx'))
})

test.run()
