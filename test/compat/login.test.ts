import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { runCli } from "../../packages/server/src/cli/program.ts"
import { startTestApi } from "../../packages/server/src/cli/test-api.ts"
import { createTestTerminal, type TestTerminalOptions } from "../../packages/server/src/cli/test-terminal.ts"
import { type BerthServer, startBerthServer } from "./berth-server.ts"

/* Signing in from the command line against the whole server, over a socket. */

const password = "correct horse"
const twelveHoursMs = 12 * 3_600_000

let server: BerthServer
let home: string
let annsKey: string
/** The next test gets a server of its own: this one's user or server is not as it was. */
let isSpent = false
/** Everything that commands have written in this test. */
let written: string

/** A server that ann can sign in to. */
async function start(options: Parameters<typeof startBerthServer>[0] = {}): Promise<void> {
  await server?.close()
  server = await startBerthServer(options)
  annsKey = await server.member("ann", { default: "editor" })
  await server.call("PUT", "/berth/v1/users/ann/password", { json: { password } })
}

beforeAll(() => start())
afterAll(() => server.close())
beforeEach(() => {
  written = ""
  home = mkdtempSync(join(tmpdir(), "berth-login-"))
})
afterEach(async () => {
  rmSync(home, { recursive: true, force: true })
  if (isSpent) await start()
  isSpent = false
  // whatever a test did, no secret was written
  if (/berth_[\w-]{43}/.test(written) || written.includes(password))
    throw new Error(`A secret was shown: ${written}`)
})

async function berth(argv: readonly string[], options: TestTerminalOptions = {}) {
  const terminal = createTestTerminal({ homeDir: home, nowMs: server.clock.nowMs(), ...options })
  const code = await runCli(argv, terminal)
  const [out, err] = [terminal.stdout(), terminal.stderr()]
  written += out + err
  return { code, out, err, questions: terminal.questions }
}

const loginFile = () => join(home, ".config", "berth", "logins.json")
const kept = () =>
  JSON.parse(readFileSync(loginFile(), "utf8")) as {
    readonly current: string | null
    readonly logins: readonly { readonly server: string; readonly token: string; readonly userName: string }[]
  }
const token = () => kept().logins[0]?.token ?? ""
const holds = async (bearer: string) =>
  (await server.call("GET", "/berth/v1/me", { token: bearer })).status === 200
const logIn = (...more: readonly string[]) =>
  berth(["login", "--server", server.url, "--user", "ann", "--password-stdin", ...more], {
    input: `${password}\n`,
  })
const untilText = () =>
  new Date(Math.floor((server.clock.nowMs() + twelveHoursMs) / 1000) * 1000).toISOString()

