import type { Principal } from "../../domain/identity/index.ts"
import type { WorkloadService } from "../../domain/workloads/index.ts"
import { AppError } from "../../kit/errors.ts"
import { startTestServer, type TestServer } from "../test-server.ts"
import { workloadsFamily } from "./routes.ts"

/** The family with a service that does what the test says; a method not given throws as for an unknown workload. */
export function startWorkloadsServer(): Promise<TestServer<Partial<WorkloadService>>> {
  return startTestServer<WorkloadService>({
    family: workloadsFamily,
    principal: { userId: "usr_1", userName: "ann" } as unknown as Principal,
    services: (script, calls) => ({ workloads: scriptedWorkloads(script, calls) }),
  })
}

function scriptedWorkloads(script: () => Partial<WorkloadService>, calls: unknown[][]): WorkloadService {
  return new Proxy({} as WorkloadService, {
    get:
      (_, name: keyof WorkloadService) =>
      (principal: Principal, ...rest: unknown[]) => {
        calls.push([name, ...rest])
        const method = script()[name] as ((...given: unknown[]) => unknown) | undefined
        if (method) return method(principal, ...rest)
        const id = String(rest[0])
        return Promise.reject(new AppError("not_found", "said", { resource: "workload", name: id }))
      },
  })
}
