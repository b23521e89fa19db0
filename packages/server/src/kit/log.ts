import { pino, type Logger } from "pino"

export type Log = Logger
export type LogLevel = "debug" | "info" | "warn" | "error" | "silent"

/**
 * The server's logger: one JSON line an entry on standard error. Levels by the action they ask for:
 * error = a person must act, warn = watch, info = state changes, debug = off.
 */
export function createLog(level: LogLevel): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: {
        paths: ["token", "*.token", "*.authorization", "*.hash", "*.env", "*.entryPoint"],
        censor: "***",
      },
    },
    pino.destination({ fd: 2, sync: true }),
  )
}

/** Says nothing: for tests. */
export const silentLog: Log = pino({ level: "silent" })