describe("berth login", () => {
  it("asks a person for name and password, and hides the password", async () => {
    const { code, out, questions } = await berth(["login", "--server", server.url], {
      answers: ["ann", password],
    })
    expect([code, out]).toEqual([0, `Signed in to ${server.url} as ann, until ${untilText()}.\n`])
    expect(questions).toEqual([`User at ${server.url}: `, "[Password: ]"])
    expect(kept()).toMatchObject({ current: server.url, logins: [{ server: server.url, userName: "ann" }] })
  })

  it("takes a password from standard input, and tells programs what was done", async () => {
    const { code, out, err } = await logIn("-o", "json")
    expect([code, err]).toEqual([0, ""])
    expect(JSON.parse(out)).toEqual({
      server: server.url,
      user: "ann",
      kind: "session",
      expiresAt: untilText(),
    })
    expect((statSync(loginFile()).mode & 0o777).toString(8)).toBe("600")
    expect(await holds(token())).toBe(true)
  })

  it("is what the commands after it use, without another word", async () => {
    await logIn()
    const { code, out } = await berth(["workspace", "ls", "-o", "json"])
    expect(code).toBe(0)
    expect(out).toContain("default")
    const elsewhere = await berth(["ps"], { env: { BERTH_DATA: join(home, "none") } })
    expect(elsewhere.code).toBe(3)
  })

  it("keeps a key as well, until that ends", async () => {
    const made = await server.call("POST", "/berth/v1/keys", {
      json: { name: "laptop", user: "ann", expiresInSeconds: 3600 },
    })
    const login = ["login", "--server", server.url, "--key-stdin"]
    const { code, out } = await berth(login, { input: `${made.json.token}\n` })
    expect([code, out]).toEqual([0, `Signed in to ${server.url} as ann, until ${made.json.key.expiresAt}.\n`])
    expect((await berth(["whoami"])).out).toMatch(/by +the API key laptop, from .*logins\.json/)
    const asked = await berth(login, { answers: [annsKey] })
    expect([asked.code, asked.out]).toEqual([0, expect.stringContaining("until the key is revoked")])
    expect(asked.questions).toEqual(["[Key: ]"])
    expect((await berth(["logout"])).out).toContain("The key itself holds on")
    expect(await holds(annsKey)).toBe(true)
  })

  it("in the place of a session ends that, and one that fails changes nothing", async () => {
    await logIn()
    const first = token()
    expect((await logIn()).code).toBe(0)
    expect([await holds(first), await holds(token())]).toEqual([false, true])
    const second = kept()
    const wrong = await berth(["login", "--user", "ann", "--password-stdin"], { input: "wrong horse" })
    expect([wrong.code, wrong.out, kept()]).toEqual([1, "", second])
    expect(await holds(token())).toBe(true)
  })

  it("says that a variable goes before it", async () => {
    const input = `${password}\n`
    const argv = ["login", "--server", server.url, "--user", "ann", "--password-stdin"]
    const other = await berth(argv, { input, env: { BERTH_SERVER: "http://127.0.0.1:1" } })
    expect(other.err).toContain("http://127.0.0.1:1, which BERTH_SERVER names")
    const set = await berth(argv, { input, env: { BERTH_TOKEN: annsKey } })
    expect(set.err).toContain("use the token of BERTH_TOKEN")
    expect((await berth(argv, { input })).err).toBe("")
  })

  it("ends the session again where it cannot be kept", async () => {
    writeFileSync(join(home, ".config"), "a file in the place of the folder")
    const { code, err } = await logIn()
    expect([code, err]).toEqual([1, expect.stringMatching(/logins\.json.*cannot be written/)])
    const ended = await server.call("GET", "/berth/v1/events?backwards=true&limit=1&type=session.ended")
    expect(ended.json.items).toHaveLength(1)
  })
})

