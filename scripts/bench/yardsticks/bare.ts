/** Protocol of the bare libp2p yardstick. */
export const BARE_PROTOCOL = '/bootswarm-bench/bare/1'
/** Bytes of one send or write: large, so that calls cost nothing. */
export const PIECE_BYTES = 256 * 1024
/** What both ends of the bare TLS socket speak: the cipher that peers here prefer, so that ratios compare programs and not ciphers. */
export const BARE_CIPHER = 'TLS_AES_128_GCM_SHA256'
/**
 * Of bare libp2p hosts: the monitor pings each connection and aborts it when no answer has come in time, which a stream that fills the connection on
 * busy cores cannot promise.
 */
export const NO_MONITOR = { connectionMonitor: { enabled: false } }
