import { expect, it } from "vitest"
import { loadConfig, type ConfigFlags } from "./config.ts"
import { defaultLimits } from "./domain/gpu-requests/index.ts"
import { gpuLimitsOf } from "./gpu-limits.ts"

function limitsOf(flags: ConfigFlags) {
  const loaded = loadConfig(flags, {}, null)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.faults))
  return gpuLimitsOf(loaded.config.gpuRequests)
}

it("has the limits that hold where nothing is said", () => {
  expect(limitsOf({})).toEqual(defaultLimits)
})

it("has every limit as it was said, lengths in milliseconds", () => {
  expect(
    limitsOf({
      "gpuRequests.mostGpusPerNode": "8",
      "gpuRequests.mostNodes": "2",
      "gpuRequests.longestDurationHours": "48",
      "gpuRequests.longestIdleTimeoutSeconds": "90",
      "gpuRequests.mostQueuedPerWorkspace": "5",
      "gpuRequests.warnBeforeEndSeconds": "0",
      "gpuRequests.nodeLostAfterSeconds": "7",
      "gpuRequests.automaticStepHours": "3",
    }),
  ).toEqual({
    mostGpusPerNode: 8,
    mostNodes: 2,
    longestDurationMs: 172_800_000,
    longestIdleTimeoutMs: 90_000,
    mostQueuedPerWorkspace: 5,
    warnBeforeEndMs: 0,
    nodeLostAfterMs: 7000,
    automaticStepMs: 10_800_000,
  })
})
