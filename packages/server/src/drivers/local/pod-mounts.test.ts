import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { PodMount } from "../../domain/workloads/index.ts"
import { launchOf, untilGone, wholeLog } from "../driver-world.ts"
import { createLocalWorld, scripted, type LocalWorld } from "./local-test-world.ts"

const canMount = triesMount()
if (!canMount) {
  if (process.env["CI_FULL"] === "1") throw new Error("Mount namespaces are required here.")
  process.emitWarning("left out: mounts of pods, this account can make no mount namespace")
}

function triesMount(): boolean {
  try {
    execFileSync("unshare", ["--mount", "--propagation", "private", "true"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}

const never = new AbortController().signal
const firstUid = 65_600 + (process.pid % 300) * 10

let world: LocalWorld
beforeEach(() => {
  world = createLocalWorld({ uidRange: [firstUid, firstUid + 9] })
})
afterEach(() => world.close())

async function run(mounts: readonly PodMount[], entryPoint: string) {
  const bare = scripted(world, launchOf(1, { asServerOwner: false }), entryPoint)
  const launch = { ...bare, pods: bare.pods.map((pod) => ({ ...pod, mounts })) }
  const handle = await world.driver.ensure(launch, never)
  const seen = await untilGone(world, handle)
  const podId = launch.pods[0]?.podId ?? ""
  const { lines } = await world.driver.readLog(handle, podId, wholeLog)
  return { launch, handle, lines, exitCode: seen.pods[0]?.exitCode }
}

describe.runIf(canMount)("what a pod sees at its mounts", () => {
  const files = { "a.py": "print('it''s')\n", "sub/b": "$HOME `id`" }

  it("files, also deep below folders that are not there, and nothing of it stays on the machine", async () => {
    const path = `/home/berth-mount-${process.pid}/samples`
    const { lines } = await run(
      [{ kind: "files", path, files, isSecret: false }],
      `cat ${path}/a.py ${path}/sub/b; echo; echo x 2>/dev/null >${path}/a.py || echo closed; ls /home | wc -l`,
    )
    expect(lines.slice(0, 3)).toEqual(["print('it''s')", "$HOME `id`", "closed"])
    expect(existsSync(`/home/berth-mount-${process.pid}`)).toBe(false)
  })

  it("a place directly below the root, and the rest of the machine as it was", async () => {
    const path = `/berth-mount-${process.pid}`
    const { lines, exitCode } = await run(
      [
        { kind: "files", path: `${path}/one`, files: { f: "1" }, isSecret: false },
        { kind: "folder", path: `${path}-two`, readOnly: false },
      ],
      `cat ${path}/one/f; echo; echo 2 >${path}-two/g && cat ${path}-two/g; pwd; cat /proc/self/comm; touch /tmp/x.$$ && rm /tmp/x.$$`,
    )
    expect(lines).toEqual(["1", "2", expect.stringContaining(world.dataDir), "cat"])
    expect(exitCode).toBe(0)
    expect([existsSync(path), existsSync(`${path}-two`)]).toEqual([false, false])
  })

  it("secret files as their owner alone may read them, and the text is in no file once it is over", async () => {
    const path = join(world.openDir, "secret")
    const { lines, launch } = await run(
      [{ kind: "files", path, files: { key: "sesame" }, isSecret: true }],
      `stat -c '%a %u' ${path} ${path}/key; id -u`,
    )
    const uid = lines[2]
    expect(lines).toEqual([`500 ${uid}`, `400 ${uid}`, uid])
    expect(Number(uid)).toBeGreaterThanOrEqual(firstUid)
    expect(existsSync(join(world.dataDir, "pods", launch.id, "0", "mounts"))).toBe(false)
    expect(existsSync(path)).toBe(false)
  })

  it("a folder and a file of the machine, read only where it says so", async () => {
    const source = join(world.openDir, "data")
    mkdirSync(source)
    writeFileSync(join(source, "f"), "here\n")
    const at = (name: string) => join(world.openDir, "seen", name)
    const { lines } = await run(
      [
        { kind: "host", path: at("folder"), source, isFile: false, readOnly: true },
        { kind: "host", path: at("file"), source: join(source, "f"), isFile: true, readOnly: false },
      ],
      `cat ${at("folder")}/f ${at("file")}; touch ${at("folder")}/g 2>&1 | grep -o 'Read-only file system'`,
    )
    expect(lines).toEqual(["here", "here", "Read-only file system"])
    expect(readFileSync(join(source, "f"), "utf8")).toBe("here\n")
  })

  it("an empty folder that is removed with the pod's working folder", async () => {
    const path = join(world.openDir, "empty")
    const { lines, launch, handle } = await run(
      [{ kind: "folder", path, readOnly: false }],
      `ls -A ${path}; echo mine >${path}/f; mkdir ${path}/d; chmod 0 ${path}/d; cat ${path}/f`,
    )
    expect(lines).toEqual(["mine"])
    await world.driver.forget(launch.id, handle, false)
    expect(existsSync(join(world.dataDir, "pods", launch.id, "0", "volumes"))).toBe(false)
  })

  it("nothing in the place of what was to be mounted, when that was exchanged meanwhile", async () => {
    const [path, source] = [join(world.openDir, "seen"), join(world.openDir, "data")]
    mkdirSync(source)
    const { dev, ino } = statSync(source)
    const mount = { kind: "host", path, source, isFile: false, readOnly: true } as const
    const same = await run([{ ...mount, identity: `${dev}:${ino}` }], "echo started")
    expect([same.lines, same.exitCode]).toEqual([["started"], 0])
    world = await world.close().then(() => createLocalWorld({ uidRange: [firstUid, firstUid + 9] }))
    const other = { ...mount, source: "/etc", identity: `${dev}:${ino}` }
    const { lines, exitCode } = await run([other], "echo started")
    expect([lines, exitCode]).toEqual([[`berth: the mount at ${path} could not be made`], 126])
  })

  it("a mount that cannot be made ends the pod, with its place", async () => {
    const path = join(world.openDir, "gone")
    const source = join(world.openDir, "not-there")
    const { lines, exitCode } = await run(
      [{ kind: "host", path, source, isFile: false, readOnly: false }],
      "echo started",
    )
    expect(exitCode).toBe(126)
    expect(lines.at(-1)).toBe(`berth: the mount at ${path} could not be made`)
    expect(lines).not.toContain("started")
  })
})
