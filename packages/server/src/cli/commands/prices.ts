import type { Price } from "@berth/contract/berth"
import { CliError, usageError } from "../cli-error.ts"
import type { CommonOptions } from "../connect.ts"
import { connect } from "../connect.ts"
import { writeDone, writeList } from "../output.ts"
import type { Terminal } from "../terminal.ts"

export interface PriceOptions extends CommonOptions {
  readonly instanceType?: string
}

/** `berth prices`: what one GPU costs for an hour. */
export async function pricesList(terminal: Terminal, options: CommonOptions): Promise<void> {
  const session = await connect(terminal, options)
  const { items } = await session.client.berth.prices()
  await writeList(terminal, session.form, {
    rows: items,
    columns: [
      { title: "MODEL", cell: (one: Price) => one.gpuModel },
      { title: "INSTANCE", cell: (one) => one.instanceType ?? "any" },
      { title: "PER GPU AND HOUR", cell: (one) => `${one.amountPerGpuHour} ${one.currency}`, align: "right" },
    ],
    empty: "No price is set: what things cost is not shown.",
  })
}

const usualCurrency = "USD"

/** `berth prices set MODEL AMOUNT [CURRENCY]`. */
export async function priceSet(
  terminal: Terminal,
  [gpuModel = "", amount = "", currency = usualCurrency]: readonly string[],
  options: PriceOptions,
): Promise<void> {
  if (!/^\d{1,9}(\.\d{1,6})?$/.test(amount))
    throw usageError(`The amount is a decimal number such as 2.50, not "${amount}".`)
  if (!/^[A-Za-z]{3}$/.test(currency))
    throw usageError(`The currency has three letters, as USD, not "${currency}".`)
  const session = await connect(terminal, options)
  const { berth } = session.client
  const instanceType = options.instanceType ?? null
  const price = { gpuModel, instanceType, amountPerGpuHour: amount, currency: currency.toUpperCase() }
  const { items } = await berth.prices()
  const answer = await berth.setPrices({ items: [...items.filter((one) => !isSame(one, price)), price] })
  const where = instanceType === null ? "" : ` on ${instanceType}`
  await writeDone(
    terminal,
    session.form,
    `A GPU ${gpuModel}${where} costs ${amount} ${price.currency} an hour.`,
    answer.items,
  )
}

/** `berth prices rm MODEL`: all of a model's, or the one for a kind of machine. */
export async function priceRemove(
  terminal: Terminal,
  gpuModel: string,
  options: PriceOptions,
): Promise<void> {
  const session = await connect(terminal, options)
  const { berth } = session.client
  const { items } = await berth.prices()
  const { instanceType } = options
  const isGone = (one: Price) =>
    isModel(one, gpuModel) && (instanceType === undefined || one.instanceType === instanceType)
  const kept = items.filter((one) => !isGone(one))
  if (kept.length === items.length)
    throw new CliError(`There is no price for ${gpuModel}.`, "`berth prices` lists those that there are.")
  const answer = await berth.setPrices({ items: kept })
  await writeDone(terminal, session.form, `${gpuModel} has no price any more.`, answer.items)
}

function isSame(one: Price, other: Pick<Price, "gpuModel" | "instanceType">): boolean {
  return isModel(one, other.gpuModel) && one.instanceType === other.instanceType
}

function isModel(one: Price, gpuModel: string): boolean {
  return one.gpuModel.toLowerCase() === gpuModel.toLowerCase()
}
