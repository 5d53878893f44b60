import { quoted } from './quoted.ts'

/** What the service of a program needs to know of this installation. Paths are absolute. */
export interface UnitInit {
  readonly program: ServiceProgram
  /** Node.js of this installation. */
  readonly runtime: string
  /** scripts/bootswarm.js. */
  readonly launcher: string
  readonly config: string
  /** Directories besides those that systemd makes for it which the program writes into. */
  readonly writable: readonly string[]
  /** Directories below /run that systemd makes for it, as RuntimeDirectory= wants them. */
  readonly runtimeDirectories: readonly string[]
}

export const SERVICE_PROGRAMS = ['node', 'tracker'] as const
export type ServiceProgram = (typeof SERVICE_PROGRAMS)[number]

/** Where systemd makes the directories of state of both programs. */
export const STATE_PARENT = '/var/lib/bootswarm'

interface Account {
  readonly user: string
  readonly group: string
  readonly description: string
}

/**
 * The node's own group is kvm, so that its sockets are of that group without a capability to give files away; its data is closed
 * to groups all the same. A tracker signs for the site, so the node of its host is another user.
 */
export const ACCOUNTS: Record<ServiceProgram, Account> = {
  node: { user: 'bootswarm', group: 'kvm', description: 'Bootswarm node' },
  tracker: { user: 'bootswarm-tracker', group: 'bootswarm-tracker', description: 'Bootswarm tracker' },
}

const TEXTS: Record<ServiceProgram, { description: string; before: string; weights: string; also: string }> =
  {
    node: {
      description: 'Bootswarm node: images for the machines of this hypervisor',
      before: '# Machines that are started at boot find their disks.\nBefore=libvirt-guests.service\n',
      weights: `# Machines wait for it, here and on other hypervisors: it comes before other services of the host (100 each) when there is too little
# processor or disk for all. Machines are in machine.slice or user.slice, which get no more than system.slice does.
CPUWeight=500
IOWeight=500
`,
      also: 'Also=bootswarm-resume.service\n',
    },
    tracker: {
      description: 'Bootswarm tracker: registry and origin of the site',
      before: '',
      weights: '',
      also: '',
    },
  }

/** The unit of a program: told by notify when it is ready, watched, started again, and shut in. */
export function unitText(init: UnitInit): string {
  const { program, runtime, launcher, config, writable, runtimeDirectories } = init
  const { description, before, weights, also } = TEXTS[program]
  const { user, group } = ACCOUNTS[program]
  const command = [runtime, launcher, program, 'serve', '--config', config].map(quoted).join(' ')
  const paths = writable.map((path) => `ReadWritePaths=${quoted(`-${path}`)}\n`).join('')
  return `[Unit]
Description=${description}
Documentation=man:bootswarm-${program}-serve(1)
Wants=network-online.target
After=network-online.target
${before}# Whoever waits for it waits until it is back, however often it fails.
StartLimitIntervalSec=0

[Service]
Type=notify
# Node.js tells through systemd-notify(1), which is a process of its own.
NotifyAccess=all
ExecStart=${command}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=2
# A configuration that is wrong does not mend itself.
RestartPreventExitStatus=2
WatchdogSec=60
# After a power cut it looks through what was written last.
TimeoutStartSec=15min
TimeoutStopSec=90
# It ends what it started itself; a systemd-notify that is ended could not say that it stops.
KillMode=mixed

User=${user}
Group=${group}
UMask=0027
StateDirectory=bootswarm/${program}
StateDirectoryMode=0700
CacheDirectory=bootswarm/${program}
CacheDirectoryMode=0700
Environment=NODE_COMPILE_CACHE=/var/cache/bootswarm/${program}
${runtimeLines(runtimeDirectories)}LimitNOFILE=65536
${weights}# A bound on memory counts the page cache, which the kernel takes back first; below 1G it costs speed.
#MemoryMax=1G

${HARDENING}${paths}
[Install]
WantedBy=multi-user.target
${also}`
}

function runtimeLines(directories: readonly string[]): string {
  if (directories.length === 0) return ''
  return `# Sockets of disks stay where running machines look for them while the node is started again.
RuntimeDirectory=${directories.map(quoted).join(' ')}
RuntimeDirectoryMode=0750
RuntimeDirectoryPreserve=yes
`
}

/**
 * MemoryDenyWriteExecute is left out because V8 compiles, PrivateUsers because access to exports goes by user and group.
 * AF_NETLINK is how the system tells the addresses of its interfaces.
 */
const HARDENING = `NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
KeyringMode=private
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
`
