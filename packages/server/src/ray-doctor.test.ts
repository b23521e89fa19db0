import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { rayFindings } from "./ray-doctor.ts"

let bin: string
beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), "berth-doc-"))
})
afterEach(() => rmSync(bin, { recursive: true, force: true }))

async function finding(name: string, env: Readonly<Record<string, string>> = {}) {
  const all = await rayFindings({ BERTH_LOCAL_PATH: bin, ...env })
  expect(all.map((one) => one.name)).toEqual(["ray python", "ray volumes", "ray ports"])
  for (const { level, message, advice } of all) {
    expect(message).toMatch(/^\S.*\.$/s)
    expect(advice === "").toBe(level === "ok")
  }
  return all.find((one) => one.name === name)
}

const python = (answer: string) =>
  writeFileSync(join(bin, "python3"), `#!/bin/sh\necho '${answer}'\n`, { mode: 0o755 })

test("a machine without a Python for Ray is warned of, with what to do", async () => {
  expect(await finding("ray python")).toMatchObject({
    level: "warn",
    message: "There is no Python 3.9 or later on this machine, which Ray needs.",
    advice: expect.stringContaining("--ray-interpreter") as string,
  })
  python('[3, 11, false, "/usr"]')
  expect((await finding("ray python"))?.message).toContain("python3-venv")
})

test("the Python is named, and whether workspaces' accounts may run it", async () => {
  python('[3, 11, true, "/usr"]')
  // the test's folder is closed to them
  expect(await finding("ray python")).toMatchObject({
    level: "warn",
    message: expect.stringMatching(/Python 3\.11 \(.*\/python3\).*accounts may not run it\.$/) as string,
  })
})

test("ports that others listen on are counted", async () => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  const ports = `${port}-${port + 299}`
  const taken = await finding("ray ports", { BERTH_LOCAL_RAY_PORTS: ports })
  expect(taken).toMatchObject({
    level: "warn",
    advice: expect.stringContaining("--local-ray-ports") as string,
  })
  expect(taken?.message).toContain("0 of 1 Ray nodes")
  await new Promise((resolve) => server.close(resolve))
})
