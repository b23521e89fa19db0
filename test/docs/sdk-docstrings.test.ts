import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"

const folder = fileURLToPath(new URL("../../packages/sdk/src/", import.meta.url))
const exported = /^export (?:async )?(?:function\*?|const|class|interface|type) \w+/
const member = /^ {2}(?:readonly )?(\w+)[?]?[:(<]/

it("every exported name of the SDK, and every member of its interfaces, says what it is", () => {
  const silent: string[] = []
  for (const file of readdirSync(folder).filter((name) => !name.includes("test"))) {
    const lines = readFileSync(folder + file, "utf8").split("\n")
    let isInterface = false
    for (const [at, line] of lines.entries()) {
      if (exported.test(line)) isInterface = line.startsWith("export interface")
      else if (line === "}") isInterface = false
      const isNamed = exported.test(line) || (isInterface && member.test(line))
      if (isNamed && !lines[at - 1]?.trimEnd().endsWith("*/")) silent.push(`${file}:${at + 1} ${line.trim()}`)
    }
  }
  expect(silent).toEqual([])
})