describe("berth login is refused", () => {
  it.each([
    ["a wrong password", ["--user", "ann"], "wrong horse", 1, "The user name or the password is wrong."],
    ["nobody", ["--user", "nobody"], password, 1, "The user name or the password is wrong."],
    ["no password", ["--user", "ann"], "", 2, "The password is empty."],
    ["no name", ["--user", " "], password, 2, "There is no user name."],
  ])("to %s", async (_, flags, input, code, message) => {
    const answer = await berth(["login", "--server", server.url, "--password-stdin", ...flags], { input })
    expect([answer.code, answer.out, answer.err]).toEqual([code, "", expect.stringContaining(message)])
    expect(() => kept()).toThrow("ENOENT")
  })

  it("to somebody who is frozen, by password and by key", async () => {
    isSpent = true
    await server.call("PATCH", "/berth/v1/users/ann", { json: { frozen: true } })
    const byPassword = await logIn()
    expect([byPassword.code, byPassword.err]).toEqual([1, expect.stringContaining("frozen")])
    const byKey = await berth(["login", "--server", server.url, "--key-stdin"], { input: annsKey })
    expect([byKey.code, byKey.err]).toEqual([1, expect.stringContaining("The user ann is frozen.")])
    expect(byKey.err).toContain("berth users unfreeze ann")
  })

  it("to whoever has failed too often, with the time to wait", async () => {
    isSpent = true
    await start({ failureLimit: { perSecond: 0.2, burst: 1 } })
    const argv = ["login", "--server", server.url, "--user", "ann", "--password-stdin"]
    expect((await berth(argv, { input: "wrong horse" })).err).toContain("wrong")
    const { code, err } = await berth(argv, { input: "wrong horse" })
    expect(code).toBe(1)
    expect(err).toMatch(/Too many failed sign-ins.*\n.*Try again in \d s\./)
  })

  it.each([
    ["unknown", "berth_unknown", 1, "does not know this key"],
    ["no key at all", "two words\n", 2, "The token holds a blank"],
    ["empty", "\n", 2, "The key is empty."],
  ])("with a key that is %s", async (_, input, code, message) => {
    const answer = await berth(["login", "--server", server.url, "--key-stdin"], { input })
    expect([answer.code, answer.err]).toEqual([code, expect.stringContaining(message)])
    expect(answer.err).not.toContain(input.trim() || "berth_")
  })

  it("where nobody can be asked, before the server is", async () => {
    for (const flags of [[], ["--user", "ann"], ["--password-stdin"]]) {
      const { code, err } = await berth(["login", "--server", "http://127.0.0.1:1", ...flags])
      expect([flags, code, err]).toEqual([flags, 2, expect.stringContaining("no terminal to ask at")])
    }
    const both = await berth(["login", "--key-stdin", "--user", "ann"])
    expect([both.code, both.err]).toEqual([2, expect.stringContaining("takes neither")])
  })

  it("over plain http to another machine, before anything is asked", async () => {
    for (const flags of [["--user", "ann", "--password-stdin"], ["--key-stdin"], []]) {
      const argv = ["login", "--server", "http://gpu.example:8080", ...flags]
      const { code, err, questions } = await berth(argv, { answers: ["ann", password] })
      expect([code, err, questions]).toEqual([2, expect.stringContaining("is not encrypted"), []])
    }
  })

  it.each([
    ["gpu.example:8080", "must begin with http:// or https://"],
    ["gpu.example", "is not a URL"],
    ["ftp://gpu.example", "must begin with http:// or https://"],
    ["https://ann:horse@gpu.example", "must not hold a user name or password"],
  ])("to the server %s, before anything is asked", async (url, message) => {
    const { code, err, questions } = await berth(["login", "--server", url], { answers: ["ann", password] })
    expect([code, err, questions]).toEqual([2, expect.stringContaining(message), []])
    const out = await berth(["logout", "--server", url])
    expect([out.code, out.err]).toEqual([2, expect.stringContaining(message)])
  })

  it("but with --insecure, for whoever trusts the network", async () => {
    const body = { name: "ann", token: "berth_test", expire: 1_900_000_000 }
    const api = await startTestApi({ "POST /api/v1/login": () => ({ body }) })
    try {
      // an address that is none of loopback, and leads to this machine all the same
      const url = api.url.replace("127.0.0.1", "0.0.0.0")
      const argv = ["login", "--server", url, "--user", "ann", "--password-stdin"]
      expect((await berth(argv, { input: password })).code).toBe(2)
      expect(api.calls).toEqual([])
      expect((await berth([...argv, "--insecure"], { input: password })).code).toBe(0)
      expect(api.bodies("POST /api/v1/login")).toEqual([{ type: "default", name: "ann", password }])
      expect(kept().current).toBe(url)
    } finally {
      await api.close()
    }
  })

  it("where the server signs nobody in, or is none", async () => {
    const api = await startTestApi({})
    try {
      const argv = ["login", "--server", api.url, "--user", "ann", "--password-stdin"]
      const { code, err } = await berth(argv, { input: password })
      expect([code, err]).toEqual([1, expect.stringContaining("signs nobody in with a password")])
      expect(err).toContain("--key-stdin")
    } finally {
      await api.close()
    }
    const away = await berth(
      ["login", "--server", "http://127.0.0.1:1", "--user", "ann", "--password-stdin"],
      {
        input: password,
      },
    )
    expect([away.code, away.err]).toEqual([3, expect.stringContaining("cannot be reached")])
  })
})

