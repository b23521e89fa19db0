import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { runCli } from "../program.ts"
import { createTestTerminal } from "../test-terminal.ts"

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "berth-unit-"))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

async function unit(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const terminal = createTestTerminal({ homeDir: home, cwd: home, isRoot: false, env })
  const code = await runCli(["unit", ...args], terminal)
  return { code, text: terminal.stdout(), err: terminal.stderr() }
}

/** The unit's settings by section, as systemd would read them: one value a line, in order. */
function parse(text: string): Record<string, string[]> {
  const found: Record<string, string[]> = {}
  let section = ""
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue
    const head = /^\[(\w+)\]$/.exec(line)?.[1]
    if (head !== undefined) section = head
    else {
      const [, name = "", value = ""] = /^(\w+)=(.*)$/.exec(line) ?? [line]
      ;(found[`${section}.${name}`] ??= []).push(value)
    }
  }
  return found
}

/** The words of a command as systemd splits them. */
function words(command: string): readonly string[] {
  return [...command.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, plain]) =>
    (quoted?.replaceAll(/\\(.)/g, "$1") ?? plain ?? "").replaceAll("%%", "%").replaceAll("$$", "$"),
  )
}

describe("berth unit", () => {
  it("leaves pods alive, comes back always, and is not ended by a pod's memory", async () => {
    const { code, text } = await unit([])
    const service = parse(text)
    expect(code).toBe(0)
    expect(service).toMatchObject({
      "Service.KillMode": ["process"],
      "Service.Restart": ["always"],
      "Service.OOMPolicy": ["continue"],
      "Service.Delegate": ["yes"],
      "Unit.StartLimitIntervalSec": ["0"],
      "Install.WantedBy": ["multi-user.target"],
    })
    const command = words(service["Service.ExecStart"]?.[0] ?? "")
    expect(command[0]).toBe(process.execPath)
    expect(command.slice(-3)).toEqual(["up", "--data", "/var/lib/berth"])
    expect(service["Service.User"]).toBeUndefined()
  })

  it("starts what the flags say, word for word, with paths made absolute", async () => {
    const config = join(home, "berth $1 %n.yaml")
    writeFileSync(config, "openMetrics: true\n")
    const { text } = await unit([
      "--config",
      config,
      "--data",
      "my data",
      "--simulate",
      "2x8xH100",
      "--simulate",
      "1x4xT4,cluster=local",
      "--listen",
      "127.0.0.1:9000",
      "--no-auth",
      "--local-path",
      '/opt/"x"/bin:/bin',
    ])
    const command = words(parse(text)["Service.ExecStart"]?.[0] ?? "")
    expect(command.slice(command.indexOf("up") + 1)).toEqual([
      "--data",
      join(home, "my data"),
      "--config",
      config,
      "--listen",
      "127.0.0.1:9000",
      "--simulate",
      "2x8xH100",
      "--simulate",
      "1x4xT4,cluster=local",
      "--no-auth",
      "--local-path",
      '/opt/"x"/bin:/bin',
    ])
  })

  it("takes settings of the environment along as variables", async () => {
    const { text } = await unit([], {
      BERTH_STOP_GRACE_SECONDS: "5",
      BERTH_ALLOW_HOST: "a.example b.example",
    })
    expect(parse(text)["Service.Environment"]?.toSorted()).toEqual([
      '"BERTH_ALLOW_HOST=a.example b.example"',
      '"BERTH_STOP_GRACE_SECONDS=5"',
    ])
  })

  it("for one user has that user's directory and manager", async () => {
    const service = parse((await unit(["--user"])).text)
    expect(service["Install.WantedBy"]).toEqual(["default.target"])
    expect(words(service["Service.ExecStart"]?.[0] ?? "")).toContain(`${home}/.local/share/berth`)
    expect(service["Unit.After"]).toBeUndefined()
  })

  it("for another account has systemd make the directory", async () => {
    expect(parse((await unit(["--account", "berth"])).text)).toMatchObject({
      "Service.User": ["berth"],
      "Service.StateDirectory": ["berth"],
    })
    const elsewhere = parse((await unit(["--account", "berth", "--data", "/srv/berth"])).text)
    expect(elsewhere["Service.StateDirectory"]).toBeUndefined()
  })

  it("refuses wrong settings, names that are none, and passwords that all could read", async () => {
    expect(await unit(["--listen", "nowhere"])).toMatchObject({ code: 2, text: "" })
    expect(await unit(["--account", "a b"])).toMatchObject({ code: 2, text: "" })
    expect(await unit(["--user", "--account", "berth"])).toMatchObject({ code: 2, text: "" })
    const secret = await unit(["--local-path", "postgres://berth:hunter2@db/berth"])
    expect(secret).toMatchObject({ code: 2, text: "" })
    expect(secret.err).toMatch(/holds a password/)
    expect(secret.err).not.toContain("hunter2")
  })

  const verifier = spawnSync("systemd-analyze", ["--version"]).status === 0
  if (!verifier) process.stderr.write("left out: systemd-analyze is not here, units are not verified by it\n")
  it.skipIf(!verifier)("is a unit that systemd finds no fault with", async () => {
    for (const args of [[], ["--user"], ["--account", "root"]]) {
      const file = join(home, "berth.service")
      writeFileSync(file, (await unit([...args, "--data", join(home, 'it\'s 100% "mine"')])).text)
      const { status, stderr, stdout } = spawnSync(
        "systemd-analyze",
        ["verify", ...(args[0] === "--user" ? ["--user"] : []), file],
        { encoding: "utf8", timeout: 30_000, env: { ...process.env, XDG_RUNTIME_DIR: home } },
      )
      // what it says of other units of the machine is not about ours
      const ours = `${stdout}${stderr}`.split("\n").filter((line) => line.includes("berth"))
      expect([status, ours]).toEqual([0, []])
    }
  })
})
