import { readFileSync } from "node:fs"

/** Most connections where no limit is known or it is very large. */
const mostConnections = 8192

/** How many files this process may have open; undefined when the kernel does not say. */
export function openFileLimit(limits = readLimits()): number | undefined {
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1]
  return soft === undefined || soft === "unlimited" ? undefined : Number(soft)
}

function readLimits(): string {
  try {
    return readFileSync("/proc/self/limits", "utf8")
  } catch {
    return ""
  }
}

/**
 * How many connections to take at once: at most half of the files that may be open, so that clients, and pods that
 * connect as they like, leave the server enough to read its logs and to start and end pods.
 */
export function connectionLimit(openFiles = openFileLimit()): number {
  return Math.min(mostConnections, Math.floor((openFiles ?? Infinity) / 2))
}

/** How many connections to forward at once: with two files each, at most a quarter of those that may be open. */
export function forwardLimit(openFiles = openFileLimit()): number {
  return Math.min(mostConnections, Math.floor((openFiles ?? Infinity) / 8))
}

/** More probes at a time only make each other late. */
const mostProbes = 512

/** How many probes of pods may be under way at once: at most a sixteenth of the files that may be open. */
export function probeLimit(openFiles = openFileLimit()): number {
  return Math.max(1, Math.min(mostProbes, Math.floor((openFiles ?? Infinity) / 16)))
}
