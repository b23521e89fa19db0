import { Counter, Gauge, type Registry } from "prom-client"

/** A gauge that is read when it is scraped: a value per label value, or one without a label. */
export function addGauge(
  registry: Registry,
  name: string,
  help: string,
  label: string | null,
  read: () => readonly (readonly [string, number])[],
): void {
  const gauge = new Gauge({
    name,
    help,
    labelNames: label === null ? [] : [label],
    registers: [],
    collect() {
      this.reset()
      for (const [of, value] of read()) this.set(label === null ? {} : { [label]: of }, value)
    },
  })
  registry.registerMetric(gauge)
}

/** A value with the values of its labels. */
export type Series = readonly [labels: Readonly<Record<string, string>>, value: number]

/** A gauge with several labels that is read when it is scraped: what is not read then is gone. */
export function addGauges(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[],
  read: () => readonly Series[],
): void {
  const gauge = new Gauge({
    name,
    help,
    labelNames: [...labelNames],
    registers: [],
    collect() {
      this.reset()
      for (const [labels, value] of read()) this.set(labels, value)
    },
  })
  registry.registerMetric(gauge)
}

/** A counter by workspace and such that somebody else keeps. */
export function addCounters(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[],
  read: () => readonly Series[],
): void {
  const counter = new Counter({
    name,
    help,
    labelNames: [...labelNames],
    registers: [],
    collect() {
      this.reset()
      for (const [labels, value] of read()) this.inc(labels, value)
    },
  })
  registry.registerMetric(counter)
}

/** A counter that somebody else keeps. */
export function addCounter(registry: Registry, name: string, help: string, read: () => number): void {
  const counter = new Counter({
    name,
    help,
    registers: [],
    collect() {
      this.reset()
      this.inc(read())
    },
  })
  registry.registerMetric(counter)
}
