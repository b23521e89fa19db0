import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import { renderDocuments } from "../../docs/documents.ts"

it("the documents show the states and the configuration that the code has (npm run docs)", () => {
  for (const { path, text } of renderDocuments((path) => readFileSync(path, "utf8")))
    expect(readFileSync(path, "utf8"), path).toBe(text)
})
