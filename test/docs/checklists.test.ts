import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"

const root = fileURLToPath(new URL("../../", import.meta.url))
const lists = readdirSync(`${root}docs/checklists`)
const folders = ["packages", "test", "docs"].flatMap((folder) =>
  readdirSync(root + folder, { recursive: true, encoding: "utf8" })
    .filter((path) => !path.includes("node_modules"))
    .map((path) => `/${folder}/${path}`.replace("/packages/contract/src/", "/packages/contract/")),
)

const files = ["/CHANGELOG.md", ...folders]

it.each(lists)("%s names files that there are", (list) => {
  const text = readFileSync(`${root}docs/checklists/${list}`, "utf8")
  const named = [...text.matchAll(/`([\w./-]+\.(?:ts|md|sql))`/g)].map(([, path = ""]) => path)
  const examples = /000N/
  const missing = named.filter(
    (path) => !examples.test(path) && !files.some((file) => file.endsWith(`/${path}`)),
  )
  expect(missing).toEqual([])
  expect(named.length).toBeGreaterThan(3)
})

it("CONTRIBUTING links every checklist", () => {
  const text = readFileSync(`${root}CONTRIBUTING.md`, "utf8")
  for (const list of lists) expect(text).toContain(`docs/checklists/${list}`)
})
