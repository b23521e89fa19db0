import { Type } from "typebox"
import {
  bodySchema,
  examples,
  kuberayPathParameters,
  kuberayRefusals,
  messageSchema,
  namedSchemas,
  querySchema,
} from "../kuberay/openapi/index.ts"
import { kuberayRoutes, type KuberayRoute, type KuberayRouteName } from "../kuberay/routes.ts"
import type { ApiFamily, FamilyRoute } from "./family.ts"

const ErrorSchema = Type.Object(
  {
    code: Type.Integer({ description: "A status code of gRPC." }),
    message: Type.String({ description: "What is wrong." }),
  },
  { description: "An error: exactly these two members." },
)

const routes = (Object.keys(kuberayRoutes) as KuberayRouteName[]).map((name): FamilyRoute => {
  const route: KuberayRoute = kuberayRoutes[name]
  const query = querySchema(route)
  const body = bodySchema(route)
  const example: unknown = (examples as Readonly<Record<string, unknown>>)[name]
  return {
    id: `kuberay.${name}`,
    tag: route.rpc.parent.name,
    method: route.method,
    path: route.path,
    summary: route.summary,
    description: `Over gRPC: \`${route.rpc.parent.typeName}/${route.rpc.name}\`.`,
    ...(query && { query }),
    ...(body && { body, example }),
    isBodyRequired: body !== undefined,
    status: 200,
    answer: messageSchema(route.rpc.output),
  }
})

const swagger: FamilyRoute = {
  id: "kuberay.swagger",
  tag: "documents",
  method: "GET",
  path: "/swagger/:file",
  summary: "A Swagger 2.0 document",
  params: { file: "`cluster`, `config`, `error`, `job`, `job_submission` or `serve`, then `.swagger.json`." },
  isBodyRequired: false,
  status: 200,
  answer: Type.Object({}, { additionalProperties: true, description: "The document." }),
  others: { 404: Type.String({ contentMediaType: "text/plain", description: "There is no such document." }) },
}

/** The document of the KubeRay API, from the descriptors of its messages. */
export const kuberayFamily: ApiFamily = {
  name: "kuberay",
  title: "KubeRay API",
  description: `Ray clusters, jobs and services: the KubeRay API server's API, V1.

Success is always 200. Bodies are read whatever their content type, with the names of JSON or of the .proto files;
members that are not known are ignored. Answers leave out what is zero or empty. Whole numbers of 64 bits are text.
Every error is \`{code, message}\` with a code of gRPC and nothing else; a method that a path does not have is a 501; a
path with \`//\`, \`.\` or \`..\` is a 307 to the clean one. \`Grpc-Timeout\` gives a request a deadline. The same operations
are there over gRPC (\`--grpc-listen\`).

Any answer has an \`X-Request-Id\`: the one that the request brought, or a new one. A request that is not well-formed HTTP
gets 400, one whose head is larger than 16 KiB 431, one that does not arrive within 60 s 408, all in the same form.`,
  routes: [...routes, swagger],
  schemas: namedSchemas(),
  errorSchema: ErrorSchema,
  refusals: kuberayRefusals,
  params: kuberayPathParameters,
}
