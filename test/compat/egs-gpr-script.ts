import type {
  GpuRequestService,
  GpuSettingsService,
} from "../../packages/server/src/domain/gpu-requests/index.ts"
import { AppError } from "../../packages/server/src/kit/errors.ts"

/** What the services of GPU requests and their settings do. */
export type Script = Partial<GpuRequestService & GpuSettingsService>

/** Services that do what the test says; what it does not say is not there. */
export function scriptedServices() {
  const calls: unknown[][] = []
  const state = { script: {} as Script, calls }
  const service = new Proxy({} as GpuRequestService & GpuSettingsService, {
    get:
      (_, name: keyof Script) =>
      (principal: unknown, ...rest: unknown[]) => {
        calls.push([name, ...rest])
        const method = state.script[name] as ((...given: unknown[]) => unknown) | undefined
        if (method) return method(principal, ...rest)
        const facts = { resource: "gpu-request", name: String(rest[0]) }
        return Promise.reject(new AppError("not_found", "said", facts))
      },
  })
  return { state, services: { gpuRequests: service, gpuSettings: service } }
}
