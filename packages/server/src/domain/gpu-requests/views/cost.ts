import { isSameGpuModel } from "../../inventory/index.ts"
import type { GpuRequestView } from "../commands.ts"
import type { GpuRequest, HeldNode, Price } from "../types.ts"

const hourMs = 3_600_000n

/**
 * What a request has cost up to `nowMs`, or in all: the GPUs of its nodes, by their prices, for as long as it held
 * them. Integers all the way, rounded to the nearest millionth.
 * @returns null when it never held anything, when a GPU of it has no price, or when its prices are in several
 *   currencies
 */
export function costOf(request: GpuRequest, prices: readonly Price[], nowMs: number): GpuRequestView["cost"] {
  if (request.nodes.length === 0 || prices.length === 0) return null
  let perHour = 0n
  let currency: string | null = null
  for (const node of request.nodes) {
    const price = priceOf(node, prices)
    if (!price || (currency !== null && price.currency !== currency)) return null
    currency = price.currency
    perHour += BigInt(node.gpus) * BigInt(price.microsPerGpuHour)
  }
  if (currency === null) return null
  const micros = (perHour * BigInt(heldMs(request, nowMs)) + hourMs / 2n) / hourMs
  return { micros: Number(micros), currency }
}

/** How long it has held nodes in all. */
export function heldMs(
  { startedAtMs, endedAtMs, heldBeforeMs }: Pick<GpuRequest, "startedAtMs" | "endedAtMs" | "heldBeforeMs">,
  nowMs: number,
): number {
  if (startedAtMs === null) return heldBeforeMs
  return heldBeforeMs + Math.max(0, (endedAtMs ?? nowMs) - startedAtMs)
}

/** The price of its instance type, else the one for all nodes with its GPUs; undefined when nobody set one. */
function priceOf(
  { gpuModel, instanceType }: Pick<HeldNode, "gpuModel" | "instanceType">,
  prices: readonly Price[],
): Price | undefined {
  const ofModel = prices.filter((price) => isSameGpuModel(price.gpuModel, gpuModel))
  const exact = ofModel.find((price) => price.instanceType === instanceType && instanceType !== "")
  return exact ?? ofModel.find((price) => price.instanceType === "")
}
