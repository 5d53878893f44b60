const GiB = 1024 ** 3

/** What a guest's disk is made of; the same recipe is the same disk, as far as the mirror has the same packages. */
export interface GuestRecipe {
  readonly suite: string
  readonly mirror: string
  readonly packages: readonly string[]
  /** Units of systemd that would take time at every boot and do nothing for a disk without a network. */
  readonly masked: readonly string[]
  /** Modules of the initrd: more of them are bytes that an emulated machine inflates at every boot. */
  readonly modules: readonly string[]
  readonly hostname: string
  readonly sizeBytes: number
  /** Time of all files that the installation makes. */
  readonly epochSeconds: string
}

/** A small Debian with systemd and the kernel that Debian has for virtual machines; root has no password, and there is no network. */
export const GUEST_RECIPE: GuestRecipe = {
  suite: 'bookworm',
  mirror: 'http://deb.debian.org/debian',
  packages: ['systemd-sysv', 'udev', 'dbus', 'initramfs-tools', 'zstd', 'linux-image-cloud-amd64'],
  masked: [
    'e2scrub_reap.service',
    'e2scrub_all.timer',
    'apt-daily.timer',
    'apt-daily-upgrade.timer',
    'getty@tty1.service',
  ],
  modules: ['virtio_pci', 'virtio_blk', 'ext4'],
  hostname: 'guest',
  sizeBytes: 2 * GiB,
  epochSeconds: '1767225600',
}

/** Arguments of mmdebstrap for an archive of the system. Hooks are shell commands, with the system's root as `$1`. */
export function installArgs(recipe: GuestRecipe, archive: string): string[] {
  const { packages, masked, modules, hostname, suite, mirror } = recipe
  const initramfs = [
    'mkdir -p "$1/etc/initramfs-tools/conf.d"',
    'printf "MODULES=list\\nCOMPRESS=zstd\\n" > "$1/etc/initramfs-tools/conf.d/guest"',
    `printf "%s\\n" ${modules.join(' ')} > "$1/etc/initramfs-tools/modules"`,
  ]
  const settle = [
    'chroot "$1" passwd --quiet --delete root',
    `echo ${hostname} > "$1/etc/hostname"`,
    ...masked.map((unit) => `ln -s /dev/null "$1/etc/systemd/system/${unit}"`),
  ]
  return [
    ...['--quiet', '--mode=root', '--variant=minbase', `--include=${packages.join(',')}`],
    '--aptopt=APT::Install-Recommends "false"',
    ...['doc', 'man', 'locale'].map((dir) => `--dpkgopt=path-exclude=/usr/share/${dir}/*`),
    `--essential-hook=${initramfs.join(' && ')}`,
    `--customize-hook=${settle.join(' && ')}`,
    ...[suite, archive, mirror],
  ]
}
