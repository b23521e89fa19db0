import { readdirSync, readFileSync } from "node:fs"
import { ScalarType } from "@bufbuild/protobuf"
import type { DescEnum, DescField, DescFile, DescMessage } from "@bufbuild/protobuf"
import { describe, expect, test } from "vitest"
import {
  file_cluster,
  file_config,
  file_job,
  file_job_submission,
  file_serve,
  kuberayRoutes,
} from "./index.ts"

const files: Record<string, DescFile> = {
  cluster: file_cluster,
  config: file_config,
  job: file_job,
  job_submission: file_job_submission,
  serve: file_serve,
}

/** Statements of a .proto file, one a line, without comments, options of the language, indents. */
function statements(name: string): string[] {
  return readFileSync(new URL(`./proto/${name}.proto`, import.meta.url), "utf8")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("//") && !/^(syntax|package|import) /.test(line))
}

function messageName(desc: DescMessage | DescEnum, within: DescMessage): string {
  const parent = desc.parent
  return parent === undefined || parent.typeName === within.typeName || desc.typeName.startsWith("google.")
    ? desc.typeName.replace(/^proto\./, "").replace(`${within.name}.`, "")
    : desc.typeName
}

function typeName(field: DescField, within: DescMessage): string {
  const scalar = (type: ScalarType): string => ScalarType[type].toLowerCase()
  if (field.fieldKind === "map") {
    const value =
      field.mapKind === "scalar"
        ? scalar(field.scalar)
        : messageName(field.mapKind === "message" ? field.message : field.enum, within)
    return `map<${scalar(field.mapKey)}, ${value}>`
  }
  if (field.message) return messageName(field.message, within)
  if (field.enum) return messageName(field.enum, within)
  if (field.scalar === undefined) throw new Error("a field without a type")
  return scalar(field.scalar)
}

function fieldLine(field: DescField, within: DescMessage): string {
  const label = field.fieldKind === "list" ? "repeated " : field.proto.proto3Optional ? "optional " : ""
  return `${label}${typeName(field, within)} ${field.name} = ${field.number};`
}

/** The same statements out of the generated descriptors, as a set of blocks. */
function described(file: DescFile): string[] {
  const services = file.services.map((service) =>
    [
      `service ${service.name} {`,
      ...service.methods.map(
        (m) => `rpc ${m.name}(${m.input.name}) returns (${m.output.typeName.replace(/^proto\./, "")});`,
      ),
      "}",
    ].join("\n"),
  )
  const messages = file.messages.map((message) => {
    const enums = message.nestedEnums.flatMap((e) => [
      `enum ${e.name} {`,
      ...e.values.map((v) => `${v.name} = ${v.number};`),
      "}",
    ])
    const fields = message.fields.map((field) => fieldLine(field, message))
    const lines = [`message ${message.name} {`, ...enums, ...fields, "}"]
    return lines.length === 2 ? `message ${message.name} {}` : lines.join("\n")
  })
  return [...services, ...messages].sort()
}

/** Cut where a block at the top ends. */
function blocks(lines: string[]): string[] {
  const found: string[] = []
  let depth = 0
  let block: string[] = []
  for (const line of lines) {
    block.push(line)
    if (line.endsWith("{")) depth += 1
    if (line === "}") depth -= 1
    if (depth === 0) {
      found.push(block.join("\n"))
      block = []
    }
  }
  return found.sort()
}

describe("generated code", () => {
  test.each(Object.keys(files))("says of %s what its .proto file says, in its order", (name) => {
    const file = files[name]
    expect(file && described(file)).toEqual(blocks(statements(name)))
  })

  test("there is no other .proto file", () => {
    const found = readdirSync(new URL("./proto/", import.meta.url)).sort()
    expect(found).toEqual(Object.keys(files).map((name) => `${name}.proto`))
  })
})

describe("routes", () => {
  const routes = Object.values(kuberayRoutes)

  test("are the 27 of the five services, each RPC once", () => {
    const rpcs = routes.map((route) => `${route.rpc.parent.name}/${route.rpc.name}`)
    const all = Object.values(files).flatMap((file) =>
      file.services.flatMap((service) => service.methods.map((method) => `${service.name}/${method.name}`)),
    )
    expect(rpcs.length).toBe(27)
    expect(rpcs.toSorted()).toEqual(all.toSorted())
    expect(new Set(routes.map((route) => `${route.method} ${route.path}`)).size).toBe(27)
  })

  test("fill every field of the request, each from one place", () => {
    for (const route of Object.values(kuberayRoutes)) {
      const fromPath = [...route.path.matchAll(/:(\w+)/g)].map((match) => match[1])
      const fromBody = "body" in route ? [route.body] : []
      const fromQuery = "query" in route ? route.query : []
      const fields = route.rpc.input.fields.map((field) => field.name)
      const filled = [...fromPath, ...fromBody, ...fromQuery].map(String)
      expect(filled.toSorted(), route.path).toEqual(fields.toSorted())
    }
  })
})
