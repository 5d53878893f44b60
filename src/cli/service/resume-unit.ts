import { quoted } from './quoted.ts'

/** What the unit that lets machines go on needs to know of this installation. Paths are absolute. */
export interface ResumeUnitInit {
  readonly runtime: string
  readonly launcher: string
  /** The node's control socket. */
  readonly control: string
}

/**
 * A unit that is started after each start of the node, and lets machines of libvirt go on that were stopped meanwhile. It runs as root because libvirt obeys nobody
 * else by itself, and only where libvirt is.
 */
export function resumeUnitText({ runtime, launcher, control }: ResumeUnitInit): string {
  const command = [runtime, launcher, 'disk', 'resume', '--socket', control].map(quoted).join(' ')
  return `[Unit]
Description=Machines of libvirt on disks of the Bootswarm node go on after its start
Documentation=man:bootswarm-disk-resume(1)
After=bootswarm-node.service libvirtd.service virtqemud.service
ConditionPathExistsGlob=/run/libvirt/*sock

[Service]
Type=oneshot
# One that has failed is started again; so is this, too early.
ExecCondition=systemctl --quiet is-active bootswarm-node.service
ExecStart=${command}
TimeoutStartSec=2min

# The node's socket is of this group; root without capabilities is nobody special.
SupplementaryGroups=kvm
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=tmpfs
PrivateTmp=yes
PrivateNetwork=yes
RestrictAddressFamilies=AF_UNIX
ProtectKernelTunables=yes
ProtectKernelModules=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=bootswarm-node.service
`
}
