import { NodeClient } from '../src/api/node-client.ts'
import { type NodeConfigInit, writeNodeConfig } from './config-files.ts'
import { type DaemonControl, type DaemonRecipe, portOfAddresses } from './daemon-control.ts'
import { daemonHandle } from './daemon-handle.ts'
import type { NodeHandle } from './handles.ts'
import { type Layout, nodeName } from './layout.ts'

export type NodeRecipeInit = Omit<NodeConfigInit, 'p2pPort'>

export function nodeRecipe(layout: Layout, init: NodeRecipeInit): DaemonRecipe {
  const name = nodeName(init.index)
  return {
    name,
    args: ['node', 'serve', '--config', layout.config(name)],
    logPath: layout.log(name),
    ...(init.place === undefined ? {} : { start: init.place.start }),
    configure: (before) =>
      writeNodeConfig(layout, {
        ...init,
        p2pPort: before === undefined ? 0 : portOfAddresses(before['addresses']),
      }),
  }
}

export function nodeHandle(control: DaemonControl, layout: Layout): NodeHandle {
  const socket = layout.socket(control.name)
  return {
    ...daemonHandle(control),
    get pid() {
      return control.process.pid
    },
    get peer() {
      return control.peer
    },
    socket,
    exports: layout.exports(control.name),
    client: () => new NodeClient({ socket }),
  }
}
