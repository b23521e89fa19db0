import { describe, expect, it } from "vitest"
import { readServeConfig } from "./serve-config.ts"

const messageOf = (text: string) => {
  const read = readServeConfig(text)
  return read.ok ? "" : read.message
}

describe("a serve configuration", () => {
  it("is a mapping with the names of its applications", () => {
    const text =
      "applications:\n- name: fruit\n  import_path: fruit:app\n- import_path: math:app\nhttp_options: {port: 1}\n"
    expect(readServeConfig(text)).toEqual({
      ok: true,
      config: {
        applications: [{ name: "fruit", import_path: "fruit:app" }, { import_path: "math:app" }],
        http_options: { port: 1 },
      },
      applications: ["fruit", "default"],
    })
  })

  it("may name parts and use them again", () => {
    const text =
      "base: &base {num_replicas: 2}\napplications:\n- name: a\n  deployments:\n  - <<: *base\n    name: d\n"
    expect(readServeConfig(text)).toMatchObject({
      config: { applications: [{ deployments: [{ num_replicas: 2, name: "d" }] }] },
    })
  })

  it("leaves to Ray what a mapping must hold", () => {
    expect(readServeConfig("applications: all")).toMatchObject({ ok: true, applications: [] })
    expect(readServeConfig("{}")).toMatchObject({ ok: true, applications: [] })
  })

  it.each([
    ["a list", "- a", "The serve configuration is no YAML mapping."],
    ["a word", "fruit", "The serve configuration is no YAML mapping."],
    ["nothing", "# nothing", "The serve configuration is no YAML mapping."],
    ["no YAML", "a: 1\nb: [s3cret", "The serve configuration is no YAML: line 2, column 11 (bad indent)."],
    ["a key twice", "a: 1\na: 2", "The serve configuration is no YAML: line 2, column 1 (duplicate key)."],
    ["too large", `a: ${"x".repeat(128 * 1024)}`, "The serve configuration is larger than 128 KiB."],
  ])("that is %s is refused in a sentence", (_, text, message) => {
    expect(messageOf(text)).toBe(message)
  })

  it("stands for no more than it says, however it is written", () => {
    const level = (n: number) =>
      `l${n}: &l${n} [${Array(9)
        .fill(`*l${n - 1}`)
        .join(", ")}]\n`
    const laughs = `l0: &l0 [lol]\n${[1, 2, 3, 4, 5, 6, 7, 8, 9].map(level).join("")}`
    expect(messageOf(laughs)).toMatch(/too many values/)
    expect(messageOf(`a: ${"[".repeat(100_000)}`)).toMatch(/no YAML/)
    expect(messageOf("a: &a [*a]")).toMatch(/no YAML/)
  })
})
