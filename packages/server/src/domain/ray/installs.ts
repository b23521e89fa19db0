import { AppError } from "../../kit/errors.ts"
import type { RayBackend, RayRuntime, RayRuntimeWanted } from "./ports.ts"
import type { RayClusterKey } from "./types.ts"

/** How an installation ended. */
export type InstallOutcome =
  | { readonly kind: "ready"; readonly runtime: RayRuntime }
  | { readonly kind: "failed"; readonly error: AppError }

/** Installations that go on between looks: pip takes minutes, a look has one. */
export interface Installs {
  /** Begins it where it has not been; undefined while it goes on. An outcome is given once. */
  look(key: RayClusterKey, backend: RayBackend, wanted: RayRuntimeWanted): InstallOutcome | undefined
  /** Nobody waits for it any more. */
  giveUp(key: RayClusterKey): void
  /** All of them. Idempotent. */
  close(): void
}

export function createInstalls(on: {
  /** A sentence of progress. */
  readonly step: (key: RayClusterKey, sentence: string) => void
  /** `look` has an outcome now. */
  readonly settled: (key: RayClusterKey) => void
}): Installs {
  const running = new Map<RayClusterKey, { readonly abort: AbortController; outcome?: InstallOutcome }>()

  function begin(key: RayClusterKey, backend: RayBackend, wanted: RayRuntimeWanted): void {
    const abort = new AbortController()
    const install: { readonly abort: AbortController; outcome?: InstallOutcome } = { abort }
    running.set(key, install)
    const settle = (outcome: InstallOutcome) => {
      if (abort.signal.aborted) return
      install.outcome = outcome
      on.settled(key)
    }
    backend
      .prepare(wanted, (sentence) => on.step(key, sentence), abort.signal)
      .then(
        (runtime) => settle({ kind: "ready", runtime }),
        (error: unknown) => settle({ kind: "failed", error: AppError.from(error) }),
      )
  }

  function giveUp(key: RayClusterKey): void {
    running.get(key)?.abort.abort()
    running.delete(key)
  }

  return {
    look(key, backend, wanted) {
      const install = running.get(key)
      if (!install) begin(key, backend, wanted)
      if (!install?.outcome) return undefined
      running.delete(key)
      return install.outcome
    },
    giveUp,
    close() {
      for (const key of running.keys()) giveUp(key)
    },
  }
}
