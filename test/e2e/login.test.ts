import { spawn } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { hasPython, isLeftOut } from "../support/machine.ts"
import {
  cleanEnvironment,
  cliFile,
  nodeFlags,
  type RealServer,
  startRealServer,
} from "../support/real-server.ts"
import { runCli } from "../support/run-cli.ts"

/* Signing in with the program itself: at a terminal, and without one. */

const noPython = isLeftOut(
  hasPython,
  "signing in at a terminal",
  "python3, which makes the terminal, is not installed",
)
const helper = fileURLToPath(new URL("at-terminal.py", import.meta.url))
const password = "correct horse"

let server: RealServer
let home: string
beforeAll(async () => {
  server = await startRealServer()
  await server.member("ann", { default: "editor" })
  await server.call("PUT", "/berth/v1/users/ann/password", { json: { password } })
})
afterAll(() => server?.close())
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "berth-login-"))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

interface Step {
  /** What must be on the screen first. */
  readonly until: string
  readonly type?: string
  readonly signal?: string
}
interface AtTerminal {
  /** Below 0: the signal that ended it. */
  readonly code: number
  readonly screen: string
  /** At each step. */
  readonly looks: readonly { readonly echoes: boolean; readonly argv: string; readonly env: string }[]
  /** Whether what is typed is shown, after the end. */
  readonly echoes: boolean
}

/** `berth ARGS` as a person sees it. */
async function atTerminal(args: readonly string[], steps: readonly Step[]): Promise<AtTerminal> {
  const child = spawn("python3", [helper], { stdio: ["pipe", "pipe", "pipe"] })
  const argv = [process.execPath, ...nodeFlags, cliFile, ...args]
  child.stdin.end(JSON.stringify({ argv, env: cleanEnvironment(home), cwd: home, steps }))
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
  if (out === "") throw new Error(err)
  return JSON.parse(out) as AtTerminal
}

const loginFile = () => join(home, ".config", "berth", "logins.json")
const keptToken = () =>
  (
    JSON.parse(readFileSync(loginFile(), "utf8")) as {
      readonly logins: readonly [{ readonly token: string }]
    }
  ).logins[0].token
const login = () => ["login", "--server", server.url]

describe.skipIf(noPython)("at a terminal", () => {
  it("a password is asked for and shown nowhere: screen, arguments, environment", async () => {
    const ended = await atTerminal(login(), [
      { until: `User at ${server.url}: `, type: "ann\r" },
      { until: "Password: ", type: `wrong\u0015${password}x\u007f\r` },
    ])
    expect([ended.code, ended.echoes]).toEqual([0, true])
    expect(ended.screen).toContain(
      `User at ${server.url}: ann\r\nPassword: \r\nSigned in to ${server.url} as ann`,
    )
    expect(ended.looks.map((look) => look.echoes)).toEqual([true, false])
    const everything = JSON.stringify(ended)
    for (const secret of [password, "wrong", keptToken()]) expect(everything).not.toContain(secret)
    const me = await runCli(["whoami"], { cwd: home })
    expect([me.code, me.out]).toEqual([0, expect.stringMatching(/user +ann\n/)])
    expect(me.out + me.err).not.toContain(keptToken())
  })

  it.each([
    ["Ctrl-C", { type: "sec\u0003" }, 130],
    ["the end of the input", { type: "\u0004" }, 1],
    ["SIGINT", { signal: "SIGINT" }, 130],
    ["SIGQUIT", { signal: "SIGQUIT" }, 130],
    ["SIGTERM", { signal: "SIGTERM" }, 143],
    ["SIGHUP", { signal: "SIGHUP" }, 143],
  ] as const)("%s ends the question, and the terminal is as before", async (_, end, code) => {
    const ended = await atTerminal([...login(), "--user", "ann"], [{ until: "Password: ", ...end }])
    expect([ended.code, ended.looks[0]?.echoes, ended.echoes]).toEqual([code, false, true])
    expect(ended.screen).not.toMatch(/sec|\n\s+at /)
    expect(existsSync(loginFile())).toBe(false)
  })

  it.each([
    ["Ctrl-C", { type: "\u0003" }, 130],
    ["the end of the input", { type: "\u0004" }, 1],
  ] as const)("%s ends the question for the name as well", async (_, end, code) => {
    const ended = await atTerminal(login(), [{ until: "User at", ...end }])
    expect([ended.code, ended.echoes]).toEqual([code, true])
    expect(ended.screen).not.toMatch(/\n\s+at /)
  })

  it("a terminal that goes takes the question with it", async () => {
    const ended = await atTerminal([...login(), "--user", "ann"], [{ until: "Password: " }])
    expect(ended.code).not.toBe(0)
  })

  it("a new password of one's own is asked for twice, after the present one", async () => {
    const next = "a better horse"
    await runCli([...login(), "--user", "ann", "--password-stdin"], { cwd: home, input: `${password}\n` })
    const ended = await atTerminal(
      ["users", "passwd"],
      [
        { until: "Present password", type: `${password}\r` },
        { until: "New password: ", type: `${next}\r` },
        { until: "Once more: ", type: `${next}\r` },
      ],
    )
    expect([ended.code, ended.echoes]).toEqual([0, true])
    expect(ended.screen).toContain("User ann signs in with it from now on.")
    expect(ended.looks.map((look) => look.echoes)).toEqual([false, false, false])
    for (const secret of [password, next]) expect(JSON.stringify(ended)).not.toContain(secret)
    await server.call("PUT", "/berth/v1/users/ann/password", { json: { password } })
  })
})

describe("without a terminal", () => {
  it("a script signs in, works and signs out; only the file has the token, and only its owner the file", async () => {
    mkdirSync(join(home, ".config"))
    const args = [...login(), "--user", "ann", "--password-stdin"]
    const signedIn = await runCli(args, { cwd: home, input: `${password}\n` })
    expect([signedIn.code, signedIn.err]).toEqual([0, ""])
    const modes = [loginFile(), join(home, ".config", "berth")].map((path) =>
      (statSync(path).mode & 0o777).toString(8),
    )
    expect(modes).toEqual(["600", "700"])
    const token = keptToken()
    const ran = await runCli(["workspace", "ls"], { cwd: home })
    const out = await runCli(["logout"], { cwd: home })
    const after = await runCli(["whoami"], { cwd: home })
    expect([ran.code, out.code, after.code]).toEqual([0, 0, 3])
    expect((await server.call("GET", "/berth/v1/me", { token })).status).toBe(401)
    for (const secret of [password, token])
      expect(JSON.stringify([signedIn, ran, out, after, server.output()])).not.toContain(secret)
  })

  it("nobody is asked, and nothing waits", async () => {
    const { code, err } = await runCli(login(), { cwd: home })
    expect([code, err]).toEqual([2, expect.stringContaining("no terminal to ask at")])
  })
})
