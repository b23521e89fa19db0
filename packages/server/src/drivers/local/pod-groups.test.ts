import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, rmdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, expect, it } from "vitest"
import { makeGroup, openPodGroups, pidsInGroup, podGroup } from "./pod-groups.ts"

/** Names the groups; nothing is at that path. */
const place = `/nonexistent/${process.pid}`
const groups = openPodGroups(place)
if (!groups)
  process.stderr.write("left out: no control group can be made here, their removal is not tested\n")

let child: ChildProcess | undefined
afterEach(async () => {
  if (child && child.exitCode === null && child.signalCode === null) {
    const ended = once(child, "exit")
    child.kill("SIGKILL")
    await ended
  }
})

it.skipIf(!groups)("that a killed server left empty go when the next one starts, others stay", async () => {
  const root = groups?.root ?? ""
  const empty = podGroup(root, "att_1", 0)
  const used = podGroup(root, "att_2", 0)
  makeGroup(empty)
  makeGroup(used)
  child = spawn("sleep", ["600"], { stdio: "ignore" })
  await once(child, "spawn")
  writeFileSync(join(used, "cgroup.procs"), String(child.pid))
  openPodGroups(place)
  expect([existsSync(empty), pidsInGroup(used)]).toEqual([false, [child.pid]])
  const ended = once(child, "exit")
  child.kill("SIGKILL")
  await ended
  openPodGroups(place)
  expect(existsSync(used)).toBe(false)
  rmdirSync(root)
})
