import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { silentLog } from "../../kit/log.ts"
import { createAccounts, gpuDeviceGroups, type AccountsOptions } from "./accounts.ts"
import { localPaths, makeSharedFolders } from "./attempt-files.ts"
import { niceFor } from "./pod-start.ts"

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "berth-accounts-"))
  chmodSync(dir, 0o711)
  makeSharedFolders(localPaths(dir))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

function accounts(change: Partial<AccountsOptions> = {}) {
  return createAccounts({
    paths: localPaths(dir),
    log: silentLog,
    runAs: "auto",
    uidRange: [60_000, 60_999],
    shareAccount: false,
    serverUid: 1000,
    ...change,
  })
}

describe("a server that is not root", () => {
  it("runs a server owner's workloads as itself", async () => {
    expect(await accounts().accountFor("team-a", true)).toMatchObject({ uid: 1000, sharesAccount: true })
  })

  it("refuses everybody else's, naming the setting that allows it", async () => {
    await expect(accounts().accountFor("team-a", false)).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("local.shareAccount") as string,
    })
  })

  it("runs them as itself where that is set", async () => {
    const shared = accounts({ shareAccount: true })
    expect(await shared.accountFor("team-a", false)).toMatchObject({ uid: 1000, sharesAccount: true })
  })

  it("never pretends to separate where separation is forced", async () => {
    for (const asOwner of [true, false])
      await expect(
        accounts({ runAs: "uid", shareAccount: true }).accountFor("team-a", asOwner),
      ).rejects.toMatchObject({ code: "unavailable" })
  })
})

it("does not guess accounts from a damaged table", () => {
  writeFileSync(localPaths(dir).accounts, "{")
  expect(() => accounts()).toThrow(/damaged/)
})

it("finds no device groups where there are no devices", () => {
  expect(gpuDeviceGroups(join(dir, "none"))).toEqual([])
  expect(gpuDeviceGroups(dir)).toEqual([])
})

it.each([
  [8000, 8, 1],
  [2000, 8, 6],
  [0, 8, 15],
  [64_000, 8, 1],
])("gives a pod that asked for %i of %i cores a niceness of %i", (cpuMilli, cores, nice) => {
  expect(niceFor(cpuMilli, cores)).toBe(nice)
})
