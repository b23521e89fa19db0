import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, expect, test } from "vitest"
import { systemClock } from "../../../kit/clock.ts"
import { silentLog } from "../../../kit/log.ts"
import { createRayRuntimes, type RayRuntimesOptions } from "./runtimes.ts"

const never = new AbortController().signal
const roots: string[] = []
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true })
})

/** A machine with a Python that only plays one: what its pip does is shell, and what it was asked is noted. */
function world(pip: string, overrides: Partial<RayRuntimesOptions> = {}, minor = 11) {
  const root = mkdtempSync(join(tmpdir(), "berth-rt-"))
  roots.push(root)
  chmodSync(root, 0o755)
  const bin = join(root, "bin")
  mkdirSync(bin)
  const asked = join(root, "asked")
  const tools = `PATH=/usr/bin:/bin`
  const script = `#!/bin/sh
${tools}
echo "$*" >>'${asked}'
case "$*" in
*ensurepip*) echo '[3, ${minor}, ${minor !== 12}, "/usr"]' ;;
*base_prefix*) echo /usr ;;
*"-m venv"*) for last; do :; done; mkdir -p "$last/bin"; cp "$0" "$last/bin/python" ;;
*"-m pip"*) ${pip} ;;
*"import ray"*) echo "ray $(cat '${root}/version' 2>/dev/null || echo 2.60.0)" ;;
esac
`
  const put = (name: string, text: string) => writeFileSync(join(bin, name), text, { mode: 0o755 })
  if (minor > 0) put("python3", script)
  put("python3.10", script)
  if (minor === 0) rmSync(join(bin, "python3.10"))
  const home = join(root, "ray", "runtimes")
  const create = () =>
    createRayRuntimes({
      home,
      clock: systemClock,
      log: silentLog,
      searchPath: `${bin}:/nowhere`,
      environment: { PIP_INDEX_URL: "http://index.test", BERTH_SECRET: "no" },
      interpreters: {},
      allowInstall: () => true,
      allowUnauthenticated: () => true,
      ...overrides,
    })
  const installs = () => (existsSync(asked) ? (readFileSync(asked, "utf8").match(/-m pip/g)?.length ?? 0) : 0)
  return { root, home, bin, create, installs, runtimes: create() }
}

const want = { version: "2.60.0", image: "", asServerOwner: true }
const quiet = () => undefined

test("a version is installed once, and found again by the next server", async () => {
  const { runtimes, create, installs, home } = world("exit 0")
  const said: string[] = []
  const first = await runtimes.prepare(want, (sentence) => said.push(sentence), never)
  expect(first).toEqual({
    version: "2.60.0",
    hasTokens: true,
    details: { python: `${home}/2.60.0-py311/bin/python`, bin: `${home}/2.60.0-py311/bin` },
  })
  expect(said).toEqual([
    "Ray 2.60.0 is being installed with Python 3.11.",
    expect.stringMatching(/^Ray 2\.60\.0 was installed in \d+ s\.$/),
  ])
  expect(await create().prepare(want, quiet, never)).toEqual(first)
  expect(installs()).toBe(1)
})

test("two at the same time, also of two servers, install once", async () => {
  const { runtimes, create, installs } = world("sleep 0.1; exit 0")
  const other = create()
  const all = [runtimes, runtimes, other].map((each) => each.prepare(want, quiet, never))
  const [first, second, third] = await Promise.all(all)
  expect([second, third]).toEqual([first, first])
  expect(installs()).toBe(1)
})

test("what was cut off half-way is not used but made anew", async () => {
  const { runtimes, home, installs } = world("exit 0")
  mkdirSync(join(home, "2.60.0-py311", "bin"), { recursive: true })
  writeFileSync(join(home, "2.60.0-py311", "half"), "")
  writeFileSync(join(home, "2.60.0-py311", "bin", "python"), "")
  await runtimes.prepare(want, quiet, never)
  expect([installs(), existsSync(join(home, "2.60.0-py311", "half"))]).toEqual([1, false])
})

test("whoever gives up ends the installation, if nobody else waits for it", async () => {
  const { runtimes, home, root } = world('echo x >>"$0.began"; exec sleep 3600')
  const one = new AbortController()
  const two = new AbortController()
  const calls = [one, two].map((each) =>
    runtimes.prepare(want, () => undefined, each.signal).catch((error: unknown) => String(error)),
  )
  one.abort(new Error("first"))
  expect(await calls[0]).toContain("first")
  const began = join(home, "2.60.0-py311", "bin", "python.began")
  await expect.poll(() => existsSync(began), { timeout: 20_000 }).toBe(true)
  two.abort(new Error("second"))
  expect(await calls[1]).toContain("second")
  await expect
    .poll(() => existsSync(join(root, "ray/runtimes/2.60.0-py311")), { timeout: 20_000 })
    .toBe(false)
})

