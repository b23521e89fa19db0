import { describe, expect, it } from "vitest"
import { WorkloadDetailSchema } from "./answers.ts"
import { decodeCreate } from "./decode-create.ts"
import { decodePatch } from "./decode-patch.ts"
import type { Decoded } from "./result.ts"
import { CreateWorkloadRequestSchema, PatchWorkloadRequestSchema } from "./schemas.ts"

type Members = Readonly<Record<string, unknown>>
interface Documented {
  readonly type?: string
  readonly description?: string
  readonly properties?: Members
  readonly items?: unknown
  readonly anyOf?: readonly unknown[]
}

/** The places of all members that a request's schema documents: `resource.cpu`, `cronJobs.schedule`. */
function placesOf(schema: Documented, at: readonly string[] = []): [readonly string[], string][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, member]) => {
    const { type, description, properties, items, anyOf } = member as Documented
    if (description === "Not used.") return []
    const place = [...at, name]
    const plain = type ?? (anyOf?.[0] as Documented | undefined)?.type ?? ""
    const inner = properties ? placesOf({ properties }, place) : []
    const elements = items as Documented | undefined
    return [[place, plain], ...inner, ...(elements?.properties ? placesOf(elements, place) : [])]
  })
}

/** A body with something at that place that is surely of another type; arrays on the way hold one element. */
function bodyWith(schema: Documented, place: readonly string[], wrong: unknown): unknown {
  const [first = "", ...rest] = place
  if (rest.length === 0) return { [first]: wrong }
  const member = (schema.properties ?? {})[first] as Documented
  if (member.type !== "array") return { [first]: bodyWith(member, rest, wrong) }
  return { [first]: [bodyWith(member.items as Documented, rest, wrong)] }
}

const wrongFor = (type: string) => (type === "integer" || type === "boolean" ? "x" : 7)

describe.each<[string, Documented, (body: unknown) => Decoded<unknown>]>([
  ["create", CreateWorkloadRequestSchema, decodeCreate],
  ["patch", PatchWorkloadRequestSchema, decodePatch],
])("a %s request", (_, schema, decode) => {
  it.each(placesOf(schema).map(([place, type]) => [place.join("."), place, type] as const))(
    "has its documented member %s read",
    (_, place, type) => {
      const result = decode(bodyWith(schema, place, wrongFor(type)))
      const places = result.ok ? [] : result.issues.map((issue) => issue.path.join("."))
      expect(places).toContain(place.join("."))
    },
  )
})

it("what can be asked for is shown by the workload", () => {
  // The older name of workspaceId.
  const asked = Object.keys(CreateWorkloadRequestSchema.properties).filter((name) => name !== "workspace")
  expect(Object.keys(WorkloadDetailSchema.properties)).toEqual(expect.arrayContaining(asked))
})
