import { spawnSync } from "node:child_process"
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, it } from "vitest"

const root = fileURLToPath(new URL("../..", import.meta.url))
const server = "packages/server/src"

/** What a folder may not import. A later override of a rule replaces an earlier one, so each is tried. */
const refused: readonly (readonly [folder: string, from: string])[] = [
  ["packages/contract/src", "@berth/sdk"],
  ["packages/contract/src", "node:fs"],
  ["packages/sdk/src", "@berth/server/main"],
  [`${server}/kit`, "../domain/queue/index.ts"],
  [`${server}/domain/journal`, "../identity/index.ts"],
  [`${server}/domain/identity`, "node:fs"],
  [`${server}/domain/identity`, "../workspaces/index.ts"],
  [`${server}/domain/inventory`, "../identity/roles.ts"],
  [`${server}/domain/inventory`, "../queue/index.ts"],
  [`${server}/domain/workspaces`, "../queue/index.ts"],
  [`${server}/domain/workspaces`, "../gpu-requests/index.ts"],
  [`${server}/domain/gpu-requests`, "../queue/index.ts"],
  [`${server}/domain/queue`, "../gpu-requests/types.ts"],
  [`${server}/control`, "../domain/gpu-requests/types.ts"],
  [`${server}/domain/queue`, "../workloads/index.ts"],
  [`${server}/domain/queue`, "../../store/index.ts"],
  [`${server}/domain/workloads`, "../queue/types.ts"],
  [`${server}/control`, "../store/index.ts"],
  [`${server}/control`, "../domain/queue/types.ts"],
  [`${server}/store`, "../drivers/fake/fake-world.ts"],
  [`${server}/store`, "../domain/queue/types.ts"],
  [`${server}/drivers/local`, "../../store/index.ts"],
  [`${server}/backups`, "../http/app.ts"],
  [`${server}/backups`, "../domain/queue/types.ts"],
  [`${server}/http/workloads`, "../berth/map.ts"],
  [`${server}/http/workloads`, "../../domain/queue/types.ts"],
  [`${server}/http/berth`, "../workloads/map.ts"],
  [`${server}/http/berth`, "../../store/index.ts"],
  [`${server}/http/kuberay`, "../egs/map.ts"],
  [`${server}/http/kuberay/grpc`, "../../berth/map.ts"],
  [`${server}/http/kuberay/grpc`, "../../../store/index.ts"],
  [`${server}/http/berth`, "../kuberay/calls.ts"],
  [`${server}/cli`, "../domain/queue/index.ts"],
]
const allowed: readonly (readonly [folder: string, from: string])[] = [
  ["packages/contract/src", "typebox"],
  ["packages/sdk/src", "@berth/contract/berth"],
  [`${server}/domain/identity`, "node:crypto"],
  [`${server}/domain/inventory`, "../identity/index.ts"],
  [`${server}/http/workloads`, "../../domain/queue/index.ts"],
  [`${server}/http/kuberay/grpc`, "../../plugins/limits.ts"],
  [`${server}/store`, "../domain/queue/index.ts"],
  [`${server}/backups`, "../store/index.ts"],
]

let dir: string
let found: ReadonlySet<string>
const fileOf = (kind: string, at: number, folder: string) => `${folder}/${kind}-${at}.ts`

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "berth-layers-"))
  copyFileSync(join(root, ".oxlintrc.json"), join(dir, ".oxlintrc.json"))
  for (const [kind, cases] of [
    ["refused", refused],
    ["allowed", allowed],
  ] as const)
    for (const [at, [folder, from]] of cases.entries()) {
      const path = join(dir, fileOf(kind, at, folder))
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, `import { a } from "${from}"\nexport const b = a\n`)
    }
  const run = spawnSync(join(root, "node_modules/.bin/oxlint"), ["--format", "json"], {
    cwd: dir,
    encoding: "utf8",
    env: { ...process.env, PATH: `${join(root, "node_modules/.bin")}:${process.env["PATH"] ?? ""}` },
  })
  const { diagnostics } = JSON.parse(run.stdout) as { diagnostics: { code: string; filename: string }[] }
  found = new Set(
    diagnostics.filter(({ code }) => code.includes("no-restricted-imports")).map(({ filename }) => filename),
  )
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

it.each(refused.map((one, at) => [...one, at] as const))("%s may not import %s", (folder, _from, at) => {
  expect(found).toContain(fileOf("refused", at, folder))
})

it.each(allowed.map((one, at) => [...one, at] as const))("%s may import %s", (folder, _from, at) => {
  expect(found).not.toContain(fileOf("allowed", at, folder))
})
