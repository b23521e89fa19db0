import type { Gpu, Node } from "@berth/contract/berth"
import { humanBytes } from "./human.ts"

/** The GPUs of a node that there is something to say of: declared ones do nothing. */
export function gpusToShow(node: Pick<Node, "gpus" | "simulated">): readonly Gpu[] {
  return node.simulated ? [] : node.gpus
}

/** `well, 34 °C, 72 of 700 W, 98 % busy, 4MiB of 80GiB in use`; what is not known is left out. */
export function gpuLine(gpu: Gpu): string {
  const power = gpu.powerLimitW === null ? "" : ` of ${Math.round(gpu.powerLimitW)}`
  const facts = [
    gpu.temperatureC === null ? "" : `${Math.round(gpu.temperatureC)} °C`,
    gpu.powerW === null ? "" : `${Math.round(gpu.powerW)}${power} W`,
    gpu.utilisationPercent === null ? "" : `${Math.round(gpu.utilisationPercent)} % busy`,
    gpu.memoryUsedBytes === null
      ? humanBytes(gpu.memoryBytes)
      : `${humanBytes(gpu.memoryUsedBytes)} of ${humanBytes(gpu.memoryBytes)} in use`,
    gpu.usedOutside ? "used outside Berth" : "",
  ].filter((fact) => fact !== "")
  return [gpu.fault === "" ? "well" : gpu.fault.replace(/\.$/, ""), ...facts].join(", ")
}

/** The busiest and the hottest of a node's GPUs, and how many are not well; blank where nothing is known. */
export function gpuState(node: Pick<Node, "gpus" | "simulated">): string {
  const gpus = gpusToShow(node)
  const most = (values: readonly (number | null)[]) => {
    const known = values.filter((value) => value !== null)
    return known.length === 0 ? null : Math.round(Math.max(...known))
  }
  const busy = most(gpus.map((gpu) => gpu.utilisationPercent))
  const hot = most(gpus.map((gpu) => gpu.temperatureC))
  const faulty = gpus.filter((gpu) => gpu.fault !== "").length
  const facts = [
    faulty === 0 ? "" : `${faulty} faulty`,
    busy === null ? "" : `${busy} %`,
    hot === null ? "" : `${hot} °C`,
  ]
  return facts.filter((fact) => fact !== "").join(" ")
}
