import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { Validator } from "@seriousme/openapi-schema-validator"
import { Ajv } from "ajv"
import addFormats from "ajv-formats"
import { describe, expect, test } from "vitest"
import {
  ClusterSpecSchema,
  JobSubmissionInfoSchema,
  RayJobSchema,
  RayServiceSchema,
  encodeBody,
  kuberayRoutes,
  swaggerDocument,
  swaggerNames,
} from "../index.ts"
import type { SwaggerName } from "../index.ts"

interface Operation {
  readonly operationId: string
  readonly parameters: readonly unknown[]
}

const operationsOf = (name: SwaggerName): [string, Operation][] =>
  Object.entries(swaggerDocument(name).paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [
      `${method.toUpperCase()} ${path}`,
      operation as Operation,
    ]),
  )

describe.each(swaggerNames)("the document of %s", (name) => {
  test("is valid Swagger 2.0", async () => {
    const validator = new Validator()
    const document = structuredClone(swaggerDocument(name)) as unknown as Record<string, unknown>
    expect(await validator.validate(document)).toEqual({ valid: true })
    expect(validator.version).toBe("2.0")
  })

  test("has a definition for each reference", () => {
    const document = swaggerDocument(name)
    const text = JSON.stringify(document)
    for (const [, used = ""] of text.matchAll(/"#\/definitions\/(\w+)"/g)) {
      expect(document.definitions[used], used).toMatchObject({ type: "object" })
    }
  })

  test("begins as the published one", () => {
    expect(swaggerDocument(name)).toMatchObject({
      info: { title: `${name}.proto`, version: "version not set" },
      schemes: ["http"],
      definitions: { googlerpcStatus: { properties: { code: {}, message: {}, details: {} } } },
    })
  })
})

test("together they have every route once", () => {
  const said = swaggerNames.flatMap((name) => operationsOf(name).map(([place]) => place))
  const routes = Object.values(kuberayRoutes).map(
    ({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`,
  )
  expect(said.toSorted()).toEqual(routes.toSorted())
  expect(operationsOf("error")).toEqual([])
})

test("an operation says its body and its query by the names of JSON", () => {
  const serve = Object.fromEntries(operationsOf("serve"))
  expect(serve["PUT /apis/v1/namespaces/{namespace}/services/{name}"]).toMatchObject({
    operationId: "RayServeService_UpdateRayService",
    parameters: [
      { name: "namespace", in: "path", required: true, type: "string" },
      { name: "name", in: "path", required: true, type: "string" },
      { name: "service", in: "body", required: true, schema: { $ref: "#/definitions/protoRayService" } },
    ],
  })
  expect(serve["GET /apis/v1/services"]?.parameters).toEqual([
    { name: "pageToken", in: "query", required: false, type: "string" },
    { name: "pageSize", in: "query", required: false, type: "integer", format: "int32" },
  ])
  const cluster = Object.fromEntries(operationsOf("cluster"))
  expect(cluster["GET /apis/v1/clusters"]?.parameters).toContainEqual({
    name: "limit",
    in: "query",
    required: false,
    type: "string",
    format: "int64",
  })
})

describe("what is said holds to it", () => {
  const time = timestampFromMs(1000)
  const clusterSpec = create(ClusterSpecSchema, {
    headGroupSpec: {
      computeTemplate: "t",
      rayStartParams: { a: "b" },
      volumes: [{ volumeType: 3, readOnly: true, items: { k: "p" } }],
      environment: { valuesFrom: { A: { source: 1, name: "n" } } },
      securityContext: { privileged: false },
    },
    workerGroupSpec: [{ groupName: "g", replicas: 1 }],
  })

  test.each([
    [
      "job",
      "protoRayJob",
      encodeBody(
        RayJobSchema,
        create(RayJobSchema, { clusterSpec, startTime: time, entrypointNumCpus: 0.5, metadata: { a: "b" } }),
      ),
    ],
    [
      "serve",
      "protoRayService",
      encodeBody(
        RayServiceSchema,
        create(RayServiceSchema, {
          clusterSpec,
          deleteAt: time,
          rayServiceStatus: { rayServiceEvents: [{ createdAt: time, count: 1 }] },
        }),
      ),
    ],
    [
      "job_submission",
      "protoJobSubmissionInfo",
      encodeBody(
        JobSubmissionInfoSchema,
        create(JobSubmissionInfoSchema, { startTime: 5n, runtimeEnv: { a: "b" } }),
      ),
    ],
  ] as const)("%s %s", (name, definition, text) => {
    const ajv = new Ajv({ strict: false, formats: { uint64: /^\d+$/ } })
    addFormats.default(ajv)
    // Closed: a member that the document does not know is a fault.
    const closed = JSON.parse(
      JSON.stringify(swaggerDocument(name).definitions).replaceAll(
        /"type":"object","properties"/g,
        '"additionalProperties":false,$&',
      ),
    ) as Record<string, unknown>
    ajv.addFormat("int64", true)
    const validate = ajv.compile({ definitions: closed, $ref: `#/definitions/${definition}` })
    validate(JSON.parse(text))
    expect(validate.errors ?? []).toEqual([])
    expect(validate({ ...JSON.parse(text), other: 1 })).toBe(false)
  })
})
