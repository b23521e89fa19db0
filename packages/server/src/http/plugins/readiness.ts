import { AppError } from "../../kit/errors.ts"
import type { Services } from "../services.ts"

/** @throws AppError `unavailable`, detail `closing` or `not_ready` */
export function checkReady({ readiness }: Pick<Services, "readiness">, isClosing: boolean): void {
  if (isClosing)
    throw new AppError("unavailable", "The server is shutting down.", {
      detail: "closing",
      retryAfterMs: 1000,
    })
  const { isReady, message } = readiness()
  if (!isReady) throw new AppError("unavailable", message, { detail: "not_ready", retryAfterMs: 1000 })
}
