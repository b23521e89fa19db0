import { describe, expect, it } from "vitest"
import { readYaml } from "./yaml.ts"

const valueOf = (text: string, merges = true) => {
  const read = readYaml(text, { merges })
  return read.ok ? read.value : `${read.line}:${read.column} ${read.what}`
}

describe("YAML", () => {
  it.each<readonly [string, unknown]>([
    ["a: [1, x, true, ~, 1.5, 0x10]", { a: [1, "x", true, null, 1.5, 16] }],
    ["", null],
    ["a: 1\n---\nb: 1", { a: 1 }],
    ["a: .inf\nb: .nan", { a: null, b: null }],
    ["1: a\ntrue: b\n~: c", { "1": "a", true: "b", "": "c" }],
    ["__proto__: {a: 1}", JSON.parse('{"__proto__": {"a": 1}}')],
    ["a: !other x", { a: "x" }],
    ["a: &x 1\nb: &x 2\nc: *x", { a: 1, b: 2, c: 2 }],
    ["&k a: 1\nb: *k", { a: 1, b: "a" }],
    ["a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}", { a: { x: 1, y: 2 }, b: { x: 3, y: 2 } }],
    [
      "a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b]}",
      { a: { x: 1 }, b: { x: 2, y: 2 }, c: { x: 1, y: 2 } },
    ],
    ['"<<": 1', { "<<": 1 }],
  ])("%j is read", (text, value) => expect(valueOf(text)).toEqual(value))

  it("takes over other mappings only where that is wanted", () => {
    expect(valueOf("a: &a {x: 1}\nb: {<<: *a}", false)).toEqual({ a: { x: 1 }, b: { "<<": { x: 1 } } })
  })

  it.each([
    ["a: 1\na: 2", "2:1 duplicate key"],
    ["a: &a [*a]", "1:8 alias to nothing"],
    ["? [a]\n: 1", "1:3 key that is no scalar"],
    ["a: {<<: 1}", "1:5 merge of what is no mapping"],
    ['a: "\\hush"', /^1:\d+ bad dq escape$/],
    ["a: @hush", /^1:\d+ bad scalar start$/],
  ])("%j is refused with nothing of it", (text, fault) => expect(valueOf(text)).toMatch(fault))

  it.each([
    ["mappings as keys", "? ".repeat(400)],
    ["more mappings as keys", "? ".repeat(32_000)],
    ["lists", "[".repeat(9_000)],
    ["keys", Array.from({ length: 30_000 }, (_, at) => `${at}: 1`).join("\n")],
    ["mistakes", "a: }\n".repeat(20_000)],
    ["aliases", `- &a [${"1,".repeat(1_000)}]\n${"- *a\n".repeat(1_000)}`],
    ["lists of aliases", laughs((n) => `[${`*l${n}, `.repeat(9)}]`)],
  ])("many %s are refused, at once", (_, text) => {
    expect(valueOf(text)).toMatch(/too many values|no scalar|resource exhaustion|nested|bad indent/)
  })

  it("that takes over what takes over, and so on, is read without making each anew", () => {
    expect(valueOf(laughs((n) => `{<<: [${`*l${n}, `.repeat(9)}]}`))).toHaveProperty("l30", { a: 1 })
  })
})

function laughs(level: (before: number) => string): string {
  const levels = Array.from({ length: 30 }, (_, at) => `l${at + 1}: &l${at + 1} ${level(at)}`)
  return `l0: &l0 {a: 1}\n${levels.join("\n")}`
}
