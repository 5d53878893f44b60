import { Counter, Gauge, type Registry } from 'prom-client'

interface Named {
  readonly name: string
  readonly help: string
}

/** A series whose value is kept elsewhere, and read when somebody looks: a counter where its name ends in `_total`, as Prometheus names them, else a gauge. */
export function addFigure(
  registry: Registry,
  { name, help }: Named,
  read: () => number | Promise<number>,
): void {
  const series = { name, help, registers: [registry] }
  if (isTotal(name)) {
    new Counter({
      ...series,
      async collect() {
        const value = await read()
        this.reset()
        this.inc(value)
      },
    })
  } else {
    new Gauge({
      ...series,
      async collect() {
        this.set(await read())
      },
    })
  }
}

/** The same by the values of one label. */
export function addFigures<Value extends string>(
  registry: Registry,
  { name, help, label }: Named & { readonly label: string },
  read: () => Readonly<Record<Value, number>>,
): void {
  const series = { name, help, labelNames: [label], registers: [registry] }
  const entries = () => Object.entries<number>(read())
  if (isTotal(name)) {
    new Counter({
      ...series,
      collect() {
        this.reset()
        for (const [value, count] of entries()) this.inc({ [label]: value }, count)
      },
    })
  } else {
    new Gauge({
      ...series,
      collect() {
        for (const [value, count] of entries()) this.set({ [label]: value }, count)
      },
    })
  }
}

const isTotal = (name: string) => name.endsWith('_total')
