// deadline: 120 s
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createTestnet } from '../../testnet/testnet.ts'
import { writeDiskImage } from '../fixtures/disk-image.ts'
import { until } from '../fixtures/hosts.ts'
import { missingPrograms, testsThatNeed } from '../fixtures/programs.ts'
import { pushImage, withNode } from '../fixtures/testnet-steps.ts'

const MiB = 1024 * 1024
const test = suite('a disk that is not whole, without the tracker')
const withQemu = testsThatNeed(test, missingPrograms('qemu-img', 'qemu-io', 'stdbuf'))

withQemu(
  'its machine reads on from a peer after kill -9 of the node, while the tracker is gone',
  async () => {
    const dir = await mkdtemp(join(tmpdir(), 'bs-disk-gone-'))
    const testnet = await createTestnet({ nodes: 2 })
    try {
      const [node, peer] = testnet.nodes
      assert.ok(node !== undefined && peer !== undefined)
      const image = join(dir, 'disk.img')
      await writeDiskImage(image, 24 * MiB)
      await pushImage(testnet, image, 'site/disk:1')
      await withNode(peer, (client) => client.pull('site/disk:1'))
      const { peer: peerKey } = await withNode(peer, (client) => client.status())
      const overlay = join(dir, 'vm.qcow2')
      const attach = ['disk', 'attach', 'site/disk:1', '--no-fill', '--overlay', overlay]
      const attached = await testnet.cli(attach)
      assert.is(attached.code, 0, attached.stderr)

      const bytes = await readFile(image)
      const machine = spawn('stdbuf', ['-oL', 'qemu-io', '-f', 'qcow2', overlay], {
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      let text = ''
      machine.stdout.setEncoding('utf8').on('data', (piece: string) => {
        text += piece
      })
      const reads = async (from: number) => {
        text = ''
        machine.stdin.write(`read -v ${from} 512\n`)
        await until(() => /read 512\/512 bytes at offset|failed/.test(text), 40_000)
        const first = [...bytes.subarray(from, from + 16)].map((byte) => byte.toString(16).padStart(2, '0'))
        assert.match(text, first.join(' '))
      }
      try {
        await reads(MiB)
        await testnet.tracker.kill('SIGKILL')
        await reads(6 * MiB)
        const known = join(testnet.layout.data(node.name), 'peers.json')
        await until(async () => (await readFile(known, 'utf8').catch(() => '')).includes(peerKey))
        await node.kill('SIGKILL')
        const waiting = reads(13 * MiB)
        await node.restart()
        await waiting
        await reads(20 * MiB)
        const [disk] = await withNode(node, (client) => client.disks.list())
        assert.equal([disk?.complete, disk?.state, disk?.figures?.errors], [false, 'ready', 0])
      } finally {
        machine.kill('SIGKILL')
        await once(machine, 'close')
      }
    } finally {
      await testnet.destroy()
      await rm(dir, { recursive: true })
    }
  },
)

test.run()
