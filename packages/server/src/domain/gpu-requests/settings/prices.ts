import type { Issue } from "../../../kit/errors.ts"
import { authorize, record } from "../../identity/index.ts"
import { gpuModelName } from "../../inventory/index.ts"
import { unprintablePattern } from "../checks.ts"
import type { GpuSettingsService } from "../commands.ts"
import type { GpuSettingsOptions } from "../options.ts"
import { refuseIssues } from "../refusals.ts"
import type { Price } from "../types.ts"

const mostPrices = 1_000
const longestName = 253
/** A million of the currency per GPU and hour. */
const highestMicros = 1_000_000_000_000
const currencyPattern = /^[A-Z]{3}$/

/** What GPUs cost by the hour: one list, set as a whole. */
export function createPrices(options: GpuSettingsOptions): Pick<GpuSettingsService, "prices" | "setPrices"> {
  const { index, rows, store, clock } = options
  return {
    async prices(principal) {
      authorize(principal, "price.list", { workspaceId: null })
      return index.prices()
    },

    async setPrices(principal, wanted) {
      authorize(principal, "price.set", { workspaceId: null })
      refuseIssues("prices", priceIssues(wanted))
      const prices = wanted.map(pickPrice)
      const atMs = clock.nowMs()
      await store.tx(async (tx) => {
        await rows.setPrices(tx, prices)
        await record(tx, {
          operation: "price.set",
          event: "prices.set",
          subject: { kind: "prices", id: "all" },
          workspace: null,
          actor: principal.actor,
          atMs,
          data: { prices: prices.length },
        })
      })
      return prices
    },
  }
}

function pickPrice({ gpuModel, instanceType, microsPerGpuHour, currency }: Price): Price {
  return { gpuModel, instanceType, microsPerGpuHour, currency }
}

function priceIssues(prices: readonly Price[]): readonly Issue[] {
  if (prices.length > mostPrices) return [{ path: ["prices"], message: `must be at most ${mostPrices}` }]
  const seen = new Set<string>()
  return prices.flatMap((price, at) => {
    const issues = faultsOf(price).map(([member, message]) => ({ path: ["prices", at, member], message }))
    const key = JSON.stringify([gpuModelName(price.gpuModel).toLowerCase(), price.instanceType])
    if (seen.has(key)) issues.push({ path: ["prices", at], message: "is the second for the same GPUs" })
    seen.add(key)
    return issues
  })
}

function faultsOf(price: Price): readonly (readonly [string, string])[] {
  const { gpuModel, instanceType, microsPerGpuHour: micros, currency } = price
  const faults: (readonly [string, string])[] = []
  const word = `must be at most ${longestName} characters without control characters`
  if (gpuModel.trim() === "") faults.push(["gpuModel", "must not be empty"])
  if (!isWord(gpuModel)) faults.push(["gpuModel", word])
  if (!isWord(instanceType)) faults.push(["instanceType", word])
  if (!Number.isSafeInteger(micros) || micros < 0 || micros > highestMicros)
    faults.push(["microsPerGpuHour", `must be a whole number from 0 to ${highestMicros}`])
  if (!currencyPattern.test(currency)) faults.push(["currency", "must be three capital letters"])
  return faults
}

function isWord(text: string): boolean {
  return text.length <= longestName && !unprintablePattern.test(text)
}
