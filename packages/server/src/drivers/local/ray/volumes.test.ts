import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import type { RayPodId, RayPodLaunch, RayVolumeContent } from "../../../domain/ray/index.ts"
import { mountsOf } from "./volumes.ts"

let root = ""
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "berth-vol-"))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const account = { uid: 61_234, gid: 61_234, sharesAccount: false, userName: "x", home: undefined }
const canMount = process.getuid?.() === 0
if (!canMount) process.emitWarning("left out: volumes of Ray nodes, only root can mount them")

function asked(
  volumes: readonly Partial<RayVolumeContent>[],
  asServerOwner = true,
  hostPathAllow: readonly string[] = [],
  workspaceKey = "01K",
) {
  const whole = volumes.map((volume): RayVolumeContent => ({
    name: "v",
    mountPath: "/code",
    type: "emptyDir",
    source: "",
    hostPathType: "directory",
    readOnly: false,
    storageBytes: null,
    files: {},
    ...volume,
  }))
  const launch: RayPodLaunch = {
    id: "rpd_1" as RayPodId,
    name: "n",
    namespace: "team",
    rayCluster: "c",
    workspaceId: "ws_1",
    workspaceKey,
    asServerOwner,
    runtime: { version: "2.60.0", hasTokens: true, details: {} },
    group: "head",
    head: null,
    nodeName: "here",
    gpuIndexes: [],
    size: { cpuMilli: 0, memoryBytes: 0, gpus: 0, ephemeralBytes: 0 },
    customResources: {},
    rayStartParams: {},
    env: {},
    volumes: whole,
    portBlock: 0,
    token: null,
    serves: false,
  }
  const needed = ["/srv/berth", "/tmp/br-1"]
  return mountsOf(launch, account, { claims: join(root, "volumes"), needed, hostPathAllow })
}

test.for([
  "/",
  "/proc",
  "/proc/self",
  "/sys/fs",
  "/dev",
  "/usr",
  "/usr/",
  "/srv",
  "/srv/berth",
  "/tmp",
  "/tmp/../proc",
  "//proc",
  "code",
  "",
])("nothing is mounted at %j", async (mountPath) => {
  await expect(asked([{ mountPath }])).rejects.toMatchObject({ code: "invalid", detail: "volume" })
})

describe.runIf(canMount)("a volume", () => {
  test("of files is theirs alone; a secret one says so", async () => {
    const files = { "a/b": "text" }
    const mountPath = "/home/ray/samples/"
    expect(
      await asked([
        { type: "configMap", mountPath, files },
        { type: "secret", mountPath: "/tmp/s", files },
      ]),
    ).toEqual([
      { kind: "files", path: "/home/ray/samples", files, isSecret: false },
      { kind: "files", path: "/tmp/s", files, isSecret: true },
    ])
  })

  test.for(["../x", "a/../../x", "/x", ""])("with a file at %j is refused", async (path) => {
    await expect(asked([{ type: "configMap", files: { [path]: "" } }])).rejects.toMatchObject({
      detail: "volume",
    })
  })

  test("that is empty is the pod's own", async () => {
    const own = { kind: "folder", path: "/code", readOnly: true }
    expect(
      await asked([
        { type: "emptyDir", readOnly: true },
        { type: "ephemeral", readOnly: true },
      ]),
    ).toEqual([own, own])
  })

  test("of a claim is kept, with the account that used it first, also when its making was cut off", async () => {
    const folder = join(root, "volumes", "01K", "team", "data")
    const claim = { type: "persistentVolumeClaim", source: "data" } as const
    mkdirSync(join(folder, ".."), { recursive: true })
    mkdirSync(folder, { mode: 0o300 })
    const seen = await asked([claim])
    expect(seen).toEqual([{ kind: "host", path: "/code", source: folder, isFile: false, readOnly: false }])
    expect([statSync(folder).uid, statSync(folder).mode & 0o777]).toEqual([61_234, 0o700])
    chmodSync(folder, 0o755)
    writeFileSync(join(folder, "f"), "")
    expect(await asked([claim])).toEqual(seen)
    expect([existsSync(join(folder, "f")), statSync(folder).mode & 0o777]).toEqual([true, 0o755])
  })

  test("of a claim is another one in the next workspace of the name, and no path of its account leads to it", async () => {
    const claim = { type: "persistentVolumeClaim", source: "data" } as const
    const [before] = await asked([claim], false)
    const [after] = await asked([claim], false, [], "02K")
    expect(after).not.toEqual(before)
    const parents = ["volumes", "volumes/01K", "volumes/01K/team"].map((path) => statSync(join(root, path)))
    expect(parents.map(({ uid, mode }) => `${uid} ${(mode & 0o777).toString(8)}`)).toEqual(
      Array(3).fill("0 700"),
    )
  })

  test("of a claim cannot lead elsewhere", async () => {
    const claim = { type: "persistentVolumeClaim", source: "../other" } as const
    await expect(asked([claim])).rejects.toMatchObject({ detail: "volume" })
  })

  test("of the machine is for a server owner, and must be there", async () => {
    const host = { type: "hostPath", source: root } as const
    await expect(asked([host], false)).rejects.toThrow("only a server owner")
    expect(await asked([host])).toMatchObject([{ kind: "host", source: root, isFile: false }])
    await expect(asked([{ ...host, hostPathType: "file" }])).rejects.toThrow("is not there")
    await expect(asked([{ ...host, source: join(root, "no") }])).rejects.toThrow("is not there")
  })

  test("of the machine that is allowed is for everybody, and its links lead nowhere else", async () => {
    const [allowed, link, closed] = ["data", "link", "closed"].map((name) => join(root, name)) as [
      string,
      string,
      string,
    ]
    for (const folder of [join(allowed, "deep"), closed, `${allowed}-other`])
      mkdirSync(folder, { recursive: true })
    symlinkSync(allowed, link)
    symlinkSync(closed, join(allowed, "out"))
    symlinkSync("deep", join(allowed, "in"))
    const mounts = (source: string, ...prefixes: readonly string[]) =>
      asked([{ type: "hostPath", source }], false, prefixes)
    const { dev, ino } = statSync(join(allowed, "deep"))
    const deep = { source: join(allowed, "deep"), identity: `${dev}:${ino}` }
    expect(await mounts(join(allowed, "deep"), "/srv", allowed)).toMatchObject([deep])
    expect(await mounts(join(allowed, "in"), allowed)).toMatchObject([deep])
    expect(await mounts(`${allowed}/./deep/../deep/`, link)).toMatchObject([deep])
    expect(await mounts(allowed, allowed)).toMatchObject([{ source: allowed }])
    for (const source of [
      join(allowed, "out"),
      `${allowed}/../closed`,
      `${allowed}-other`,
      closed,
      root,
      "data",
    ])
      await expect(mounts(source, allowed), source).rejects.toThrow("local.hostPathAllow")
  })
})
