import type { AttemptLaunch, PodLaunch } from "../../domain/workloads/index.ts"
import type { FakeProgram } from "./fake-pod.ts"
import type { FakeScript } from "./fake-world.ts"

/** A script that does what the entry point says, as far as `readEntryPoint` understands it. */
export const entryPointScript: FakeScript = { pod: readEntryPoint }

/**
 * A small part of the shell, so that one entry point runs on the fake driver and on a real one: `echo`, `sleep`
 * (seconds, fractions, `infinity`), `exit`, `trap '' TERM` and `kill -N $$`, one after the other, with `$NAME` of the
 * environment and RANK. Anything else takes no time and succeeds.
 */
export function readEntryPoint(launch: AttemptLaunch, pod: PodLaunch): FakeProgram {
  const env: Record<string, string> = { ...launch.env, RANK: String(pod.index) }
  const lines: { afterMs: number; text: string }[] = []
  let afterMs = 0
  let ignoresTerm = false
  for (const command of launch.entryPoint.split(/\n|;|&&/)) {
    const [name = "", ...args] = command
      .trim()
      .replace(/^exec\s+/, "")
      .split(/\s+/)
    const text = args
      .join(" ")
      .replaceAll(/["']/g, "")
      .replaceAll(/\$\{?(\w+)\}?/g, (_all, key: string) => env[key] ?? "")
    if (name === "echo") lines.push({ afterMs, text })
    if (name === "trap" && /TERM/.test(text)) ignoresTerm = true
    if (name === "sleep" && args[0] === "infinity") return { runMs: null, ignoresTerm, lines }
    if (name === "sleep") afterMs += Math.round(Number(args[0]) * 1000) || 0
    const exitCode = endCode(name, args)
    if (exitCode !== undefined) return { runMs: afterMs, exitCode, ignoresTerm, lines }
  }
  return { runMs: afterMs, exitCode: 0, ignoresTerm, lines }
}

/** undefined for a command that does not end the script. */
function endCode(name: string, args: readonly string[]): number | undefined {
  if (name === "exit") return Number(args[0] ?? 0) & 255
  return name === "kill" ? 128 + signalOf(args[0]) : undefined
}

const signals: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  ABRT: 6,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  TERM: 15,
}

function signalOf(option = "-TERM"): number {
  const name = option.replace(/^-(SIG)?/, "")
  return signals[name] ?? (Number(name) || 15)
}
