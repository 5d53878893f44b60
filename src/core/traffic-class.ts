/**
 * What bytes are wanted for, the most urgent first: a running VM waits for them (guest), it will read them in a moment (boot profile),
 * somebody asked for the image (requested), nobody waits (background). The place in the list is the number on the wire.
 */
export const TRAFFIC_CLASSES = ['guest', 'boot', 'requested', 'background'] as const

export type TrafficClass = (typeof TRAFFIC_CLASSES)[number]

export function moreUrgent(a: TrafficClass, b: TrafficClass): TrafficClass {
  return TRAFFIC_CLASSES.indexOf(a) < TRAFFIC_CLASSES.indexOf(b) ? a : b
}