describe("berth logout", () => {
  it("ends the session at the server and forgets it, and may be said again", async () => {
    await logIn()
    const session = token()
    const { code, out } = await berth(["logout"])
    expect([code, out]).toEqual([0, `ann is signed out of ${server.url}.\n`])
    expect(await holds(session)).toBe(false)
    expect(() => kept()).toThrow("ENOENT")
    const again = await berth(["logout", "--server", server.url, "-o", "json"])
    expect([again.code, JSON.parse(again.out)]).toEqual([0, { server: server.url, user: null }])
  })

  it("forgets it where the server is gone, and says so", async () => {
    await logIn()
    isSpent = true
    await server.closeApp()
    const away = await berth(["ps"])
    expect([away.code, away.err]).toEqual([3, expect.stringContaining("`berth logout` forgets it")])
    const { code, out, err } = await berth(["logout"], { env: { BERTH_DATA: join(home, "none") } })
    expect([code, out]).toEqual([0, `ann is signed out of ${server.url}.\n`])
    expect(err).toMatch(/was not ended there: .*cannot be reached/)
    expect(() => kept()).toThrow("ENOENT")
  })

  it("forgets one that the server has ended already", async () => {
    await logIn()
    await server.clock.advance(twelveHoursMs)
    expect((await berth(["logout"])).code).toBe(0)
    expect(() => kept()).toThrow("ENOENT")
  })

  it("has nothing to do for whoever is signed in nowhere", async () => {
    const { code, out } = await berth(["logout"])
    expect([code, out]).toEqual([0, "You are signed in nowhere.\n"])
  })

  it("names the servers where somebody is signed in still, and so does every command after it", async () => {
    await logIn()
    const [login] = kept().logins
    const other = "https://gpu.example"
    const logins = [login, { ...login, server: other, kind: "key" }]
    writeFileSync(loginFile(), JSON.stringify({ current: server.url, logins }), { mode: 0o600 })
    expect((await berth(["whoami"])).out).toMatch(/\nalso +ann at https:\/\/gpu\.example, with --server\n/)
    const { code, err } = await berth(["logout"])
    const still = `You are still signed in to ${other}: say so with --server URL.`
    expect([code, err]).toEqual([0, `${still}\n`])
    const next = await berth(["ps"])
    expect([next.code, next.err]).toEqual([3, expect.stringContaining(`You are signed in to ${other}`)])
    const said = await berth(["ps", "--data", join(home, "none")])
    expect([said.code, said.err]).toEqual([3, expect.stringContaining("Start one with")])
  })
})

describe("a session that is over", () => {
  it.each([
    ["by time", () => server.clock.advance(twelveHoursMs)],
    [
      "by a new password",
      () => server.call("PUT", "/berth/v1/users/ann/password", { json: { password: "another horse" } }),
    ],
  ])("%s: every command says to sign in again", async (_, end) => {
    isSpent = true
    await logIn()
    const until = untilText()
    await end()
    for (const argv of [["whoami"], ["ps"], ["logs", "x", "-f"]]) {
      const { code, err } = await berth(argv)
      expect([argv, code]).toEqual([argv, 1])
      expect(err).toContain(
        `You were signed in as ann, until ${until} at the latest. Sign in again: berth login --server ${server.url} --user ann`,
      )
    }
  })

  it("is told from a key in the environment that does not hold", async () => {
    const env = { BERTH_SERVER: server.url, BERTH_TOKEN: "berth_old" }
    expect((await berth(["whoami"], { env })).err).toContain("The token is that of BERTH_TOKEN")
    const { err } = await berth(["whoami", "--server", server.url])
    expect(err).toContain("Sign in with `berth login`")
  })
})

describe("berth whoami", () => {
  it("says who, with which roles, by what and until when", async () => {
    await logIn()
    const { out } = await berth(["whoami"])
    expect(out).toContain(`${server.url} (named by ${loginFile()})`)
    expect(out).toMatch(/user +ann\n/)
    expect(out).toMatch(/roles +.*editor in default/)
    expect(out).toContain(`a session, kept in ${loginFile()}`)
    expect(out).toMatch(new RegExp(`until +${untilText()}`))
    const env = { BERTH_TOKEN: server.token }
    const owner = JSON.parse((await berth(["whoami", "-o", "json"], { env })).out) as unknown
    expect(owner).toMatchObject({
      server: server.url,
      user: "owner",
      serverRole: "owner",
      credential: { kind: "key", expiresAt: null },
      from: { server: loginFile(), token: "BERTH_TOKEN" },
    })
  })

  it("says so where nobody needs to be anybody", async () => {
    isSpent = true
    await start({ noAuth: true })
    const { out } = await berth(["whoami", "--server", server.url])
    expect(out).toMatch(/user +local\n/)
    expect(out).toContain("--no-auth")
  })
})

