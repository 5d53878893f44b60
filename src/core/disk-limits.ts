/**
 * The bounds of disks that a node gives to machines: unit in the name, reason beside it, relations asserted at the end. Those of images,
 * stores and swarms are in `limits.ts`. `docs/limits.md` is generated from the same names; a test compares the two.
 */

const KiB = 1024
const MiB = 1024 * KiB

/** Longest request to read, fill or describe: what clients of NBD may count on, and what is advertised. */
export const NBD_REQUEST_BYTES_MAX = 32 * MiB
/** Size and alignment of requests that is advertised as preferred: the page of the file systems inside images. */
export const NBD_BLOCK_BYTES_PREFERRED = 4 * KiB
/** Longest name, query, description or message, as the NBD protocol has it. */
export const NBD_STRING_BYTES_MAX = 4096
/** Longest data of an option in the handshake: a name and hundreds of queries. */
export const NBD_OPTION_BYTES_MAX = 64 * KiB
/** Data of an option up to which it is read and thrown away, so that the client can go on; with more it is hung up on. */
export const NBD_OPTION_DRAIN_BYTES_MAX = 1 * MiB
/** Options in one handshake: a client that looks at each of hundreds of disks has enough. */
export const NBD_OPTIONS_MAX = 1024
/** Time for a handshake, TLS included: a program needs milliseconds. */
export const NBD_HANDSHAKE_TIMEOUT_MS = 30_000
/** Connections of one node to all its disks together: a hundred machines with several each. About 20 KiB each. */
export const NBD_CONNECTIONS_MAX = 2048
/** Connections beyond these that are told so before they are closed; the next ones are closed at once. */
export const NBD_REFUSALS_MAX = 64
/** Connections over TCP that have not shown a certificate yet; then the oldest gives way. */
export const NBD_STRANGERS_MAX = 256
/** Requests of one connection that are under way: Linux has 128 at most, QEMU 16. */
export const NBD_CONNECTION_REQUESTS_MAX = 128
/** Bytes that one connection may have asked for and not taken: a whole longest request. */
export const NBD_CONNECTION_BYTES_MAX = 32 * MiB
/** Of these, what a connection has for itself whatever the others do: reads of a machine that boots are 40 KiB on average. */
export const NBD_CONNECTION_OWN_BYTES = 256 * KiB
/** Bytes beyond those that all connections together may have asked for and not taken: the longest request, and half as much for others meanwhile. What is opened ahead of clients that take it is memory of the node. */
export const NBD_SERVER_BYTES_MAX = 48 * MiB
/** Bytes of answers that a connection has not taken from which on none of its requests is begun: one answer leaves while the next is opened, in memory that is used again soon. */
export const NBD_ANSWERS_AHEAD_BYTES = 256 * KiB
/** Of NBD_SERVER_BYTES_MAX, what is kept for connections that hold nothing of them: reads of a few machines, or two of 2 MiB as tools make them, whatever others hold. */
export const NBD_SERVER_SPARE_BYTES = 4 * MiB
/** What those have of it whose answers do not come counts for others no more, up to so many bytes beyond it: a dozen disks whose images are not to be had. */
export const NBD_SERVER_STALLED_BYTES = 16 * MiB
/** While others wait for shared bytes, a client that takes nothing of its answers for so long gets no more of them, and gives up those that it has: a program that runs takes them within milliseconds, 128 KiB over a slow link in a second. */
export const NBD_SILENT_MS = 2_000
/** Requests of one connection to fill a range that run at a time; more are answered and not followed, since they are hints. */
export const NBD_PREFETCHES_MAX = 32
/** Extents in one answer about a range: 64 KiB. The client asks on where it ends. */
export const NBD_EXTENTS_MAX = 8 * KiB
/** Time for a client that has said its last word, or whose disk is taken away, to take the answers that are under way. */
export const NBD_LINGER_MS = 10_000
/** Time for the answers that are under way when the node stops: machines connect again and ask again. */
export const NBD_DRAIN_MS = 5_000
/** A client that has taken nothing of what waits for it in so long is hung up on: what it holds, others wait for. */
export const NBD_UNREAD_MS = 60_000
/** How often the certificate of a connection over TCP is judged again. */
export const NBD_TLS_RECHECK_MS = 5_000
/** Who reads less than so much in BOOT_RECORDING_MS has not booted: firmware and tools look at tables and superblocks. Alpine's boot reads 10 MiB. */
export const BOOT_RECORDED_BYTES_MIN = 1 * MiB
/** Bytes of a disk that a replay brings in at a time: what a guest reads waits behind them for 0.2 s at 100 Mbit/s, and they hide a round trip of 2 ms at 8 Gbit/s. */
export const REPLAY_FLIGHT_BYTES_MAX = 2 * MiB
/** ... in steps of so much, whose blocks are wanted together: several reads of a boot. */
export const REPLAY_STEP_BYTES = 256 * KiB
/** What is brought in of a disk when it is attached: tables of partitions, the first superblock, what firmware begins with. */
export const DISK_FIRST_BYTES = 32 * KiB
/** Boot profiles that a node keeps: one of the largest takes 600 KB, Debian's 25 KB. */
export const PROFILES_KEPT_MAX = 256
/** Recordings that a profile is made of from which on a node adds none by itself: one more moves no median. */
export const BOOT_RECORDINGS_ENOUGH = 16
/** Recordings of boots that wait to be sent. */
export const BOOT_OFFERS_MAX = 64
/** Those who have booted at the same time send what was recorded within so long. */
export const BOOT_OFFER_SPREAD_MS = 60_000
/** Pause before the tracker is offered a recording again; it doubles. */
export const BOOT_OFFER_RETRY_MS = 15_000
/** How often it is offered: for two hours. */
export const BOOT_OFFER_TRIES_MAX = 9
/** What a node keeps ready of boots unless its configuration says otherwise, inflated: those of 200 images like Debian's, which read 40 MB. */
export const HOARD_BYTES = 10_000_000_000
/** Images whose boots a node keeps ready: how many of them it looks at, and remembers. */
export const HOARD_IMAGES_MAX = 256
/** Time from the start of a node until it first fills its hoard, give or take half: machines that start with their host come first. */
export const HOARD_START_MS = 120_000
/** Time until it looks again whether there are other images or versions, give or take half: one request to the tracker. */
export const HOARD_ROUND_MS = 1_800_000
/** After which it asks whether the boot profile of an image whose boot is here is still the same: a profile grows over the first days, and one request for each image and round would be most of what idle nodes ask. */
export const HOARD_RECHECK_MS = 6 * 3_600_000
/** After which it asks again about an image that had no boot profile, or one that found no room: a new image is booted within its first hours. The time doubles, up to HOARD_RECHECK_MS. */
export const HOARD_ABSENT_MS = 3_600_000
/** Pause before each REPLAY_STEP_BYTES for the hoard: 2.6 MB/s at most, a fifth of 100 Mbit/s. */
export const HOARD_STEP_PAUSE_MS = 100
/** Bytes that are brought in at a time for it. */
export const HOARD_FLIGHT_BYTES_MAX = 512 * KiB
/** Disks of one node: several for each of the machines that a hypervisor runs. */
export const DISKS_MAX = 1024
/** Longest name of a disk; it is part of the path of a socket, which has 107 bytes. */
export const DISK_NAME_CHARS_MAX = 64
/** Time that the tracker has to say what an image is before a disk is attached by what it said before: it answers in 10 ms, and in a second under load. */
export const DISK_JOIN_PATIENCE_MS = 2500
/** The same while the last request was not answered: enough for a tracker that is back to be heard. */
export const DISK_JOIN_DOUBTED_MS = 250
/** Time between two tries to bring back a disk that could not be opened when the node started. */
export const DISK_RETRY_MS = 15_000
/** Longest pause before reads of a disk that this node may not have, or that is not there any more, are tried again; at once after another right was given. */
export const DISK_REFUSED_RETRY_MS = 60_000
/** Time that the start of a node waits for its disks; QEMU waits 10 s for one that it opens. The rest come up behind. */
export const DISK_START_MS = 5_000
/** Time from the first read of a machine that its boot is recorded for: a slow one is at its login prompt by then. */
export const BOOT_RECORDING_MS = 120_000
/** Free bytes of the file system that filling images and the hoard leave to what machines read: one that is full makes their reads wait. */
export const FILL_RESERVE_BYTES = 2_000_000_000
/** ... or this share of it, if that is more: some boots of every image that a large store is for. */
export const FILL_RESERVE_SHARE = 0.05
/** ... and at most so much: more does not run full before somebody has looked. */
export const FILL_RESERVE_BYTES_MAX = 50_000_000_000
/** ... and at most this share, on small file systems: the rest of them is for images. */
export const FILL_RESERVE_SHARE_MAX = 0.2
/** Share of `store.maxBytes` that they may fill; the rest is for what machines read. */
export const FILL_STORE_SHARE = 0.9
/** So much more than the reserve has to be free before filling goes on. */
export const FILL_RESUME_SHARE = 0.1
/** How often it is looked at while something is filled: a 10 Gbit/s link brings 1.2 GB meanwhile, less than the reserve. */
export const FILL_LOOK_MS = 1_000
/** Alignment of reads in recordings and profiles: the page of the file systems inside images. */
export const BOOT_READ_ALIGNMENT_BYTES = 4 * KiB
/** Reads in one recording or profile: Debian's boot has a thousand, the largest desktops some ten thousand. */
export const BOOT_READS_MAX = 16 * KiB
/** Bytes that they cover together: ten times what the largest desktops read. */
export const BOOT_BYTES_MAX = 1024 * MiB

