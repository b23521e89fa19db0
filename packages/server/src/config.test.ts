import { readFileSync } from "node:fs"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { ConfigKey } from "./config-keys.ts"
import { configKeyNames, configKeys } from "./config-keys.ts"
import type { Config, ConfigFlags } from "./config.ts"
import { isLoopbackHost, loadConfig, renderConfigTable } from "./config.ts"

const host = { isRoot: false, homeDir: "/home/ada" }

function load(flags: ConfigFlags = {}, env: Record<string, string> = {}, file: string | null = null): Config {
  const loaded = loadConfig(flags, env, file, host)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.faults))
  return loaded.config
}

function faults(flags: ConfigFlags = {}, env: Record<string, string> = {}, file: string | null = null) {
  const loaded = loadConfig(flags, env, file, host)
  return loaded.ok ? [] : loaded.faults.map(({ where, message }) => `${where} ${message}`)
}

describe("loadConfig", () => {
  it("gives defaults that hold by themselves", () => {
    const config = load()
    expect(config).toMatchObject({
      data: "/home/ada/.local/share/berth",
      listen: { host: "127.0.0.1", port: 8080 },
      noAuth: false,
      clusters: ["local"],
      local: { runAs: "auto", overcommitCpu: 4, overcommitMemory: 2 },
    })
    const asRoot = loadConfig({}, {}, null, { isRoot: true, homeDir: "/root" })
    expect(asRoot.ok && asRoot.config.data).toBe("/var/lib/berth")
  })

  it("lets a flag win over the environment, that over the file, that over the default", () => {
    const file = "logLevel: debug\nopenMetrics: true\nstopGraceSeconds: 5\nlocal:\n  runAs: uid\n"
    const env = { BERTH_LOG_LEVEL: "warn", BERTH_STOP_GRACE_SECONDS: "7" }
    const loaded = loadConfig({ logLevel: "error" }, env, file, host)
    expect(loaded.ok && loaded.config).toMatchObject({
      logLevel: "error",
      stopGraceSeconds: 7,
      openMetrics: true,
      local: { runAs: "uid" },
    })
    const origins = loaded.ok ? Object.fromEntries(loaded.entries.map((one) => [one.name, one])) : {}
    expect(origins).toMatchObject({
      logLevel: { origin: "flag", from: "--log-level", value: "error" },
      stopGraceSeconds: { origin: "environment", from: "BERTH_STOP_GRACE_SECONDS", value: "7" },
      "local.runAs": { origin: "file", from: "local.runAs in the file", value: "uid" },
      listen: { origin: "default", from: "", value: "127.0.0.1:8080" },
    })
  })

  it("reads further addresses, and asks of each what it asks of the first", () => {
    const both = { kuberayListen: "[::1]:8888,as=ray, of team", grpcListen: "127.0.0.1:8887" }
    expect(load(both)).toMatchObject({
      kuberayListen: { host: "::1", port: 8888, as: "ray, of team" },
      grpcListen: { host: "127.0.0.1", port: 8887 },
    })
    expect(load()).toMatchObject({ kuberayListen: null, grpcListen: null })
    const loaded = loadConfig(both, {}, null, host)
    const shown = loaded.ok ? Object.fromEntries(loaded.entries.map((one) => [one.name, one.value])) : {}
    expect(shown).toMatchObject(both)
    expect(faults({ kuberayListen: "0.0.0.0:8888,as=ray" })).toEqual([
      "--kuberay-listen 0.0.0.0 can be reached from other machines: give --tls-cert and --tls-key, or --behind-proxy where a proxy ends TLS.",
    ])
    expect(faults({ grpcListen: "0.0.0.0:8887", noAuth: true, behindProxy: true })).toEqual([
      "--no-auth is for loopback only: listen on 127.0.0.1 instead of 0.0.0.0, or leave it out.",
    ])
    expect(faults({ kuberayListen: "127.0.0.1:8888" })).toEqual([
      "--kuberay-listen needs ,as=KEYNAME: the API key of a workspace that requests without a key act as.",
    ])
    expect(load({ kuberayListen: "127.0.0.1:8888", noAuth: true }).kuberayListen?.as).toBeNull()
    for (const bad of ["8888", "127.0.0.1:8888,as=", "127.0.0.1:8888,ray"])
      expect(faults({ kuberayListen: bad })).toEqual([
        `--kuberay-listen must be HOST:PORT[,as=KEYNAME] such as 127.0.0.1:8888,as=ray, not "${bad}".`,
      ])
    expect(load({ grpcListen: "0.0.0.0:1", behindProxy: true }).rateLimit).toEqual({
      perSecond: 500,
      burst: 1000,
    })
  })

  it("reads labels of the machine's node, the last of a key, and refuses what is none", () => {
    const env = { BERTH_LOCAL_LABELS: "berth.dev/rack=7 zone= zone=b" }
    expect(load({}, env).local.labels).toEqual({ "berth.dev/rack": "7", zone: "b" })
    for (const bad of ["zone", "=b", "a/b/c=1", "zone=-", `zone=${"a".repeat(64)}`, "UPPER.example/x=1"])
      expect(faults({ "local.labels": [bad] })).toEqual([
        `--local-label must be KEY=VALUE such as topology.kubernetes.io/region=eu-1, not "${bad.slice(0, 80)}".`,
      ])
  })

  it("reads what Ray may use of this machine", () => {
    expect(load()).toMatchObject({
      local: { rayPorts: { first: 10_000, last: 19_999 }, hostPathAllow: [] },
      ray: { allowInstall: true, interpreters: {}, allowUnauthenticated: "auto" },
    })
    const file =
      "ray:\n  allowInstall: false\n  allowUnauthenticated: true\nlocal:\n  hostPathAllow: [/srv/data/]\n"
    const env = {
      BERTH_RAY_INTERPRETERS: "2.60.0=/opt/a/bin/python 2.9.3=/opt/b/bin/python",
      BERTH_LOCAL_RAY_PORTS: "21000-21599",
    }
    expect(load({}, env, file)).toMatchObject({
      local: { rayPorts: { first: 21_000, last: 21_599 }, hostPathAllow: ["/srv/data"] },
      ray: {
        allowInstall: false,
        interpreters: { "2.60.0": "/opt/a/bin/python", "2.9.3": "/opt/b/bin/python" },
        allowUnauthenticated: true,
      },
    })
  })

  it.each([
    ["local.rayPorts", "900-2000", /^--local-ray-ports must be FIRST-LAST/],
    ["local.rayPorts", "70000-80000", /^--local-ray-ports must be FIRST-LAST/],
    ["local.rayPorts", "10000-10298", /^--local-ray-ports must hold 300 ports at least/],
    ["local.hostPathAllow", ["/srv/../etc"], /^--local-host-path-allow must be a whole path/],
    ["local.hostPathAllow", ["/"], /^--local-host-path-allow must be a whole path/],
    ["local.hostPathAllow", ["data"], /^--local-host-path-allow must be a whole path/],
    ["ray.interpreters", ["2.60=/opt/bin/python"], /^--ray-interpreter must be VERSION=PYTHON/],
    ["ray.interpreters", ["2.60.0=python"], /^--ray-interpreter must be VERSION=PYTHON/],
    ["ray.allowUnauthenticated", "maybe", /^--ray-allow-unauthenticated must be auto, true or false/],
  ])("refuses a %s of %j", (name, value, sentence) => {
    expect(faults({ [name]: value })).toEqual([expect.stringMatching(sentence)])
  })

  it("takes an empty variable for one that is not set", () => {
    expect(load({}, { BERTH_LOG_LEVEL: "", BERTH_ALLOW_HOST: "  " }).logLevel).toBe("info")
  })

  it("reports the faults of every source at once, by name", () => {
    const file = "nope: 1\nloglevel: info\nlocal:\n  runAs: root\n  shareaccount: true\n"
    const all = faults(
      { listen: "nowhere" },
      { BERTH_STOP_GRACE_SECONDS: "-1", BERTH_NO_AUTH: "maybe" },
      file,
    )
    expect(all).toEqual([
      "nope in the file is not a setting.",
      "loglevel in the file is not a setting. Did you mean logLevel?",
      "local.shareaccount in the file is not a setting. Did you mean local.shareAccount?",
      expect.stringMatching(/^--listen must be HOST:PORT/),
      expect.stringMatching(/^BERTH_NO_AUTH must be true or false/),
      expect.stringMatching(/^BERTH_STOP_GRACE_SECONDS must be a whole number from 0 to 600/),
      expect.stringMatching(/^local.runAs in the file must be one of auto, uid/),
    ])
  })

  it("says what is wrong with a file that is not YAML, or no map of settings", () => {
    expect(faults({}, {}, "a: [1")[0]).toMatch(/^the file is not YAML: /)
    expect(faults({}, {}, "- a\n- b")).toEqual(["the file must hold settings as NAME: VALUE."])
    expect(faults({}, {}, "local: 5")).toEqual(["local in the file is not a setting."])
    expect(faults({}, {}, "logLevel: info\nlogLevel: warn")[0]).toMatch(/^the file is not YAML: /)
    expect(faults({}, {}, "")).toEqual([])
    expect(faults({}, {}, "# nothing\n")).toEqual([])
    expect(faults({}, {}, "logLevel:\n")).toEqual([])
  })

  it("is not poisoned by names that objects have by themselves", () => {
    expect(faults({}, {}, "__proto__:\n  noAuth: true\nconstructor: 1\ntoString: 2\n")).toHaveLength(3)
    expect(({} as { noAuth?: unknown }).noAuth).toBeUndefined()
  })

  it("bounds the aliases that a file may unfold", () => {
    const bomb =
      "a: &a [x, x]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\nd: &d [*c, *c, *c, *c]\ne: [*d, *d]\n"
    expect(faults({}, {}, bomb)[0]).toMatch(/^the file is not YAML: /)
  })

  it("wants TLS or a proxy for an address that others can reach, and loopback for --no-auth", () => {
    expect(faults({ listen: "0.0.0.0:80" })).toEqual([
      expect.stringMatching(/^--listen 0.0.0.0 can be reached/),
    ])
    expect(faults({ listen: "berth.example:80" })).toHaveLength(1)
    expect(faults({ listen: "0.0.0.0:80", behindProxy: true })).toEqual([])
    expect(faults({ listen: "[::]:443", tlsCert: "c.pem", tlsKey: "k.pem" })).toEqual([])
    expect(faults({ listen: "0.0.0.0:80", behindProxy: true, noAuth: true })).toEqual([
      expect.stringMatching(/^--no-auth is for loopback only/),
    ])
    for (const listen of ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:0"])
      expect(faults({ listen, noAuth: true })).toEqual([])
  })

  it("limits keys by itself only where others can reach the server, or as it is told", () => {
    const far = { listen: "0.0.0.0:80", behindProxy: true }
    const limitOf = (flags: ConfigFlags) => load(flags).rateLimit
    expect(limitOf({})).toBeNull()
    expect(limitOf(far)).toEqual({ perSecond: 500, burst: 1000 })
    expect(limitOf({ ...far, rateLimit: "off" })).toBeNull()
    expect(limitOf({ rateLimit: "20" })).toEqual({ perSecond: 20, burst: 40 })
    expect(limitOf({ rateLimit: "20,burst=5" })).toEqual({ perSecond: 20, burst: 5 })
    expect(load({}, {}, "rateLimit: 7\n").rateLimit).toEqual({ perSecond: 7, burst: 14 })
    expect(load({ listen: "0.0.0.0:80", behindProxy: true }, {}, "rateLimit: off\n").rateLimit).toBeNull()
    for (const rateLimit of ["0", "-1", "1.5", "5,burst=0", "5, burst=9", "many", "1000001", "5,burst"])
      expect(faults({ rateLimit })).toEqual([
        `--rate-limit must be auto, off, or RATE[,burst=BURST] such as 500 or 500,burst=1000, not "${rateLimit}".`,
      ])
  })

  it("wants a step of automatic GPU requests that is no longer than a GPU request may last", () => {
    const file = "gpuRequests:\n  longestDurationHours: 12\n  automaticStepHours: 12\n"
    expect(load({}, {}, file).gpuRequests).toMatchObject({ longestDurationHours: 12, automaticStepHours: 12 })
    expect(faults({ "gpuRequests.longestDurationHours": "12" })).toEqual([
      "--gpu-requests-automatic-step-hours must be at most 12, the longest duration of a GPU request, not 24.",
    ])
  })

  it("wants both halves of TLS", () => {
    expect(faults({ tlsCert: "c.pem" })).toEqual([expect.stringMatching(/^--tls-key is missing/)])
    expect(faults({ tlsKey: "k.pem" })).toEqual([expect.stringMatching(/^--tls-cert is missing/)])
  })

  it("takes simulated nodes only for clusters that are there", () => {
    const config = load({ simulate: ["2x8xH100", "1x4xT4,cluster=b"], clusters: ["a", "b"] })
    expect(config.simulate.map(({ nodes, gpusPerNode, cluster }) => [nodes, gpusPerNode, cluster])).toEqual([
      [2, 8, null],
      [1, 4, "b"],
    ])
    expect(faults({ simulate: ["1x1xT4,cluster=c"], clusters: ["local"] })).toEqual([
      expect.stringMatching(/^--simulate "1x1xT4,cluster=c" names a cluster that is not there/),
    ])
    const declared = ["1x1xT4,cluster=c", "1x2xT4,cluster=c", "1x1xT4"]
    expect(load({ simulate: declared }).clusters).toEqual(["local", "c"])
    expect(faults({ clusters: ["a", "a"] })).toEqual(["--cluster names a cluster twice."])
    expect(faults({}, {}, "clusters: []")).toEqual(["--cluster must name at least one cluster."])
  })

  it("reads a list from one text, from several, and from YAML alike", () => {
    const wanted = ["a.example", "b.example"]
    expect(load({ allowHost: wanted }).allowHost).toEqual(wanted)
    expect(load({}, { BERTH_ALLOW_HOST: "A.example  b.example" }).allowHost).toEqual(wanted)
    expect(load({}, {}, "allowHost: [a.example, b.example]").allowHost).toEqual(wanted)
    expect(load({}, {}, "allowHost: a.example").allowHost).toEqual(["a.example"])
    expect(faults({ allowHost: ["http://x"] })).toHaveLength(1)
  })

  it("freezes what it gives, all the way down", () => {
    const config = load({ allowHost: ["a"] })
    expect(() => Object.assign(config.local, { runAs: "uid" })).toThrow(TypeError)
    expect(() => (config.allowHost as string[]).push("b")).toThrow(TypeError)
  })

  it("never throws, and gives either a whole configuration or named faults", () => {
    const value = fc.oneof(
      fc.anything(),
      fc.string(),
      fc.integer().map(String),
      fc.constantFrom("true", "127.0.0.1:1"),
    )
    const flags = fc.dictionary(fc.constantFrom(...configKeyNames), value)
    const env = fc.dictionary(
      fc.constantFrom(...configKeyNames.map((name) => configKeys[name].env)),
      fc.string(),
    )
    const file = fc.oneof(
      fc.constant(null),
      fc.string({ unit: "binary" }),
      fc.json(),
      fc.dictionary(fc.constantFrom(...configKeyNames, "local", "x"), value).map((keys) => {
        try {
          return JSON.stringify(keys) ?? ""
        } catch {
          return "{}"
        }
      }),
    )
    fc.assert(
      fc.property(flags, env, file, (someFlags, someEnv, text) => {
        const loaded = loadConfig(someFlags, someEnv, text, host)
        if (loaded.ok) {
          expect(loaded.entries.map((entry) => entry.name)).toEqual(configKeyNames)
          expect(loaded.config.listen.port).toBeLessThanOrEqual(65_535)
          expect(!loaded.config.noAuth || isLoopbackHost(loaded.config.listen.host)).toBe(true)
        } else {
          expect(loaded.faults.length).toBeGreaterThan(0)
          for (const fault of loaded.faults) expect(fault.where).not.toBe("")
        }
      }),
      { numRuns: 200 },
    )
  })

  it("reads back what it shows, for every setting", () => {
    for (const name of configKeyNames) {
      const key = configKeys[name] as ConfigKey<unknown>
      const fallback = key.fallback(host)
      if (fallback === null) continue
      expect(key.type.parse(key.type.format(fallback))).toEqual({ ok: true, value: fallback })
    }
  })
})

describe("the table of settings", () => {
  it("has one flag and one variable a setting, none twice, in one form", () => {
    const keys = configKeyNames.map((name) => configKeys[name])
    expect(new Set(keys.map((key) => key.flag)).size).toBe(keys.length)
    expect(new Set(keys.map((key) => key.env)).size).toBe(keys.length)
    for (const key of keys) {
      expect(key.flag).toMatch(/^--[a-z]+(-[a-z]+)*$/)
      expect(key.env).toMatch(/^BERTH_[A-Z]+(_[A-Z]+)*$/)
      expect(key.sentence).toMatch(/^\S[^\n]*[.]$/)
    }
  })

  it("renders one Markdown row a setting, with pipes escaped", () => {
    const rows = renderConfigTable().trimEnd().split("\n")
    expect(rows).toHaveLength(configKeyNames.length + 2)
    for (const row of rows) expect(row.replaceAll("\\|", "").split("|")).toHaveLength(7)
  })

  it("is the README's table", (context) => {
    const readme = readText(new URL("../../../README.md", import.meta.url))
    if (readme === null) return context.skip("there is no README.md yet")
    const between = /<!-- configuration -->\s*([\s\S]*?)\s*<!-- \/configuration -->/.exec(readme)?.[1]
    expect(between).toBe(renderConfigTable().trimEnd())
  })
})

function readText(file: URL): string | null {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return null
  }
}