describe("berth users passwd", () => {
  beforeEach(() => {
    isSpent = true
  })
  const next = "a better horse"
  const signsIn = async (with_: string) =>
    (await berth(["login", "--server", server.url, "--user", "ann", "--password-stdin"], { input: with_ }))
      .code === 0

  it("asks whoever changes their own for the present one, and twice for the new one, showing nothing", async () => {
    await logIn()
    const { code, out, questions } = await berth(["users", "passwd"], { answers: [password, next, next] })
    expect([code, out]).toEqual([0, "User ann signs in with it from now on.\n"])
    expect(questions).toEqual([
      "[Present password (none: just Enter): ]",
      "[New password: ]",
      "[Once more: ]",
    ])
    expect((await berth(["whoami"])).code).toBe(0)
    expect([await signsIn(password), await signsIn(next)]).toEqual([false, true])
  })

  it.each([
    ["two that differ", [password, next, "another horse"], "The two are not the same"],
    ["a present one that is wrong", ["wrong horse", next, next], "The present password is wrong"],
    ["one that is too short", [password, "short", "short"], "password: must have at least 8 characters"],
  ])("changes nothing with %s", async (_, answers, message) => {
    await logIn()
    const { code, err } = await berth(["users", "passwd", "ann"], { answers })
    expect([code, err]).toEqual([1, expect.stringContaining(message)])
    expect(await signsIn(password)).toBe(true)
  })

  it("asks an owner for the new one of somebody else alone", async () => {
    const env = { BERTH_SERVER: server.url, BERTH_TOKEN: server.token }
    const { code, questions } = await berth(["users", "passwd", "ann"], { env, answers: [next, next] })
    expect([code, questions]).toEqual([0, ["[New password: ]", "[Once more: ]"]])
    expect(await signsIn(next)).toBe(true)
  })

  it("reads scripts' standard input: the new one, or the present one and the new one", async () => {
    const env = { BERTH_SERVER: server.url, BERTH_TOKEN: server.token }
    expect((await berth(["users", "passwd", "ann"], { env, input: `${next}\n` })).code).toBe(0)
    expect((await berth(["users", "passwd", "ann"], { env, input: "" })).code).toBe(2)
    const own = { BERTH_SERVER: server.url, BERTH_TOKEN: annsKey }
    const without = await berth(["users", "passwd"], { env: own, input: password })
    expect([without.code, without.err]).toEqual([1, expect.stringContaining("--current")])
    const both = await berth(["users", "passwd", "--current"], {
      env: own,
      input: `${next}\r\n${password}\r\n`,
    })
    expect(both.code).toBe(0)
    expect(await signsIn(password)).toBe(true)
    const gone = await berth(["users", "passwd", "--remove", "--current"], { env: own, input: password })
    expect([gone.code, gone.out]).toEqual([0, "User ann has no password any more.\n"])
    expect(await signsIn(password)).toBe(false)
  })

  it("sends none over plain http to another machine", async () => {
    const env = { BERTH_SERVER: "http://gpu.example:8080", BERTH_TOKEN: "berth_x" }
    const { code, err } = await berth(["users", "passwd", "ann"], { env, input: next })
    expect([code, err]).toEqual([2, expect.stringContaining("is not encrypted")])
  })
})

it("berth down ends no server of another machine that was only signed in to", async () => {
  mkdirSync(join(home, ".config", "berth"), { recursive: true, mode: 0o700 })
  const login = {
    server: "https://gpu.example",
    token: "berth_x",
    userName: "ann",
    kind: "session",
    expiresAt: null,
  }
  writeFileSync(loginFile(), JSON.stringify({ current: login.server, logins: [login] }), { mode: 0o600 })
  const { code, err } = await berth(["down"])
  expect([code, err]).toEqual([2, expect.stringContaining("berth down --server https://gpu.example")])
})