test.for([
  ["echo 'Failed to establish a new connection: x'; exit 1", "no_network", "index cannot be reached"],
  [
    "echo 'ERROR: No matching distribution found for ray (from versions: none)'; exit 1",
    "no_network",
    "index",
  ],
  [
    "echo '(from versions: 2.3.0, 2.61.0)'; echo 'ERROR: No matching distribution found for ray[x]'; exit 1",
    "no_wheel",
    "no Ray 2.60.0 for Python 3.11 on this kind of machine. Versions from 2.3.0 to 2.61.0",
  ],
  [
    "echo '2.60.0 Requires-Python >=3.12; (from versions: 2.3.0)'; echo 'ERROR: No matching distribution found for ray'; exit 1",
    "no_wheel",
    "It wants Python >=3.12.",
  ],
  ["echo 'OSError: No space left on device'; exit 1", "install_failed", "the disk is full"],
  ["echo 'ERROR: broken'; exit 1", "install_failed", "could not be installed: ERROR: broken"],
  ["kill -9 $$", "install_failed", "pip failed without a word"],
] as const)("pip that does %s: %s", async ([pip, detail, words]) => {
  const { runtimes, home } = world(pip)
  const error: unknown = await runtimes.prepare(want, quiet, never).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: "unavailable", detail })
  expect(String(error)).toContain(words)
  expect(existsSync(join(home, "2.60.0-py311"))).toBe(false)
})

test("an installation of another version than was asked for does not count", async () => {
  const { runtimes, root } = world("exit 0")
  writeFileSync(join(root, "version"), "2.59.0\n")
  await expect(runtimes.prepare(want, quiet, never)).rejects.toMatchObject({ detail: "install_failed" })
})

test("a machine without Python, and one whose Python lacks venv, is told apart", async () => {
  await expect(world("", {}, 0).runtimes.prepare(want, quiet, never)).rejects.toThrow("There is no Python")
  await expect(world("", {}, 12).runtimes.prepare(want, quiet, never)).rejects.toThrow("apt install")
})

test("the image names version and Python; a Python that is not there is said", async () => {
  const { runtimes, home } = world("exit 0")
  const said: string[] = []
  const asked = { version: "", image: "registry.test:5000/ray:2.60.0-py39-gpu", asServerOwner: true }
  const found = await runtimes.prepare(asked, (sentence) => said.push(sentence), never)
  expect(found.details["bin"]).toBe(`${home}/2.60.0-py311/bin`)
  expect(said[0]).toBe("There is no Python 3.9 on this machine: another one is used.")
})

test.for([
  ["", "rayproject/ray:latest"],
  ["", ""],
  ["2.46", ""],
  ["2.46.0; rm", ""],
])("version %j with image %j is none", async ([version = "", image = ""]) => {
  const { runtimes } = world("exit 0")
  await expect(runtimes.prepare({ version, image, asServerOwner: true }, quiet, never)).rejects.toMatchObject(
    {
      detail: "no_version",
    },
  )
})

test("policies are kept", async () => {
  const { runtimes, installs } = world("exit 0", {
    allowInstall: () => false,
    allowUnauthenticated: () => false,
  })
  await expect(runtimes.prepare(want, quiet, never)).rejects.toMatchObject({ detail: "install_refused" })
  await expect(runtimes.prepare({ ...want, version: "2.51.2" }, quiet, never)).rejects.toThrow("no tokens")
  expect(installs()).toBe(0)
})

test("a configured interpreter is used if it has the version", async () => {
  const { bin, root } = world("exit 0")
  const python = join(bin, "python3")
  const { runtimes, installs } = world("exit 0", { interpreters: { "2.60.0": python } })
  expect((await runtimes.prepare(want, quiet, never)).details["python"]).toBe(python)
  expect(installs()).toBe(0)
  writeFileSync(join(root, "version"), "2.59.0\n")
  const { runtimes: later } = world("exit 0", { interpreters: { "2.60.0": python } })
  await expect(later.prepare(want, quiet, never)).rejects.toThrow("has Ray 2.59.0")
})
