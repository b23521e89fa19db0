import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import {
  forgetLogin,
  keepLogin,
  type KeptLogin,
  loginAt,
  loginsPath,
  readLogins,
  serverOf,
} from "./kept-logins.ts"
import { createTestTerminal } from "./test-terminal.ts"

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "berth-logins-"))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const terminal = (env: Record<string, string> = {}) => createTestTerminal({ env, homeDir: home })
const login = (server: string, token = "berth_x"): KeptLogin => ({
  server,
  token,
  userName: "ann",
  kind: "session",
  expiresAt: "2030-01-01T12:00:00.000Z",
})
const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8)

describe("logins", () => {
  it("are kept one a server, the last one being the current, until they are forgotten", () => {
    expect(readLogins(terminal())).toEqual({ current: null, logins: [] })
    keepLogin(terminal(), login("https://a"))
    keepLogin(terminal(), login("https://b"))
    keepLogin(terminal(), login("https://a", "berth_y"))
    expect(readLogins(terminal())).toEqual({
      current: "https://a",
      logins: [login("https://b"), login("https://a", "berth_y")],
    })
    expect(loginAt(readLogins(terminal()), "https://A:443/")).toEqual(login("https://a", "berth_y"))
    forgetLogin(terminal(), "https://c")
    forgetLogin(terminal(), "https://a")
    expect(readLogins(terminal())).toEqual({ current: null, logins: [login("https://b")] })
    forgetLogin(terminal(), "https://b")
    expect(existsSync(loginsPath(terminal()))).toBe(false)
  })

  it("are for this account alone, in a folder that is too, and are written beside first", () => {
    mkdirSync(join(home, ".config", "berth"), { recursive: true, mode: 0o755 })
    chmodSync(join(home, ".config", "berth"), 0o755)
    keepLogin(terminal(), login("https://a"))
    const file = loginsPath(terminal())
    expect(file).toBe(join(home, ".config", "berth", "logins.json"))
    expect([modeOf(file), modeOf(dirname(file))]).toEqual(["600", "700"])
    expect(readdirSync(dirname(file))).toEqual(["logins.json"])
    // whoever has the old file open reads the old one
    const before = statSync(file).ino
    keepLogin(terminal(), login("https://b"))
    expect(statSync(file).ino).not.toBe(before)
  })

  it("lie below XDG_CONFIG_HOME, where that is a whole path", () => {
    const env = { XDG_CONFIG_HOME: join(home, "elsewhere") }
    keepLogin(terminal(env), login("https://a"))
    expect(loginsPath(terminal(env))).toBe(join(home, "elsewhere", "berth", "logins.json"))
    expect(readLogins(terminal()).logins).toEqual([])
    expect(loginsPath(terminal({ XDG_CONFIG_HOME: "." }))).toBe(loginsPath(terminal()))
  })

  it("that others may read are not taken, nor added to", () => {
    keepLogin(terminal(), login("https://a"))
    chmodSync(loginsPath(terminal()), 0o640)
    const refusal = expect.objectContaining({ message: expect.stringContaining("Others may read") })
    expect(() => readLogins(terminal())).toThrow(refusal)
    expect(() => keepLogin(terminal(), login("https://b"))).toThrow(refusal)
  })

  it.each([
    "",
    "{",
    "[]",
    "null",
    "7",
    '{"logins":{}}',
    '{"logins":[{"server":"https://a"}]}',
    '{"logins":[7]}',
  ])("that are damaged (%j) are said to be, without what is in the file", (text) => {
    mkdirSync(dirname(loginsPath(terminal())), { recursive: true })
    writeFileSync(loginsPath(terminal()), text, { mode: 0o600 })
    expect(() => readLogins(terminal())).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/logins\.json is damaged\.$/) }),
    )
  })

  it("that cannot be kept are said to be, by their file and without their token", () => {
    writeFileSync(join(home, ".config"), "a file where a folder is wanted")
    expect(() => keepLogin(terminal(), login("https://a", "berth_secret"))).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(/logins\.json.*cannot be written \(\w+\)\.$/),
      }),
    )
  })
})

it("knows a server by scheme, host, port and path, whatever its spelling", () => {
  for (const url of ["https://a.example/x", "HTTPS://A.Example:443/x/", "https://a.example/x/?q#f"])
    expect(serverOf(url)).toBe("https://a.example/x")
  expect(serverOf("http://127.0.0.1:8080/")).toBe("http://127.0.0.1:8080")
  for (const text of ["nonsense", "gpu.example:8080", "ftp://gpu.example/", "https://ann:horse@gpu.example/"])
    expect(serverOf(text)).toBe(text)
})
