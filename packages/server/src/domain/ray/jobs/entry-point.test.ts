import { describe, expect, it } from "vitest"
import { readEntryPoint } from "./entry-point.ts"
import { tailOf } from "./kept-submissions.ts"
import { readRuntimeEnv, withoutVariables } from "./runtime-env.ts"

const entry = { entrypoint: "e", metadata: { a: "b" }, runtimeEnv: "", numCpus: 0, numGpus: 0, resources: "" }

describe("a runtime environment", () => {
  it.each([
    ["", null],
    ["# nothing", null],
    ["pip: [a==1]\nenv_vars: {A: 'b'}", { pip: ["a==1"], env_vars: { A: "b" } }],
    ['{"working_dir": "/x"}', { working_dir: "/x" }],
    ["a: &x [1]\nb: *x", { a: [1], b: [1] }],
    ["a: 2020-01-01\n1: .nan", { a: "2020-01-01", 1: null }],
  ])("is read: %j", (text, value) => {
    expect(readRuntimeEnv(text)).toEqual({ ok: true, value })
  })

  it.each([
    ["text", "json: cannot unmarshal string into Go value of type map[string]interface {}"],
    ["[a]", "json: cannot unmarshal array into Go value of type map[string]interface {}"],
    ["1", "json: cannot unmarshal number into Go value of type map[string]interface {}"],
    ["true", "json: cannot unmarshal bool into Go value of type map[string]interface {}"],
    ["a: 1\na: 2", "yaml: line 2: duplicate key"],
    ["a: *b", "yaml: line 1: alias to nothing"],
    [`a: ${"x".repeat(65_536)}`, "yaml: it has more than 65536 characters"],
  ])("is refused with a reason: %j", (text, fault) => {
    expect(readRuntimeEnv(text)).toEqual({ ok: false, fault })
  })

  it("of few letters that stands for very much is refused", () => {
    const levels = Array.from({ length: 30 }, (_, at) => `l${at}: &l${at} [${`*l${at - 1}, `.repeat(9)}1]`)
    const text = ["l-1: &l-1 1", ...levels].join("\n")
    expect(readRuntimeEnv(text).ok).toBe(false)
  })

  it("shows nothing of itself in its fault: there may be secrets in it", () => {
    const text = 'env_vars:\n  KEY: "hush\n  other: hush: hush'
    expect(JSON.stringify(readRuntimeEnv(text))).not.toContain("hush")
  })
})

it("what Ray says of variables is told without their values", () => {
  const runtimeEnv = { env_vars: { A: "hush", B: { c: 'hush"hush' }, N: 1, LONG: 123456 }, pip: ["word"] }
  const said = `A hush, B {'c': 'hush"hush'} {"c": "hush\\"hush"}, N 1, LONG 123456 word`
  expect(withoutVariables(said, runtimeEnv)).toBe(`A ***, B {'c': '***'} {"c": "***"}, N 1, LONG *** word`)
  expect(withoutVariables(said, null)).toBe(said)
})

describe("an entry point", () => {
  it("has its sizes and resources as numbers, those below 0 as none", () => {
    const read = readEntryPoint({ ...entry, numCpus: 0.5, numGpus: -1, resources: '{"a":1,"b":"0.5"}' })
    const submit = { entrypoint: "e", metadata: { a: "b" }, runtimeEnv: null, numCpus: 0.5, numGpus: 0 }
    expect(read).toEqual({ ok: true, submit: { ...submit, resources: { a: 1, b: 0.5 } } })
  })

  it.each(['{"a":-1}', '{"a":""}', '{"a":null}', '{"a":"1x"}', '{"a":1e999}', "[1]", "null", "a: 1", "{"])(
    "is refused for the resources %s",
    (resources) => {
      expect(readEntryPoint({ ...entry, resources })).toMatchObject({
        ok: false,
        fault: { part: "entrypoint_resources" },
      })
    },
  )

  it("is refused for more resources than anybody has", () => {
    const many = Object.fromEntries(Array.from({ length: 101 }, (_, at) => [`r${at}`, 1]))
    expect(readEntryPoint({ ...entry, resources: JSON.stringify(many) }).ok).toBe(false)
  })
})

it("of a log at most its last MiB is kept, in whole letters", () => {
  expect(tailOf("short")).toBe("short")
  const tail = tailOf(`${"x".repeat(10)}${"é".repeat(600_000)}y`)
  expect(Buffer.byteLength(tail)).toBeLessThanOrEqual(1_048_576)
  expect(tail).toMatch(/^é+y$/)
})
