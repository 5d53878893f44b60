/** One figure of a bench, beside the yardstick of the same run. */
export interface Row {
  readonly bench: string
  readonly figure: string
  readonly value: number
  readonly unit: string
  /** What it is measured against, and how that did, in the same unit. */
  readonly yardstick?: string
  readonly yardstickValue?: number
  /** How many times the yardstick: above 1 is more. */
  readonly ratio?: number
  readonly goal?: Goal
  readonly note?: string
}

/** What must be reached: of `ratio` where there is a yardstick, else of `value`. */
export interface Goal {
  readonly atLeast?: number
  readonly atMost?: number
  readonly met: boolean
}

interface RowInit {
  readonly bench: string
  readonly figure: string
  readonly value: number
  readonly unit: string
  readonly yardstick?: { readonly name: string; readonly value: number }
  readonly goal?: { readonly atLeast?: number; readonly atMost?: number }
  readonly note?: string
}

export function rowOf(init: RowInit): Row {
  const { yardstick, goal, ...rest } = init
  const ratio = yardstick === undefined ? undefined : init.value / yardstick.value
  const judged = ratio ?? init.value
  const met = judged >= (goal?.atLeast ?? -Infinity) && judged <= (goal?.atMost ?? Infinity)
  return {
    ...rest,
    ...(yardstick === undefined ? {} : { yardstick: yardstick.name, yardstickValue: yardstick.value }),
    ...(ratio === undefined ? {} : { ratio }),
    ...(goal === undefined ? {} : { goal: { ...goal, met } }),
  }
}
