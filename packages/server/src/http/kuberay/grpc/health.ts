import type { Server } from "@grpc/grpc-js"
import { HealthImplementation } from "grpc-health-check"
import type { OpenStreams, StreamHandler } from "./streams.ts"

/** `grpc.health.v1`, open to everybody like `/healthz`. */
export interface Health {
  /** Tells those who watch what is true now. */
  refresh(): void
}

type Unary = (call: unknown, callback: unknown) => void
interface Implementation {
  readonly check: Unary
  readonly list: Unary
  readonly watch: StreamHandler
}

/**
 * Adds it: SERVING while `isServing`, for the server ("") and for each service.
 * @param isServing asked at every call and at `refresh`
 */
export function addHealth(
  server: Server,
  streams: OpenStreams,
  services: readonly string[],
  isServing: () => boolean,
): Health {
  const health = new HealthImplementation()
  const refresh = () => {
    const status = isServing() ? "SERVING" : "NOT_SERVING"
    for (const name of ["", ...services]) health.setStatus(name, status)
  }
  const asked =
    (handle: Unary): Unary =>
    (call, callback) => {
      refresh()
      handle(call, callback)
    }
  const target: Pick<Server, "addService"> = {
    addService(definition, implementation) {
      const { check, list, watch } = implementation as unknown as Implementation
      const watched = streams.guard((call) => {
        refresh()
        watch(call)
      }, false)
      const wrapped = { check: asked(check), list: asked(list), watch: watched }
      server.addService(definition, wrapped)
    },
  }
  health.addToServer(target)
  return { refresh }
}