/** Inflated blocks that a node keeps for all its disks: what machines that boot together read at the same time. What is not among them is opened again, in tens of microseconds. */
export const DISK_CACHE_BYTES = 32 * MiB
/** Longest read whose blocks a node keeps: what a machine copies from end to end would take the place of everything else. */
export const DISK_CACHE_READ_BYTES_MAX = 64 * KiB
/** Segments whose places a node keeps for all its disks, about 50 KB each: 4 GiB of typical images. */
export const DISK_SEGMENTS_MAX = 256
/** Time for somebody to give the manifest of an image before opening it as a disk fails. */
export const DISK_OPEN_TIMEOUT_MS = 30_000
/** A read of a disk that nobody could serve for so long is an alarm: a guest gives its disk up after 30 s. */
export const DISK_STALL_MS = 5000
/** A disk that is to give errors rather than wait gives one after so long: the time after which a guest gives its disk up. */
export const DISK_LOSS_ERROR_MS = 30_000
/** How often a block of a disk may turn out damaged right after it was fetched before a read fails: the disk of the host is broken then. */
export const DISK_DAMAGED_MAX = 3
/** Blocks that one look for holes, or for what is local, goes through before it answers: 20 ms of look-ups. */
export const DISK_EXTENT_BLOCKS_MAX = 8192

function assertRelations(): void {
  const relations: [boolean, string][] = [
    [NBD_CONNECTION_BYTES_MAX >= NBD_REQUEST_BYTES_MAX, 'a connection can have the longest request'],
    [
      NBD_SERVER_BYTES_MAX - NBD_SERVER_SPARE_BYTES >= NBD_CONNECTION_BYTES_MAX,
      'the longest request finds room beside what is kept for others',
    ],
    [NBD_SILENT_MS < NBD_UNREAD_MS, 'who holds others up is hung up on before who holds nobody up'],
    [NBD_OPTION_DRAIN_BYTES_MAX > NBD_OPTION_BYTES_MAX, 'options that are too long can be answered'],
    [NBD_OPTION_BYTES_MAX > 2 * NBD_STRING_BYTES_MAX, 'the longest name and a query fit into an option'],
    [
      HOARD_ABSENT_MS <= HOARD_RECHECK_MS,
      'an image without a boot is asked about as often as one that has one',
    ],
    [NBD_PREFETCHES_MAX < NBD_CONNECTION_REQUESTS_MAX, 'hints leave room for reads'],
  ]
  for (const [holds, reason] of relations) if (!holds) throw new RangeError(`disk limits: ${reason}`)
}
assertRelations()
