import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { readTextSync, writtenAtMs } from "./attempt-files.ts"
import { isSameAlive, type ProcessIdentity } from "./processes.ts"

/** What a pod's folder and the kernel say about it. */
export type PodTruth =
  | { readonly is: "waiting" }
  /** Its wrapper has begun and has not said who it is: alive or not, nobody can tell from here. */
  | { readonly is: "beginning" }
  | { readonly is: "running"; readonly wrapper: ProcessIdentity; readonly startedAtMs: number }
  | {
      readonly is: "exited"
      readonly code: number
      readonly startedAtMs: number | null
      readonly endedAtMs: number
    }
  /** Its wrapper is gone and has left no code. */
  | { readonly is: "lost"; readonly startedAtMs: number | null; readonly otherBoot: boolean }

/** Reads what is true of a pod now. */
export function readPodTruth(folder: string, bootId: string): PodTruth {
  const exited = readExit(folder)
  if (exited) return exited
  const text = readTextSync(join(folder, "pid"))
  if (text === undefined)
    return writtenAtMs(join(folder, "lock")) === undefined ? { is: "waiting" } : { is: "beginning" }
  const [boot, pid, start] = text.trim().split(" ")
  const startedAtMs = writtenAtMs(join(folder, "pid")) ?? 0
  if (boot !== bootId) return { is: "lost", startedAtMs, otherBoot: true }
  const wrapper = { pid: Number(pid), startTicks: Number(start) }
  if (isSameAlive(wrapper)) return { is: "running", wrapper, startedAtMs }
  // it may have written its code between the two looks
  return readExit(folder) ?? { is: "lost", startedAtMs, otherBoot: false }
}

/** The process that was a pod's wrapper, alive or not; undefined when it left no name in this boot. */
export function wrapperOf(
  folder: string,
  bootId: string,
): (ProcessIdentity & { readonly isGrouped: boolean }) | undefined {
  const [boot, pid, start, grouped] = (readTextSync(join(folder, "pid")) ?? "").trim().split(" ")
  if (boot !== bootId || !pid || !start) return undefined
  return { pid: Number(pid), startTicks: Number(start), isGrouped: grouped === "grouped" }
}

function readExit(folder: string): PodTruth | undefined {
  const path = join(folder, "exit")
  const text = readTextSync(path)?.trim()
  if (!text || !/^\d{1,3}$/.test(text)) return undefined
  return {
    is: "exited",
    code: Number(text),
    startedAtMs: writtenAtMs(join(folder, "pid")) ?? null,
    endedAtMs: writtenAtMs(path) ?? 0,
  }
}

/** Takes the lock that a wrapper needs: true = no process of the pod will ever start. */
export function forbidStart(folder: string): boolean {
  try {
    mkdirSync(join(folder, "lock"))
    return true
  } catch {
    return false
  }
}
